"""A request to `/v1/responses`: checked, and as the chat completion request that asks for the same. Pure."""

from collections.abc import Mapping
from typing import Any

from config.kernel.errors import InvalidInput
from relay.dialects.base import RelayRequest
from relay.dialects.cost import wants_cost
from relay.dialects.fields import json_object, model_name, optional_bool, optional_count, optional_object
from relay.dialects.responses import history, tools

_OBJECTS = ("metadata", "reasoning", "stream_options", "text")
_ELSEWHERE = ("prompt", "previous_response_id", "conversation")  # where an upstream may have the input from
_SAME = (
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "temperature",
    "top_p",
    "user",
)
_LOGPROBS = "message.output_text.logprobs"


def parse(raw: bytes) -> RelayRequest:
    """Raises InvalidInput naming the field and what to do. Usage is part of every answer, so it is always wanted."""
    payload = json_object(raw)
    model = model_name(payload)
    _check_input(payload)
    _check_options(payload)
    if optional_bool(payload, "background"):
        raise InvalidInput("background is not offered: nothing is stored. Use stream instead.", param="background")
    return RelayRequest(
        payload=payload,
        model=model,
        is_stream=optional_bool(payload, "stream"),
        wants_usage=True,
        max_tokens=optional_count(payload, "max_output_tokens"),
        wants_cost=wants_cost(payload),
    )


def chat_payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The chat completion request that asks for the same. Raises InvalidInput for what cannot be said in one."""
    _refuse_stored(payload)
    said = history.messages(payload.get("instructions"), payload["input"])
    if not said:
        raise InvalidInput("input must hold at least one message.", param="input")
    body = {"model": payload["model"], "messages": said, **tools.chat_fields(payload), **_text_fields(payload)}
    body |= {name: payload[name] for name in _SAME if payload.get(name) is not None}
    if payload.get("max_output_tokens") is not None:
        body["max_completion_tokens"] = payload["max_output_tokens"]
    effort = (payload.get("reasoning") or {}).get("effort")
    if effort is not None:
        body["reasoning_effort"] = effort
    if payload.get("stream"):
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def _check_input(payload: dict[str, Any]) -> None:
    given = payload.get("input")
    if given is None and any(payload.get(name) for name in _ELSEWHERE):
        return
    if not isinstance(given, (str, list)) or not given:
        raise InvalidInput("You must provide input: a string or a list of items.", param="input")
    for position, item in enumerate(given if isinstance(given, list) else ()):
        if not isinstance(item, dict):
            raise InvalidInput(f"input[{position}] must be an object.", param=f"input[{position}]")


def _check_options(payload: dict[str, Any]) -> None:
    for position, tool in enumerate(_list(payload, "tools")):
        if not isinstance(tool, dict) or not isinstance(tool.get("type"), str):
            raise InvalidInput(f"tools[{position}] must be an object with a type.", param=f"tools[{position}]")
    _list(payload, "include")
    optional_bool(payload, "parallel_tool_calls")
    for name in _OBJECTS:
        optional_object(payload, name)
    if not isinstance(payload.get("instructions") or "", str):
        raise InvalidInput("instructions must be a string.", param="instructions")


def _list(payload: dict[str, Any], name: str) -> list[Any]:
    value = payload.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidInput(f"{name} must be a list.", param=name)
    return value


def _refuse_stored(payload: Mapping[str, Any]) -> None:
    for name in ("previous_response_id", "conversation"):
        if payload.get(name):
            raise InvalidInput(
                f"{name} is not offered with this model: nothing is stored. Send the whole conversation as input.",
                param=name,
            )
    if payload.get("prompt"):
        raise InvalidInput(
            "prompt refers to a template stored elsewhere. Send its text as instructions and input.", param="prompt"
        )


def _text_fields(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What the answer's text shall be like: `response_format`, `verbosity`, `logprobs`."""
    text = payload.get("text") or {}
    fields = _response_format(text.get("format"))
    if text.get("verbosity") is not None:
        fields["verbosity"] = text["verbosity"]
    if _LOGPROBS in (payload.get("include") or ()) or payload.get("top_logprobs"):
        fields["logprobs"] = True
    if payload.get("top_logprobs") is not None:
        fields["top_logprobs"] = payload["top_logprobs"]
    return fields


def _response_format(wanted: Any) -> dict[str, Any]:
    match wanted:
        case None | {"type": "text"}:
            return {}
        case {"type": "json_object"}:
            return {"response_format": {"type": "json_object"}}
        case {"type": "json_schema", "name": str(name), "schema": dict(schema)}:
            extras = {key: wanted[key] for key in ("description", "strict") if wanted.get(key) is not None}
            return {
                "response_format": {"type": "json_schema", "json_schema": {"name": name, "schema": schema, **extras}}
            }
    raise InvalidInput(
        "text.format must be of type text, json_object, or json_schema with a name and a schema.", param="text.format"
    )
