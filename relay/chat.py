"""A chat completion request as the relay understands it. Pure: bytes in, a checked value out; unknown fields stay."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from billing.prompt import Prompt, prompt_of
from billing.usage import count
from config.kernel.errors import InvalidInput
from relay.overrides import merge
from relay.routing import Target

MAX_MODEL_LENGTH = 120
MAX_CHOICES = 128
_COMPLETION_LIMIT = re.compile(r"(.*/)?(o\d|gpt-[5-9])")  # these refuse max_tokens


@dataclass(frozen=True)
class ChatRequest:
    """What routing, billing and metering need to know; `payload` and `raw` are what the caller sent."""

    raw: bytes
    payload: dict[str, Any]
    model: str
    is_stream: bool
    wants_usage: bool
    max_tokens: int | None
    choices: int

    @cached_property
    def prompt_bound(self) -> int:
        """No more prompt tokens than this."""
        return self._prompt.bound(self.model)

    @cached_property
    def prompt_estimate(self) -> int:
        """A fair guess of the prompt's tokens; kept, because every heartbeat of a stream asks for it."""
        return self._prompt.estimate(self.model)

    @cached_property
    def _prompt(self) -> Prompt:
        return prompt_of(self.payload)

    def tokens_estimate(self) -> int:
        """A fair guess of what the prompt and the longest answer asked for make together."""
        return self.prompt_estimate + (self.max_tokens or 0) * self.choices

    def body_for(self, target: Target, *, max_tokens: int | None = None) -> bytes:
        """The body to send upstream: the caller's own bytes unless the channel or the metering needs a change.

        `max_tokens` is given where the balance affords less than the model's longest answer.
        """
        name, overrides = target.upstream_model, target.body_overrides
        if name == self.model and max_tokens is None and not overrides and (self.wants_usage or not self.is_stream):
            return self.raw
        body = {**self.payload, "model": name}
        if max_tokens is not None:
            body["max_completion_tokens" if _COMPLETION_LIMIT.match(name) else "max_tokens"] = max_tokens
        if self.is_stream:
            body["stream_options"] = {**(self.payload.get("stream_options") or {}), "include_usage": True}
        return orjson.dumps(merge(body, overrides) if overrides else body)


def parse_chat_request(raw: bytes) -> ChatRequest:
    """Raises InvalidInput naming the field and what to do."""
    payload = _json_object(raw)
    _check_messages(payload.get("messages"))
    stream = _optional_bool(payload, "stream")
    return ChatRequest(
        raw=raw,
        payload=payload,
        model=_model(payload),
        is_stream=stream,
        wants_usage=_wants_usage(payload),
        max_tokens=_optional_count(payload, "max_completion_tokens") or _optional_count(payload, "max_tokens"),
        choices=_choices(payload),
    )


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        payload = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"The request body is not valid JSON: {error}.", code="invalid_json") from None
    if not isinstance(payload, dict):
        raise InvalidInput("The request body must be a JSON object.", code="invalid_json")
    return payload


def _model(payload: dict[str, Any]) -> str:
    model = payload.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidInput("You must provide a model. List models with GET /v1/models.", param="model")
    if len(model) > MAX_MODEL_LENGTH:
        raise InvalidInput(f"A model's name has at most {MAX_MODEL_LENGTH} characters.", param="model")
    return model


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise InvalidInput("You must provide messages: a list with at least one message.", param="messages")
    for position, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise InvalidInput(
                f"messages[{position}] must be an object with a role and content.", param=f"messages[{position}]"
            )


def _optional_bool(payload: dict[str, Any], name: str) -> bool:
    value = payload.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise InvalidInput(f"{name} must be true or false.", param=name)


def _optional_count(payload: dict[str, Any], name: str) -> int | None:
    value = payload.get(name)
    if value is None:
        return None
    number = count(value)
    if not number:
        raise InvalidInput(f"{name} must be a positive integer.", param=name)
    return number


def _choices(payload: dict[str, Any]) -> int:
    number = _optional_count(payload, "n") or 1
    if number > MAX_CHOICES:
        raise InvalidInput(f"n must be at most {MAX_CHOICES}.", param="n")
    return number


def _wants_usage(payload: dict[str, Any]) -> bool:
    options = payload.get("stream_options")
    if options is None:
        return False
    if not isinstance(options, dict):
        raise InvalidInput("stream_options must be an object.", param="stream_options")
    return _optional_bool(options, "include_usage")
