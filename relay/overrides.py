"""What a channel changes in the requests that go through it: fields of the body, and headers. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from config.kernel.errors import InvalidInput

OWN_FIELDS = frozenset({"model", "stream", "n"})  # routing, the meter and the hold rest on what these say
OWN_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "api-key",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-api-key",
        "x-goog-api-key",
        "x-tollbooth-hop",
    }
)
MAX_HEADER_LENGTH = 1_000
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(rf"[\x20-\x7e]{{0,{MAX_HEADER_LENGTH}}}")


def merge(body: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The body with the overrides in place, those in objects within it too; null takes a field away."""
    merged = dict(body)
    for name, value in overrides.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            inner = merged.get(name)
            merged[name] = merge(inner if isinstance(inner, Mapping) else {}, value)
        else:
            merged[name] = value
    return merged


def check_body_overrides(overrides: Any) -> None:
    """Raises InvalidInput with a sentence for whoever typed them."""
    if not isinstance(overrides, dict):
        raise InvalidInput('Write an object, such as {"temperature": 0.2}.')
    for name in sorted(OWN_FIELDS & overrides.keys()):
        raise InvalidInput(f"The field {name} cannot be overridden.")


def check_header_overrides(overrides: Any) -> None:
    """Raises InvalidInput with a sentence for whoever typed them."""
    if not isinstance(overrides, dict):
        raise InvalidInput('Write an object, such as {"X-Region": "eu"}.')
    for name, value in overrides.items():
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidInput("This is not the name of a header.")
        if name.lower() in OWN_HEADERS or name.lower().startswith("proxy-"):
            raise InvalidInput(f"The header {name} cannot be set here.")
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise InvalidInput(f"The value of {name} must be printable text.")
