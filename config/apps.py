from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConfigConfig(AppConfig):
    """An app so that commands and template tags of the whole product have a home."""

    name = "config"
    verbose_name = _("Site")  # what the staff admin calls the section

    def ready(self) -> None:
        """Bind every `shared_task` to our Celery application, in each process that runs Django."""
        from config import celery  # noqa: F401 - needs the settings to be loaded
