"""What a call is charged, told in the usage of its answer to who asks with `"usage": {"include": true}`. Pure."""

from collections.abc import Mapping
from typing import Any

import orjson

from config.kernel.money import NanoUSD, decimal_usd
from relay import sse
from relay.dialects.base import RelayRequest
from relay.dialects.fields import optional_bool, optional_object


def wants_cost(payload: dict[str, Any]) -> bool:
    """Whether the caller asks for it. Raises InvalidInput for a question that is none."""
    return optional_bool(optional_object(payload, "usage"), "include")


def without_question(request: RelayRequest) -> dict[str, Any]:
    """The question is ours to answer: no upstream is asked."""
    return {"usage": None} if request.wants_cost else {}


def with_cost(answer: Mapping[str, Any], charge: NanoUSD) -> dict[str, Any]:
    """A whole answer, or whatever else holds a `usage`, with the charge in it."""
    return {**answer, "usage": {**(answer.get("usage") or {}), "cost": orjson.Fragment(decimal_usd(charge))}}


def told_in(events: bytes, charge: NanoUSD) -> bytes:
    """The closing events of a stream, with the charge in each usage of theirs."""
    return b"".join(_told_in_one(event, charge) for event in sse.EventSplitter().feed(events))


def _told_in_one(event: bytes, charge: NanoUSD) -> bytes:
    data = sse.data_of(event)
    told = orjson.loads(data) if data.startswith(b"{") else {}
    if isinstance(told.get("usage"), dict):
        told = with_cost(told, charge)
    elif isinstance(told.get("response"), dict):
        told["response"] = with_cost(told["response"], charge)
    else:
        return event
    name = b"event: %s\n" % told["type"].encode() if "type" in told else b""
    return name + sse.encode(orjson.dumps(told))
