"""Token Management."""

from django.urls import path

from tokens import views

urlpatterns = [
    path("tokens", views.token_list, name="tokens"),
]
