"""A chat completion request as the relay understands it. Pure: bytes in, a checked value out; unknown fields stay."""

from typing import Any

from config.kernel.errors import InvalidInput
from relay.dialects.base import RelayRequest
from relay.dialects.cost import wants_cost, without_question
from relay.dialects.fields import json_object, model_name, optional_bool, optional_count, optional_object

MAX_CHOICES = 128


def parse(raw: bytes) -> RelayRequest:
    """Raises InvalidInput naming the field and what to do."""
    payload = json_object(raw)
    _check_messages(payload.get("messages"))
    return RelayRequest(
        payload=payload,
        model=model_name(payload),
        is_stream=optional_bool(payload, "stream"),
        wants_usage=optional_bool(optional_object(payload, "stream_options"), "include_usage"),
        max_tokens=optional_count(payload, "max_completion_tokens") or optional_count(payload, "max_tokens"),
        choices=_choices(payload),
        wants_cost=wants_cost(payload),
    )


def adjust(request: RelayRequest) -> dict[str, Any]:
    """Usage is always asked of a stream; who asks us for the cost asks no upstream for it."""
    changes = without_question(request)
    if request.is_stream and not request.wants_usage:
        changes["stream_options"] = {**(request.payload.get("stream_options") or {}), "include_usage": True}
    return changes


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise InvalidInput("You must provide messages: a list with at least one message.", param="messages")
    for position, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise InvalidInput(
                f"messages[{position}] must be an object with a role and content.", param=f"messages[{position}]"
            )


def _choices(payload: dict[str, Any]) -> int:
    number = optional_count(payload, "n") or 1
    if number > MAX_CHOICES:
        raise InvalidInput(f"n must be at most {MAX_CHOICES}.", param="n")
    return number
