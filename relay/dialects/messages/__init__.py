"""Anthropic's Messages: passed through to channels that speak it, made of chat completions for those that do not."""

from collections.abc import Mapping
from typing import Any

from relay.dialects.base import Conversion, Dialect
from relay.dialects.messages.answer import message_of
from relay.dialects.messages.errors import error_body, error_event
from relay.dialects.messages.native import MessagesMeter, read_answer
from relay.dialects.messages.parse import parse, parse_count
from relay.dialects.messages.request import chat_payload
from relay.dialects.messages.stream import MessageStream
from relay.dialects.messages.upstream import adjust, headers
from relay.endpoints import Endpoint

__all__ = [
    "CONVERSION",
    "MESSAGES",
    "MessagesMeter",
    "error_body",
    "error_event",
    "parse",
    "parse_count",
    "read_answer",
]


class _FromChat:
    """Messages made of chat completions."""

    def chat_payload(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        return chat_payload(payload)

    def answer(
        self, chat: Mapping[str, Any], *, payload: Mapping[str, Any], model: str, request_id: str
    ) -> dict[str, Any]:
        return message_of(chat, payload=payload, model=model, request_id=request_id)

    def stream(self, *, payload: Mapping[str, Any], model: str, request_id: str) -> MessageStream:
        return MessageStream(payload=payload, model=model, request_id=request_id)


CONVERSION: Conversion = _FromChat()

MESSAGES = Dialect(
    name="messages",
    endpoint=Endpoint.MESSAGES,
    parse=parse,
    read=read_answer,
    error_body=error_body,
    new_meter=lambda request: MessagesMeter(shows_cost=request.wants_cost),
    adjust=adjust,
    headers=headers,
    limit_field="max_tokens",
    conversion=CONVERSION,
)
