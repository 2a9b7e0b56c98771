from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Customers")  # what the staff admin calls the section

    def ready(self) -> None:
        """Connect the receivers."""
        from accounts import receivers  # noqa: F401 - needs the models
