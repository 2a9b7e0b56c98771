from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RelayConfig(AppConfig):
    name = "relay"
    verbose_name = _("Channels")  # what the staff admin calls the section

    def ready(self) -> None:
        """Connect the receivers."""
        from relay import receivers  # noqa: F401 - needs the models
