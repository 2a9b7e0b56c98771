from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        """Connect the receivers."""
        from billing import receivers  # noqa: F401, PLC0415 - needs the models
