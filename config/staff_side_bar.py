"""How the side bar of the staff admin is written; what is in it says `config.staff_menu`."""

from typing import Any, NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_SECTION = '<div class="mb-1.5">{}<ol class="flex flex-col gap-0.5 px-6">{}</ol></div>'
_HEADING = (
    '<h2 class="flex items-center mb-1 mx-3 px-3 py-1.5 font-semibold select-none text-sm '
    'text-font-important-light dark:text-font-important-dark">{}</h2>'
)
_LINE = (
    '<li><a href="{}" class="flex h-[38px] items-center -mx-3 px-3 rounded-default hover:text-primary-600 '
    'dark:hover:text-primary-500{}><span class="material-symbols-outlined md-18 mr-3 w-[18px]">{}</span>'
    "<span>{}</span>{}</a></li>"
)
_CURRENT = SafeString(
    ' bg-base-100 font-semibold text-primary-600 dark:bg-white/[.06] dark:text-primary-500 active" aria-current="page"'
)
_OTHER = SafeString('"')
_BADGE = (
    '<span class="font-semibold h-[18px] leading-[18px] ml-2 px-1 relative rounded-xs text-center text-[11px] '
    "whitespace-nowrap uppercase min-w-[18px] bg-red-100 text-red-700 dark:bg-red-500/20 dark:text-red-400"
    '">{}</span>'
)


class Link(NamedTuple):
    """A line of the side bar; `badge` is how much waits there, or nothing."""

    words: Any
    icon: str
    address: str
    badge: str = ""


class Section(NamedTuple):
    """Lines under a heading, or under none."""

    title: Any
    links: list[Link]


def menu(sections: list[Section], path: str) -> SafeString:
    """The side bar as HTML, with the line marked under which the page at `path` is."""
    return format_html_join("", _SECTION, ((_heading(section), _lines(section, path)) for section in sections))


def _heading(section: Section) -> SafeString:
    return format_html(_HEADING, section.title) if section.title else SafeString("")


def _lines(section: Section, path: str) -> SafeString:
    return format_html_join(
        "",
        _LINE,
        (
            (
                link.address,
                _CURRENT if link.address in path else _OTHER,
                link.icon,
                link.words,
                format_html(_BADGE, link.badge) if link.badge else "",
            )
            for link in section.links
        ),
    )
