"""Public pages about what can be called: Home, Pricing, Docs, Status."""

from django.urls import path

from relay import docs, status, views

urlpatterns = [
    path("", views.home, name="home"),
    path("pricing", views.pricing, name="pricing"),
    path("status", status.status, name="status"),
    path("docs", docs.docs, name="docs"),
    path("docs/<slug:slug>", docs.docs, name="docs-page"),
]
