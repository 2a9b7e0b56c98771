"""Public pages about what can be called: Home and Pricing."""

from django.urls import path

from relay import views

urlpatterns = [
    path("", views.home, name="home"),
    path("pricing", views.pricing, name="pricing"),
]
