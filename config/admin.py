"""Texts and announcements of the site."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.staff import StaffAdmin
from config.models import Announcement, SiteText


@admin.register(SiteText)
class SiteTextAdmin(StaffAdmin):
    list_display = ("page", "changed_at")
    fields = ("page", "text", "text_zh")

    def get_readonly_fields(self, request: HttpRequest, obj: SiteText | None = None) -> tuple[str, ...]:
        """A text stays on its page."""
        return ("page",) if obj else ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """One text a page."""
        free = SiteText.objects.count() < len(SiteText.Page)
        return free and super().has_add_permission(request)


@admin.register(Announcement)
class AnnouncementAdmin(StaffAdmin):
    list_display = ("text", "tone", "shown_from", "shown_until", "is_shown")
    list_filter = ("tone",)
    search_fields = ("text", "text_zh")
    fields = ("text", "text_zh", "tone", "shown_from", "shown_until")

    @display(description=_("shown now"), boolean=True)
    def is_shown(self, row: Announcement) -> bool:
        now = timezone.now()
        return row.shown_from <= now and (row.shown_until is None or row.shown_until > now)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A line, not an essay."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name in ("text", "text_zh"):
            field.max_length = field.widget.attrs["maxlength"] = 500
            field.widget.attrs["rows"] = 3
        return field
