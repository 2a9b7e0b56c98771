"""Writes the widgets and labels that a form has dozens of in Python, as Django's and the theme's templates would.

A time zone to choose is 350 options, each of two templates; a channel has a hundred inputs.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from html import escape
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest
from django.utils.safestring import SafeString

Context = Mapping[str, Any]
Writer = Callable[[Context], str | None]

OPTION = "django/forms/widgets/select_option.html"
CHOICE = "unfold/widgets/radio_option.html"
GAP = "\x00"  # where something of one's own comes
MORE_PARTS = ("prefix", "prefix_icon", "suffix", "suffix_icon")  # of the theme's inputs


class Renderer(DjangoTemplates):
    """By a function where there is one that knows how, else by the template."""

    def render(self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None) -> SafeString:
        write = WRITERS.get(template_name)
        written = write(context) if write else None
        return SafeString(super().render(template_name, context, request) if written is None else written)


def _escaped(value: Any) -> str:
    """As templates do it, which ask more questions."""
    text = str(value)
    return text if isinstance(text, SafeString) else escape(text)


_escaped_classes = lru_cache(maxsize=256, typed=True)(_escaped)  # long, and the same for all inputs of a kind


def _attributes(*groups: Mapping[str, Any]) -> str:
    return "".join(
        f" {name}" if value is True else f' {name}="{_escaped_classes(value) if name == "class" else _escaped(value)}"'
        for group in groups
        for name, value in group.items()
        if value is not False
    )


def _input(context: Context) -> str:
    widget = context["widget"]
    value = {} if widget["value"] is None else {"value": widget["value"]}
    return f"<input{_attributes({'type': widget['type'], 'name': widget['name']}, value, widget['attrs'])}>"


def _select(context: Context) -> str | None:
    widget = context["widget"]
    groups = widget["optgroups"]
    if any(option["template_name"] != OPTION for _name, options, _index in groups for option in options):
        return None
    inside = "".join(_group(name, options) for name, options, _index in groups)
    return f"<select{_attributes({'name': widget['name']}, widget['attrs'])}>{inside}</select>"


def _group(name: str | None, options: Iterable[Mapping[str, Any]]) -> str:
    inside = "".join(map(_option, options))
    return f"<optgroup{_attributes({'label': name})}>{inside}</optgroup>" if name else inside


def _option(option: Mapping[str, Any]) -> str:
    attributes = _attributes({"value": option["value"]}, option["attrs"])
    return f"<option{attributes}>{_escaped(option['label'])}</option>"


def _label(context: Context) -> str:
    label = _escaped(context["label"])
    if not context["use_tag"]:
        return label
    return f"<{context['tag']}{_attributes(context['attrs'])}>{label}</{context['tag']}>"


def _no_errors(context: Context) -> str | None:
    return None if context["errors"] else ""


def _wrapped(template_name: str, write: Writer) -> Writer:
    """With what the theme puts around an input or a choice: its template says so when it renders an empty one."""

    @lru_cache(maxsize=64)
    def around(*parts: str) -> tuple[str, str]:
        empty = {"type": "", "name": "", "attrs": {}, "optgroups": []} | dict(zip(MORE_PARTS, parts, strict=True))
        html = _template(template_name, {"widget": empty})
        before, after = re.split(r"<(?:input|select)[^>]*>(?:\s*</select>)?", html)
        return before, after

    def written(context: Context) -> str | None:
        inside = write(context)
        parts = (str(context["widget"].get(part) or "") for part in MORE_PARTS)
        return None if inside is None else inside.join(around(*parts))

    return written


def _choices(context: Context) -> str | None:
    """Boxes or rings below one another."""
    widget, style = context["widget"], context.get("radio_style")
    options = [option for _group, options, _index in widget["optgroups"] for option in options]
    is_plain = not any(group for group, _options, _index in widget["optgroups"])
    if not (options and is_plain and widget["attrs"].get("id") and all(option["wrap_label"] for option in options)):
        return None
    before, between, after = _around_choices(widget["attrs"]["id"], style)
    return before + between.join(map(_choice, options)) + after


def _choice(option: Mapping[str, Any]) -> str:
    before, after = _around_choice()
    label = _escaped(option["label"])
    return before.replace(GAP, _escaped(option["attrs"]["id"])) + _input({"widget": option}) + after.replace(GAP, label)


_EMPTY = {"type": "", "name": "", "attrs": {"id": GAP}, "label": GAP, "wrap_label": True, "template_name": CHOICE}


@lru_cache(maxsize=64)
def _around_choices(name: str, style: int | None) -> tuple[str, str, str]:
    widget = {"attrs": {"id": name}, "optgroups": [(None, [_EMPTY, _EMPTY], 0)]}
    html = _template("unfold/widgets/radio.html", {"widget": widget, "radio_style": style})
    before, between, after = html.split(_template(CHOICE, {"widget": _EMPTY}))
    return before, between, after


@lru_cache(maxsize=1)
def _around_choice() -> tuple[str, str]:
    before, after = re.split(r"<input[^>]*>", _template(CHOICE, {"widget": _EMPTY}))
    return before, after


def _template(name: str, context: dict[str, Any]) -> str:
    return " ".join(DjangoTemplates().render(name, context).split())


_INPUTS = ("text", "number", "hidden", "checkbox", "email", "password", "url", "date", "time", "datetime")
WRITERS: dict[str, Writer] = {
    **{f"django/forms/widgets/{kind}.html": _input for kind in _INPUTS},
    "django/forms/widgets/select.html": _select,
    "unfold/widgets/text.html": _wrapped("unfold/widgets/text.html", _input),
    "unfold/widgets/radio.html": _choices,
    "unfold/widgets/select.html": _wrapped("unfold/widgets/select.html", _select),
    "django/forms/label.html": _label,
    "django/forms/errors/list/ul.html": _no_errors,
}
