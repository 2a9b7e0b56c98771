"""Reads a request's body and the fields that all dialects share. Pure; everything here is hostile until checked."""

from typing import Any

import orjson

from billing.usage import count
from config.kernel.errors import InvalidInput

MAX_MODEL_LENGTH = 120
_PRICED = frozenset(  # the fields that a hold is made from
    (
        *("model", "messages", "input", "prompt", "instructions", "system", "tools", "query", "documents"),
        *("max_tokens", "max_completion_tokens", "max_output_tokens", "n", "best_of", "stream", "stream_options"),
        *("batch_size", "num_images", "sequential_image_generation", "previous_response_id", "background"),
    )
)


def json_object(raw: bytes) -> dict[str, Any]:
    """The body as an object. Raises InvalidInput."""
    try:
        payload = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"The request body is not valid JSON: {error}.", code="invalid_json") from None
    if not isinstance(payload, dict):
        raise InvalidInput("The request body must be a JSON object.", code="invalid_json")
    _refuse_doubles(payload)
    return payload


def _refuse_doubles(payload: dict[str, Any]) -> None:
    """Some upstreams read `Model` as `model`, so that it would be another one than was priced. Raises InvalidInput."""
    for name in payload:
        meant = name.casefold()
        if name != meant and meant in _PRICED:
            raise InvalidInput(f"Write {name[:80]} as {meant}.", param=meant)


def model_name(payload: dict[str, Any]) -> str:
    """`model`. Raises InvalidInput when it is missing or no name."""
    model = payload.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidInput("You must provide a model. List models with GET /v1/models.", param="model")
    if len(model) > MAX_MODEL_LENGTH:
        raise InvalidInput(f"A model's name has at most {MAX_MODEL_LENGTH} characters.", param="model")
    return model


def optional_bool(payload: dict[str, Any], name: str) -> bool:
    """A switch that is off where it is missing or null. Raises InvalidInput."""
    value = payload.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise InvalidInput(f"{name} must be true or false.", param=name)


def optional_count(payload: dict[str, Any], name: str) -> int | None:
    """A positive integer, or None where it is missing or null. Raises InvalidInput."""
    value = payload.get(name)
    if value is None:
        return None
    number = count(value)
    if not number:
        raise InvalidInput(f"{name} must be a positive integer.", param=name)
    return number


def optional_object(payload: dict[str, Any], name: str) -> dict[str, Any]:
    """An object, empty where it is missing or null. Raises InvalidInput."""
    value = payload.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInput(f"{name} must be an object.", param=name)
    return value
