"""`/v1/embeddings`: a text, several, or their tokens become vectors. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from config.kernel.errors import InvalidInput
from relay.dialects.base import Dialect, NativeAnswer, RelayRequest
from relay.dialects.fields import json_object, optional_count
from relay.dialects.metered import (
    SPECIAL_TOKENS,
    Reading,
    input_usage,
    no_answer,
    optional_text,
    rows_of,
    whole_request,
)
from relay.endpoints import Endpoint

MAX_ANSWER_BYTES = 64 * 1024 * 1024  # the vectors of 2048 texts, each of 1536 numbers written out
_VECTOR = re.compile(rb'("embedding"\s*:\s*)(?:\[[-+0-9.eE,\s]+\]|"[A-Za-z0-9+/=_-]+")')


def parse(raw: bytes) -> RelayRequest:
    """Raises InvalidInput naming the field and what to do."""
    payload = json_object(raw)
    optional_text(payload, "encoding_format")
    optional_count(payload, "dimensions")
    return whole_request(payload, max_tokens=0, input=_input(payload.get("input")))


def _input(value: Any) -> Reading:
    """Texts are counted later, tokens are counted already."""
    match value:
        case str() if value:
            return Reading([value], margin=SPECIAL_TOKENS)
        case [str(), *_] if all(isinstance(text, str) and text for text in value):
            return Reading(list(value), margin=SPECIAL_TOKENS * len(value))
        case [int(), *_] if _are_tokens(value):
            return Reading(tokens=len(value), margin=SPECIAL_TOKENS)
        case [[int(), *_], *_] if all(isinstance(row, list) and row and _are_tokens(row) for row in value):
            return Reading(tokens=sum(map(len, value)), margin=SPECIAL_TOKENS * len(value))
    raise InvalidInput(
        "You must provide input: a text, a list of texts, a list of tokens, or a list of such lists; none of it empty.",
        param="input",
    )


def _are_tokens(row: list[Any]) -> bool:
    return all(type(token) is int for token in row)


def skim(raw: bytes) -> bytes:
    """The answer without its vectors: decoding millions of numbers would hold up every other request."""
    return _VECTOR.sub(rb'\1"-"', raw)


def read(answer: Mapping[str, Any]) -> NativeAnswer:
    """An answer without vectors is no answer."""
    rows = rows_of(answer, "data")
    if answer.get("error") or rows is None or not all(row.get("embedding") for row in rows):
        return no_answer(answer, "embedding")
    return NativeAnswer(input_usage(answer.get("usage")), [], None)


EMBEDDINGS = Dialect(
    name="embeddings",
    endpoint=Endpoint.EMBEDDINGS,
    parse=parse,
    read=read,
    skim=skim,
    is_text=False,
    max_answer_bytes=MAX_ANSWER_BYTES,
)
