"""Names of endpoints, for tables."""

from django import template

from billing.endpoint_names import ENDPOINT_NAMES

register = template.Library()


@register.filter
def endpoint_name(endpoint: str) -> str:
    """`Speech` for `audio.speech`; an unknown one as it is."""
    return str(ENDPOINT_NAMES.get(endpoint, endpoint))
