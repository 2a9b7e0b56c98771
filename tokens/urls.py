"""Token Management."""

from django.urls import path

from tokens import views

urlpatterns = [
    path("tokens", views.token_list, name="tokens"),
    path("tokens/new", views.create, name="token-new"),
    path("tokens/created", views.created, name="tokens-created"),
    path("tokens/<token_id:public_id>/edit", views.edit, name="token-edit"),
    path("tokens/<token_id:public_id>/rotate", views.rotate, name="token-rotate"),
    path("tokens/<token_id:public_id>/former-key", views.stop_former_key, name="token-former-key"),
    path("tokens/reveal", views.reveal, name="tokens-reveal"),
    path("tokens/disable", views.disable, name="tokens-disable"),
    path("tokens/enable", views.enable, name="tokens-enable"),
    path("tokens/delete", views.delete, name="tokens-delete"),
]
