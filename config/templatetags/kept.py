"""What looks the same to many visitors, rendered once a process: `{% kept name=value … %}…{% endkept %}`.

Inside, nothing of the page's context exists but the named values, so that nothing of one visitor can be kept for
another; there is one rendering for each language and choice of values. `{% fresh %}…{% endfresh %}` leaves a gap that
every page fills from its own context: a token against forgery, a balance. None inside the inputs of a component.
"""

import re
from collections.abc import Mapping
from secrets import token_hex
from typing import Any, Final

from django import template
from django.template.base import FilterExpression, Node, NodeList, Parser, Token, token_kwargs
from django.template.context import Context
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

register = template.Library()

LIMIT: Final = 500  # renderings of one place: whoever asks for ever new values must not fill the memory
_GAPS: Final = "gaps of what is kept"


class _Gap(Node):
    """Stands for itself by its mark while its surroundings are rendered to be kept."""

    def __init__(self, nodelist: NodeList) -> None:
        self.nodelist = nodelist
        self._mark = f"gap-{token_hex(16)}"

    def render(self, context: Context) -> SafeString:
        gaps = context.get(_GAPS)
        if gaps is None:
            return self.nodelist.render(context)
        gaps[self._mark] = self.nodelist
        return mark_safe(self._mark)  # noqa: S308


class _Kept(Node):
    def __init__(self, nodelist: NodeList, values: Mapping[str, FilterExpression]) -> None:
        self.nodelist = nodelist
        self._values = values
        self._renderings: dict[tuple[Any, ...], list[str | NodeList]] = {}

    def render(self, context: Context) -> SafeString:
        values = {name: value.resolve(context) for name, value in self._values.items()}
        if _GAPS in context:  # kept with what is around it
            return self.nodelist.render(context.new({**values, _GAPS: context[_GAPS]}))
        key = (get_language(), *values.values())
        parts = self._renderings.get(key)
        if parts is None:
            parts = self._rendered(context, values)
            if len(self._renderings) >= LIMIT:
                self._renderings.clear()
            self._renderings[key] = parts
        return mark_safe("".join([part if isinstance(part, str) else part.render(context) for part in parts]))  # noqa: S308

    def _rendered(self, context: Context, values: Mapping[str, Any]) -> list[str | NodeList]:
        gaps: dict[str, NodeList] = {}
        whole = str(self.nodelist.render(context.new({**values, _GAPS: gaps})))
        return [gaps.get(part, part) for part in re.split(f"({'|'.join(gaps)})", whole)] if gaps else [whole]


@register.tag
def kept(parser: Parser, token: Token) -> Node:
    """Keep what stands inside. The values are hashable, and few."""
    inputs = token.split_contents()[1:]
    values = token_kwargs(inputs, parser)
    if inputs:
        raise template.TemplateSyntaxError("kept takes name=value")
    nodelist = parser.parse(("endkept",))
    parser.delete_first_token()
    return _Kept(nodelist, values)


@register.tag
def fresh(parser: Parser, token: Token) -> Node:
    """What each page renders anew inside what is kept."""
    nodelist = parser.parse(("endfresh",))
    parser.delete_first_token()
    return _Gap(nodelist)
