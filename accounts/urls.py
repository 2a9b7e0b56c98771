"""Sign-up, sign-in, reset and profile: django-allauth's pages under our templates."""

from django.urls import include, path

urlpatterns = [
    path("", include("allauth.urls")),
]
