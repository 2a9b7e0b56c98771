"""Public pages about what can be called: Home, Pricing, Docs."""

from django.urls import path

from relay import docs, views

urlpatterns = [
    path("", views.home, name="home"),
    path("pricing", views.pricing, name="pricing"),
    path("docs", docs.docs, name="docs"),
    path("docs/<slug:slug>", docs.docs, name="docs-page"),
]
