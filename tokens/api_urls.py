"""`/api/tokens`."""

from django.urls import path

from tokens import api

urlpatterns = [
    path("tokens", api.TokenCollection.as_view(), name="api-tokens"),
    path("tokens/<token_id:public_id>", api.TokenDetail.as_view(), name="api-token"),
    path("tokens/<token_id:public_id>/disable", api.TokenDisable.as_view(), name="api-token-disable"),
    path("tokens/<token_id:public_id>/enable", api.TokenEnable.as_view(), name="api-token-enable"),
    path("tokens/<token_id:public_id>/rotate", api.TokenRotation.as_view(), name="api-token-rotate"),
    path("tokens/<token_id:public_id>/former-key", api.TokenFormerKey.as_view(), name="api-token-former-key"),
]
