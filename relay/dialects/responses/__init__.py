"""OpenAI's Responses: served by channels that speak it, and from chat completions by all others."""

from collections.abc import Mapping
from typing import Any

from relay.dialects.base import Conversion, Dialect, StreamConversion
from relay.dialects.cost import without_question
from relay.dialects.responses.answer import answer
from relay.dialects.responses.native import ResponsesMeter, read_answer
from relay.dialects.responses.request import chat_payload, parse
from relay.dialects.responses.stream import ResponsesStream
from relay.endpoints import Endpoint

__all__ = ["CONVERSION", "RESPONSES", "ResponsesMeter", "parse", "read_answer"]


class _FromChat:
    """The `Conversion` of this dialect."""

    def chat_payload(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        return chat_payload(payload)

    def answer(
        self, chat: Mapping[str, Any], *, payload: Mapping[str, Any], model: str, request_id: str
    ) -> dict[str, Any]:
        return answer(chat, payload=payload, model=model, request_id=request_id)

    def stream(self, *, payload: Mapping[str, Any], model: str, request_id: str) -> StreamConversion:
        return ResponsesStream(payload=payload, model=model, request_id=request_id)


CONVERSION: Conversion = _FromChat()

RESPONSES = Dialect(
    name="responses",
    endpoint=Endpoint.RESPONSES,
    parse=parse,
    read=read_answer,
    new_meter=lambda request: ResponsesMeter(shows_cost=request.wants_cost),
    adjust=without_question,
    limit_field="max_output_tokens",
    conversion=CONVERSION,
)
