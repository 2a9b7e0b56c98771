from django.apps import AppConfig


class TokensConfig(AppConfig):
    name = "tokens"

    def ready(self) -> None:
        """Connect the receivers."""
        from tokens import receivers  # noqa: F401 - needs the models
