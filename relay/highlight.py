"""Code coloured for a page: strings, comments, numbers and keywords as spans. Pure but for Django's escaping."""

import re
from functools import cache

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

_STRING = r'"""(?:.|\n)*?"""|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`'
_NUMBER = r"\b\d+(?:\.\d+)?\b"
_HASH, _SLASHES = r"(?m:(?:^|(?<=\s))\#.*$)", r"(?m://.*$)"
_COMMENT = {"curl": _HASH, "python": _HASH, "toml": _HASH, "json": r"(?!)"}
_KEYWORDS = {
    "curl": "curl",
    "python": "from import for in if else or and not with as def return True False None",
    "node": "import from const let new await for of if else continue throw true false null",
    "go": "package import func var struct if for err nil defer return continue string",
    "java": "import public class static void new throws String",
    "php": "function use foreach as if continue return echo exit new true false null",
    "csharp": "using var new await while is if continue out true false null",
    "json": "true false null",
    "toml": "true false",
}


def highlight(code: str, language: str) -> SafeString:
    """The code as HTML. An unknown language gets its strings and numbers alone."""
    parts: list[str] = []
    end = 0
    for found in _pattern(language).finditer(code):
        parts.append(escape(code[end : found.start()]))
        parts.append(f'<span class="tok-{found.lastgroup}">{escape(found.group())}</span>')
        end = found.end()
    return mark_safe("".join([*parts, escape(code[end:])]))  # noqa: S308 - each part is escaped above


@cache
def _pattern(language: str) -> re.Pattern[str]:
    comment = _COMMENT.get(language, _SLASHES)
    words = "|".join(_KEYWORDS.get(language, "").split()) or "(?!)"
    return re.compile(rf"(?P<s>{_STRING})|(?P<c>{comment})|(?P<n>{_NUMBER})|(?P<k>\b(?:{words})\b)")
