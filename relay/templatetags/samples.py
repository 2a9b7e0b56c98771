"""Programs and snippets on pages, coloured by the server."""

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.safestring import SafeString

from relay import samples
from relay.highlight import highlight

register = template.Library()


@register.inclusion_tag("docs/samples.html", takes_context=True)
def sample_tabs(context: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The program of a kind (`chat`, `stream`) in every language, filled with the page's address, key and model."""
    values = {name: str(context[name]) for name in ("api_base_url", "api_key", "model")}
    return {"kind": kind, "samples": samples.samples(kind, values)}


@register.filter
def colour(code: str, language: str) -> SafeString:
    """A snippet as HTML: `{% filter colour:"json" %}…{% endfilter %}`."""
    return highlight(code.strip("\n"), language)
