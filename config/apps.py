from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.utils.translation import gettext_lazy as _


class ConfigConfig(AppConfig):
    """An app so that commands and template tags of the whole product have a home."""

    default = True
    name = "config"
    verbose_name = _("Site")  # what the staff admin calls the section

    def ready(self) -> None:
        """Bind every `shared_task` to our Celery application, in each process that runs Django."""
        from config import celery  # noqa: F401 - needs the settings to be loaded


class StaffAdminConfig(admin_apps.AdminConfig):
    """Django's admin, with our site in the place of its own."""

    default = False
    default_site = "config.staff_site.StaffSite"
