"""`/v1/moderations`: whether texts and pictures may be shown. Pure.

Most upstreams report no usage: such a model is priced by the call, or by our own count of the input, or is free.
"""

from collections.abc import Mapping
from typing import Any

from config.kernel.errors import InvalidInput
from relay.dialects.base import Dialect, NativeAnswer, RelayRequest
from relay.dialects.fields import json_object
from relay.dialects.metered import SPECIAL_TOKENS, Reading, input_usage, no_answer, rows_of, whole_request
from relay.endpoints import Endpoint


def parse(raw: bytes) -> RelayRequest:
    """Raises InvalidInput naming the field and what to do."""
    payload = json_object(raw)
    return whole_request(payload, max_tokens=0, input=_input(payload.get("input")))


def _input(value: Any) -> Reading:
    parts = value if isinstance(value, list) else [value]
    if not parts or value == "":
        raise _not_understood()
    texts = [_text(part) for part in parts]
    return Reading([text for text in texts if text], texts.count(None), margin=SPECIAL_TOKENS * len(parts))


def _text(part: Any) -> str | None:
    """The text of one part; None for a picture."""
    match part:
        case str(text) | {"type": "text", "text": str(text)}:
            return text
        case {"type": "image_url", "image_url": {"url": str()}}:
            return None
    raise _not_understood()


def _not_understood() -> InvalidInput:
    return InvalidInput("You must provide input: a text, or a list of texts or of text and image parts.", param="input")


def read(answer: Mapping[str, Any]) -> NativeAnswer:
    """An answer without results is no answer."""
    if answer.get("error") or rows_of(answer, "results") is None:
        return no_answer(answer, "result")
    return NativeAnswer(input_usage(answer.get("usage")), [], None)


MODERATIONS = Dialect(name="moderations", endpoint=Endpoint.MODERATIONS, parse=parse, read=read, is_text=False)
