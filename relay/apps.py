from django.apps import AppConfig


class RelayConfig(AppConfig):
    name = "relay"

    def ready(self) -> None:
        """Connect the receivers."""
        from relay import receivers  # noqa: F401 - needs the models
