"""The button of the staff admin's theme, six of which a form has: most of what its template asks for is not there."""

from collections.abc import Mapping
from typing import Any

from django.utils.html import conditional_escape, format_html_join
from django.utils.safestring import SafeString

NAMED = ("form", "name", "value", "title")
KNOWN = ("href", "submit", *NAMED, "attrs", "extra_attrs", "class", "size", "variant", "icon", "children")
COMMON = "font-medium inline-flex group items-center gap-1 relative rounded-default justify-center whitespace-nowrap"
SIZES = {
    "lg": "gap-2 px-5.5 py-3 text-[15px]",
    "md": "px-5 py-2.5 text-[14px]",
    "sm": "px-2.5 py-1.5",
    "xs": "px-2 py-1",
}
COLOURS = {  # and those of an enabled one under the pointer
    "default": (
        "border border-base-200 bg-white shadow-xs text-important dark:border-base-700 dark:bg-transparent",
        "hover:bg-base-100/80 dark:hover:bg-base-800/80",
    ),
    "ghost": (
        "border border-transparent bg-transparent text-important",
        "hover:bg-base-100/80 dark:hover:bg-base-800/80",
    ),
    "secondary": (
        "bg-base-100 border border-transparent text-important dark:bg-base-800",
        "hover:bg-base-100/80 dark:hover:bg-base-800/80",
    ),
    "danger": ("border border-red-600 bg-red-600 border-transparent text-white", "hover:bg-red-600/80"),
}
PRIMARY = ("border border-base-200 bg-primary-600 border-transparent text-white", "hover:bg-primary-600/80")


def button(given: Mapping[str, Any]) -> SafeString:
    """A link where it has an address, else a button; `given` has the words of KNOWN, those it needs."""
    tag = "a" if given.get("href") else "button"
    own = {"href": given.get("href"), "type": given.get("submit") and "submit"}
    own |= {name: given.get(name) for name in NAMED} | (given.get("attrs") or {}) | {"class": _classes(given)}
    attributes = format_html_join("", ' {}="{}"', ((name, value) for name, value in own.items() if value))
    inside = f"{_icon(given)}{conditional_escape(given.get('children') or '')}"
    return SafeString(f"<{tag}{attributes} {conditional_escape(given.get('extra_attrs') or '')}>{inside}</{tag}>")


def _classes(given: Mapping[str, Any]) -> str:
    colours, hovered = COLOURS.get(given.get("variant") or "", PRIMARY)
    if (given.get("attrs") or {}).get("disabled"):
        state = "cursor-not-allowed opacity-50"
    else:
        state = f"cursor-pointer {hovered}"
    size = SIZES.get(given.get("size") or "", "px-3 py-2")
    return f"{COMMON} {state} {size} {colours} {given.get('class') or ''}".strip()


def _icon(given: Mapping[str, Any]) -> str:
    if not given.get("icon"):
        return ""
    place = "-ml-2" if given.get("size") == "lg" else "-ml-0.5"
    return f'<span class="material-symbols-outlined {place}">{conditional_escape(given["icon"])}</span> '
