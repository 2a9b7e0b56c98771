"""Token Management."""

from django.urls import path

from tokens import views

urlpatterns = [
    path("", views.token_list, name="tokens"),
]
