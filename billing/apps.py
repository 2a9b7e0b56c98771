from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        """Connect the receivers."""
        from billing import receivers  # noqa: F401 - needs the models
