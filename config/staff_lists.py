"""The table of a staff list: the theme's own page around it, with rows that are written in Python.

The theme looks up and renders each cell on its own, 200 of them. What the cells of a column have in common is found out
once here, and of the theme's template three blank rows are rendered, between whose ends all rows are put. No list is
edited in place: forms in rows are not known here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote as quoted

from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import label_for_field, quote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import BooleanField, DateField, Field, ForeignKey, Model, TimeField
from django.template import Context
from django.template.loader import render_to_string
from django.utils.html import conditional_escape, escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from unfold.templatetags.unfold_list import CHECKBOX_CLASSES, LINK_CLASSES, ROW_CLASSES, result_headers
from unfold.utils import display_for_field, display_for_label, display_for_value

CELLS = SafeString("<!-- cells -->")
ROW = "the-row"  # in the place of a primary key; the theme leaves dashes out where it makes a name of it

Shown = Callable[[Any, str], Any]


class _BlankRow(list[SafeString]):
    form = None
    instance = SimpleNamespace(pk=ROW)


@dataclass(frozen=True, slots=True)
class _Column:
    """What its cells have in common: its tag, how the value is found and how it is shown."""

    tag: str
    opening: str
    value: Callable[[Model], Any]
    shown: Shown
    empty: str
    link: str = ""

    def cell(self, row: Model, pk: str) -> str:
        try:
            inside = conditional_escape(self.shown(self.value(row), self.empty))
        except ObjectDoesNotExist:
            inside = conditional_escape(self.empty)
        if self.link:
            return f"{self.opening}{self.link.replace(ROW, pk)}{inside}</a></{self.tag}>"
        return f"{self.opening}{inside}</{self.tag}>"


def table(context: Context, changes: ChangeList) -> SafeString:
    """The table of a list, or what stands there when it is empty."""
    rows = list(changes.result_list)
    headers = list(result_headers(changes))
    blank = render_to_string(
        "admin/change_list_results.html",
        {
            "cl": changes,
            "result_headers": headers,
            "num_sorted_fields": sum(bool(header["sortable"] and header["sorted"]) for header in headers),
            "results": [_BlankRow([CELLS]) for _row in rows[:3]],
            "actions_row": context.get("actions_row"),
            "has_add_permission": changes.model_admin.has_add_permission(context["request"]),
        },
    )
    columns = list(_columns(changes, [header["text"] for header in headers]))
    return SafeString("".join(_filled(blank.split(CELLS), rows, columns)))


def _filled(pieces: Sequence[str], rows: Sequence[Model], columns: Sequence[_Column]) -> Iterator[str]:
    """Rows are striped: what ends one and begins the next is one of two pieces in turn."""
    yield pieces[0]
    for number, row in enumerate(rows):
        pk = str(row.pk)
        address = quoted(quote(pk))
        yield from (column.cell(row, address) for column in columns)
        is_last = number == len(rows) - 1
        after = pieces[-1] if is_last else pieces[1 + number % 2]
        yield after.replace(ROW, address).replace(ROW.replace("-", ""), pk.replace("-", ""))


# ── Columns ──────────────────────────────────────────────────────────────────


def _columns(changes: ChangeList, texts: Sequence[Any]) -> Iterator[_Column]:
    link, is_first = _link(changes), True
    for position, (name, text) in enumerate(zip(changes.list_display, texts, strict=True)):
        links: Sequence[Any] | None = changes.list_display_links
        is_linked = links is not None and (name in links or (is_first and not links))
        yield _column(changes, name, position, text, link if is_linked else "", is_head=is_linked and is_first)
        is_first = is_first and not is_linked


def _column(changes: ChangeList, name: Any, position: int, text: Any, link: str, *, is_head: bool) -> _Column:
    _label, attribute = label_for_field(name, changes.model, changes.model_admin, return_attr=True)
    field = changes.lookup_opts.get_field(name) if attribute is None else None
    if isinstance(field, Field) and not field.auto_created:
        value, shown, more = _stored(field)
    else:
        value, shown, more = _computed(changes, name, attribute)
    classes = [f"field-{getattr(name, '__name__', name)}", *ROW_CLASSES, *more]
    if name == "action_checkbox":
        classes = CHECKBOX_CLASSES
    label = _("Select record") if not position and not link else text
    empty = getattr(attribute, "empty_value_display", changes.model_admin.get_empty_value_display())
    tag = "th" if is_head else "td"
    opening = f'<{tag} class="{" ".join(classes)}" data-label="{escape(label)}">'
    return _Column(tag, opening, value, shown, empty, link)


def _link(changes: ChangeList) -> str:
    """The tag that leads to a row's page, with the filters of this list kept."""
    kept = {"preserved_filters": getattr(changes, "preserved_filters", ""), "opts": changes.opts}
    url = add_preserved_filters(kept, changes.url_for_result(SimpleNamespace(**{changes.pk_attname: ROW})))  # type: ignore[arg-type]
    opener = SafeString(f'data-popup-opener="{ROW}"') if changes.is_popup else ""
    return format_html('<a href="{}" class="{}" {}>', url, " ".join(LINK_CLASSES), opener)


def _stored(field: "Field[Any, Any]") -> tuple[Callable[[Model], Any], Shown, list[str]]:
    """How a column of the table is read and shown, and its further classes."""
    value = partial(_attribute, name=field.name)
    if isinstance(field, ForeignKey):
        return value, _plain, ["nowrap"]
    if isinstance(field, BooleanField) and not field.flatchoices:
        return value, _icon, []
    more = ["nowrap"] if isinstance(field, DateField | TimeField) else []
    return value, lambda value, empty: display_for_field(value, field, empty), more


def _computed(changes: ChangeList, name: Any, attribute: Any) -> tuple[Callable[[Model], Any], Shown, list[str]]:
    """The same for what a function, a method of the admin or of the row, or a property says."""
    if callable(name):
        value = name
    elif name != "__str__" and hasattr(changes.model_admin, name):
        value = getattr(changes.model_admin, name)
    else:
        value = partial(_attribute, name=name)
    kinds: Mapping[Any, str | None] = getattr(attribute, "label", {})
    if kinds:
        return value, partial(_badge, kinds=kinds), []
    return value, _icon if getattr(attribute, "boolean", False) else display_for_value, []


def _attribute(row: Model, *, name: str) -> Any:
    found = getattr(row, name)
    return found() if callable(found) else found


# ── What a value looks like ──────────────────────────────────────────────────


def _plain(value: Any, empty: str) -> Any:
    return empty if value is None else value


def _icon(value: Any, empty: str) -> SafeString:
    return _rendered_icon(get_language(), value)


@cache
def _rendered_icon(language: str | None, value: bool | None) -> SafeString:
    return SafeString(display_for_value(value, "", boolean=True))


def _badge(value: Any, empty: str, *, kinds: Mapping[Any, str | None]) -> Any:
    """A word in the colour of its kind: the value is the word, or a kind and a word."""
    kind, word = value if isinstance(value, tuple) else (value, value)
    return format_html(_rendered_badge(kinds.get(kind)), word) if word else display_for_label(word, empty, kinds)


@cache
def _rendered_badge(tone: str | None) -> str:
    return str(display_for_label(("", "{}"), "", {"": tone}))
