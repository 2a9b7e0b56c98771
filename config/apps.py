from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """An app so that commands and template tags of the whole product have a home."""

    name = "config"

    def ready(self) -> None:
        """Bind every `shared_task` to our Celery application, in each process that runs Django."""
        from config import celery  # noqa: F401 - needs the settings to be loaded
