"""`/v1/images/generations`, `edits` and `variations`: pictures from a prompt or from other pictures.

They are charged by tokens where the upstream reports any, or by the call. Set aside is `n` times the longest answer of
the model's price: no more than that many tokens a picture are charged.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from billing.pricing import Prices
from config.kernel.errors import InvalidInput
from relay.dialects.base import Dialect, NativeAnswer, RelayRequest
from relay.dialects.fields import json_object, optional_count
from relay.dialects.forms import content_type_of, new_boundary, read_form, uploads_in
from relay.dialects.metered import (
    SPECIAL_TOKENS,
    Reading,
    form_body,
    no_answer,
    required_text,
    rows_of,
    whole_request,
)
from relay.endpoints import Endpoint

MAX_PICTURES = 16
MAX_FILE_BYTES = 25 * 1024 * 1024
MAX_ANSWER_BYTES = 64 * 1024 * 1024
_COUNTS = ("n", "batch_size", "num_images")  # several, by the names that providers give it
_SERIES = "sequential_image_generation"  # Volcengine's: the model decides how many


def parse(raw: bytes) -> RelayRequest:
    """Raises InvalidInput naming the field and what to do."""
    payload = json_object(raw)
    prompt = Reading([required_text(payload, "prompt")], margin=SPECIAL_TOKENS)
    return whole_request(payload, max_tokens=None, choices=_pictures(payload), input=prompt)


def parse_edit(raw: bytes) -> RelayRequest:
    """A form with pictures and a prompt. Raises InvalidInput naming the field and what to do, and TooLarge."""
    return _parse_form(raw, files=("image", "image[]", "mask"), prompt=lambda fields: required_text(fields, "prompt"))


def parse_variation(raw: bytes) -> RelayRequest:
    """A form with one picture and no prompt. Raises InvalidInput and TooLarge."""
    return _parse_form(raw, files=("image",), prompt=lambda _fields: "")


def _parse_form(raw: bytes, *, files: Sequence[str], prompt: Callable[[dict[str, Any]], str]) -> RelayRequest:
    fields = read_form(raw, files=files, max_file_bytes=MAX_FILE_BYTES)
    fields |= {name: int(fields[name]) for name in _COUNTS if str(fields.get(name, "")).isdecimal()}
    reading = Reading([prompt(fields)], pictures=len(uploads_in(fields)), margin=SPECIAL_TOKENS)
    kind = content_type_of(new_boundary())
    return whole_request(fields, max_tokens=None, choices=_pictures(fields), input=reading, content_type=kind)


def _pictures(payload: dict[str, Any]) -> int:
    """How many can come."""
    asked = {name: optional_count(payload, name) or 1 for name in _COUNTS}
    for name, number in asked.items():
        if number > MAX_PICTURES:
            raise InvalidInput(f"{name} must be at most {MAX_PICTURES}.", param=name)
    return MAX_PICTURES if _is_series(payload) else max(asked.values())


def _is_series(payload: Mapping[str, Any]) -> bool:
    return payload.get(_SERIES) not in (None, "disabled")


def check_prices(request: RelayRequest, prices: Prices) -> None:
    """One call is charged once, so it makes one picture. Raises InvalidInput naming what asks for more."""
    if not prices.per_call or request.choices == 1:
        return
    name = next((name for name in _COUNTS if request.payload.get(name, 1) not in (None, 1)), _SERIES)
    raise InvalidInput(
        f"{request.model} is priced by the call and makes one picture a call. Leave {name} out and call once for each.",
        param=name,
    )


def read(answer: Mapping[str, Any]) -> NativeAnswer:
    """An answer without pictures is no answer."""
    if answer.get("error") or rows_of(answer, "data", "images") is None:
        return no_answer(answer, "picture")
    return NativeAnswer(_usage(answer.get("usage")), [], None)


def _usage(usage: Any) -> Any:
    """Some count only what was made; some say no more than how many pictures there are, which are no tokens."""
    if not isinstance(usage, Mapping):
        return usage
    if usage.get("output_tokens") is None and usage.get("completion_tokens") is None:
        return None
    return usage if "prompt_tokens" in usage else {"input_tokens": 0, **usage}


IMAGES = Dialect(
    name="images",
    endpoint=Endpoint.IMAGES,
    parse=parse,
    read=read,
    is_text=False,
    check_prices=check_prices,
    max_answer_bytes=MAX_ANSWER_BYTES,
)
IMAGE_EDITS = replace(IMAGES, endpoint=Endpoint.IMAGE_EDITS, parse=parse_edit, write=form_body)
IMAGE_VARIATIONS = replace(IMAGES, endpoint=Endpoint.IMAGE_VARIATIONS, parse=parse_variation, write=form_body)
