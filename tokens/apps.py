from django.apps import AppConfig
from django.urls import register_converter
from django.utils.translation import gettext_lazy as _


class TokensConfig(AppConfig):
    name = "tokens"
    verbose_name = _("Keys and groups")  # what the staff admin calls the section

    def ready(self) -> None:
        """Connect the receivers, and teach the addresses what a token's id looks like."""
        from tokens import receivers  # noqa: F401 - needs the models
        from tokens.converters import TokenId

        register_converter(TokenId, "token_id")
