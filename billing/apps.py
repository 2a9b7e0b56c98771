from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = _("Money")  # what the staff admin calls the section

    def ready(self) -> None:
        """Connect the receivers."""
        from billing import receivers  # noqa: F401 - needs the models
