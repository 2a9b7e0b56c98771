"""The staff admin itself: what each of its pages needs is put together in the cheapest way."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import lazy
from django.utils.module_loading import import_string
from unfold.sites import UnfoldAdminSite


class StaffSite(UnfoldAdminSite):
    """The theme's, with a side bar of our own."""

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """All lists, asked for when they are shown: each page's context has them, the first page alone shows them."""
        found: list[Any] = lazy(super().get_app_list, list)(request, app_label)
        return found

    def get_sidebar_list(self, request: HttpRequest) -> list[Any]:
        """Sections of `config.staff_menu`, which imports the admin of every app, as this module must not."""
        sections: list[Any] = import_string(settings.UNFOLD["SIDEBAR"]["navigation"])(request)
        return sections
