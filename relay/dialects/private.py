"""What an upstream's answer tells of the upstream itself: which one it is, and what it takes from us. Pure.

Resellers such as OpenRouter say both, unasked. A customer is to see neither.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from relay import sse

_NAMES = ("provider",)
_COSTS = ("cost", "cost_details", "is_byok")
_CARRIED = ("response", "message")  # an answer in an event of Responses and of Messages


def tells_private(answer: Mapping[str, Any]) -> bool:
    """Whether a whole answer or a chunk holds any of it."""
    return any(name in answer for name in _NAMES) or _tells_cost(answer.get("usage"))


def public(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The same without it."""
    told = {name: value for name, value in answer.items() if name not in _NAMES}
    if _tells_cost(told.get("usage")):
        told["usage"] = {name: value for name, value in told["usage"].items() if name not in _COSTS}
    return told


def public_event(event: bytes, told: Mapping[str, Any]) -> bytes:
    """An event of a stream without it, whether the event tells it or the answer that the event carries."""
    carried = {name: public(told[name]) for name in _CARRIED if isinstance(told.get(name), dict)}
    if not tells_private(told) and all(told[name] == part for name, part in carried.items()):
        return event
    kind = told.get("type")
    name = b"event: %s\n" % kind.encode() if isinstance(kind, str) and kind.isprintable() else b""
    return name + sse.encode(orjson.dumps({**public(told), **carried}))


def _tells_cost(usage: Any) -> bool:
    return isinstance(usage, dict) and any(name in usage for name in _COSTS)
