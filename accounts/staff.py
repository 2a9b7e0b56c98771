"""What the staff admin of every app shares: who gets in, rows nobody changes by hand, how amounts are shown."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from unfold.admin import ModelAdmin, TabularInline, checkbox
from unfold.decorators import display
from unfold.forms import PaginationInlineFormSet
from unfold.paginator import InfinitePaginator

from config.kernel.money import format_usd

Column = Callable[[Any, Any], str]


@require_safe
def sign_in(request: HttpRequest) -> HttpResponse:
    """`/admin/login/`: the site's own sign-in, second factor included. Whoever is in but no staff gets a plain 403."""
    target = request.GET.get("next") or resolve_url("admin:index")
    if not request.user.is_authenticated:
        return redirect_to_login(target)
    if not request.user.is_staff:
        raise PermissionDenied(_("These pages are for the operator of this site."))
    return redirect(target if target.startswith("/admin/") else "admin:index")


@cache
def _checkbox(language: str | None) -> str:
    return checkbox.render(ACTION_CHECKBOX_NAME, "{}")


class StaffAdmin(ModelAdmin):
    """A list and its forms, as every app's admin begins."""

    list_filter_sheet = True
    compressed_fields = True
    warn_unsaved_form = True
    list_per_page = 25

    @display(description=ModelAdmin.action_checkbox.short_description)
    def action_checkbox(self, obj: Model) -> str:
        """Unfold's own, its template rendered once and not for each row."""
        return format_html(_checkbox(get_language()), str(obj.pk))


class StaffFormSet(PaginationInlineFormSet):
    """Makes the form that new rows are copied from once: a page asks five times for it."""

    @cached_property
    def empty_form(self) -> Any:
        return super().empty_form


class StaffTabular(TabularInline):
    """Related objects as a table of inputs, whose rows are rendered once."""

    formset = StaffFormSet
    template = "admin/edit_inline/rows.html"


class ReadOnlyAdmin(StaffAdmin):
    """Rows that are written by services alone: listed and shown, never added, changed or deleted here."""

    actions: Sequence[str] | None = None
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class EndlessAdmin(ReadOnlyAdmin):
    """For tables that grow for ever: newest first by primary key, pages without a count, no other order."""

    paginator = InfinitePaginator
    show_facets = admin.ShowFacets.NEVER  # each facet is a count
    ordering = ("-pk",)
    sortable_by = ()


def short_time(moment: datetime) -> str:
    """`2026-03-18 10:30:00`, in the reader's zone: a column of these can be scanned."""
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}"


def usd_column(field: str, label: Any, *, sortable: bool = True) -> Column:
    """A column that shows the nano-dollars of `field` as exact dollars, and a dash for none."""

    @admin.display(description=label, ordering=field if sortable else None)
    def column(_admin: Any, row: Any) -> str:
        nano = getattr(row, field)
        return "–" if nano is None else format_usd(nano)

    return column


def state_column(field: str, tones: Mapping[str, str], label: Any) -> Column:
    """A badge: the word of a choice in the colour of its value, whatever the reader's language."""
    colours: Any = tones

    @display(description=label, ordering=field, label=colours)
    def column(_admin: Any, row: Any) -> Any:
        value = getattr(row, field)
        word = getattr(row, f"get_{field}_display")()
        return (value, word) if value in tones else word

    return column
