"""Legacy `/v1/completions`, made of chat completions with one message of the user. Pure but for the clock.

A prompt in a list of one is a prompt; several prompts, token arrays and text to insert before are refused: a chat
completion has no way to say them.
"""

import time
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

import orjson

from config.kernel.errors import DomainError, InvalidInput
from relay import sse
from relay.dialects.base import Conversion, Dialect, RelayRequest, StreamConversion
from relay.dialects.chat.answer import read_answer
from relay.dialects.cost import wants_cost
from relay.dialects.fields import json_object, model_name, optional_bool, optional_count, optional_object
from relay.endpoints import Endpoint
from relay.errors import error_bytes

MAX_CHOICES = 128
MAX_LOGPROBS = 20  # chat's limit; the legacy one was 5
_LEGACY = ("prompt", "suffix", "best_of", "echo", "logprobs", "usage")
_ENDS = ("stop", "length", "content_filter")


def parse(raw: bytes) -> RelayRequest:
    """Raises InvalidInput naming the field and what to do."""
    payload = json_object(raw)
    model = model_name(payload)
    prompt_of(payload)
    choices = optional_count(payload, "n") or 1
    if choices > MAX_CHOICES:
        raise InvalidInput(f"n must be at most {MAX_CHOICES}.", param="n")
    _check_extras(payload, choices)
    return RelayRequest(
        payload=payload,
        model=model,
        is_stream=optional_bool(payload, "stream"),
        wants_usage=optional_bool(optional_object(payload, "stream_options"), "include_usage"),
        max_tokens=optional_count(payload, "max_tokens"),
        choices=choices,
        wants_cost=wants_cost(payload),
    )


def prompt_of(payload: Mapping[str, Any]) -> str:
    """The one prompt. Raises InvalidInput."""
    match payload.get("prompt"):
        case str(prompt) | [str(prompt)]:
            return prompt
        case [str(), *_]:
            raise InvalidInput("Send one prompt a request; several in a list are not offered.", param="prompt")
        case [int() | list(), *_]:
            raise InvalidInput("prompt must be text; arrays of tokens are not offered.", param="prompt")
    raise InvalidInput("You must provide a prompt: a string.", param="prompt")


def _check_extras(payload: dict[str, Any], choices: int) -> None:
    if payload.get("suffix"):
        raise InvalidInput("suffix is not offered: text cannot be inserted before it.", param="suffix")
    if (optional_count(payload, "best_of") or choices) != choices:
        raise InvalidInput("best_of must equal n: answers are not ranked.", param="best_of")
    logprobs = payload.get("logprobs")
    if logprobs is None:
        optional_bool(payload, "echo")
    elif type(logprobs) is not int or not 0 <= logprobs <= MAX_LOGPROBS:
        raise InvalidInput(f"logprobs must be an integer from 0 to {MAX_LOGPROBS}.", param="logprobs")
    elif optional_bool(payload, "echo"):
        raise InvalidInput("echo cannot be combined with logprobs: the prompt has none.", param="echo")


# ── To and from chat completions ─────────────────────────────────────────────


class _FromChat:
    """The `Conversion` of this dialect."""

    def chat_payload(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        body = {name: value for name, value in payload.items() if name not in _LEGACY}
        body["messages"] = [{"role": "user", "content": prompt_of(payload)}]
        if payload.get("logprobs") is not None:
            body |= {"logprobs": True, "top_logprobs": payload["logprobs"]}
        if payload.get("stream"):
            body["stream_options"] = {**(payload.get("stream_options") or {}), "include_usage": True}
        return body

    def answer(
        self, chat: Mapping[str, Any], *, payload: Mapping[str, Any], model: str, request_id: str
    ) -> dict[str, Any]:
        echo = _echo(payload)
        choices = [
            _choice(index, f"{echo}{_text(choice, 'message')}", _logprobs(choice, 0), _end(choice) or "stop")
            for index, choice in _choices(chat)
        ]
        usage = {} if chat.get("usage") is None else {"usage": chat["usage"]}
        return {**_head(chat, model=model, request_id=request_id), "choices": choices, **usage}

    def stream(self, *, payload: Mapping[str, Any], model: str, request_id: str) -> StreamConversion:
        return CompletionStream(payload=payload, model=model, request_id=request_id)


CONVERSION: Conversion = _FromChat()
COMPLETIONS = Dialect(
    name="completions", endpoint=Endpoint.CHAT, parse=parse, read=read_answer, conversion=CONVERSION, is_native=False
)


class CompletionStream:
    """A `StreamConversion`."""

    def __init__(self, *, payload: Mapping[str, Any], model: str, request_id: str) -> None:
        self._shows_usage = wants_cost(dict(payload)) or bool(
            (payload.get("stream_options") or {}).get("include_usage")
        )
        self._echo = _echo(payload)
        self._model = model
        self._request_id = request_id
        self._head: dict[str, Any] = {}
        self._lengths: dict[int, int] = {}  # of each choice's text so far, without the echo

    def chunk(self, chunk: Mapping[str, Any]) -> bytes:
        self._begin(chunk)
        said = (self._piece(index, choice) for index, choice in _choices(chunk))
        return b"".join(self._event(choices=[choice]) for choice in said if choice)

    def finish(self, usage: Mapping[str, Any]) -> bytes:
        self._begin({})
        return (self._event(choices=[], usage=usage) if self._shows_usage else b"") + sse.DONE_EVENT

    def error(self, error: DomainError) -> bytes:
        return sse.encode(error_bytes(error))

    def _begin(self, chunk: Mapping[str, Any]) -> None:
        self._head = self._head or _head(chunk, model=self._model, request_id=self._request_id)

    def _piece(self, index: int, choice: Mapping[str, Any]) -> dict[str, Any] | None:
        """What a chunk adds to a choice; None for nothing."""
        text, end = _text(choice, "delta"), _end(choice)
        if not text and not end:
            return None
        echo = "" if index in self._lengths else self._echo
        offset = self._lengths.get(index, 0)
        self._lengths[index] = offset + len(text)
        return _choice(index, f"{echo}{text}", _logprobs(choice, offset), end)

    def _event(self, **fields: Any) -> bytes:
        unknown = {"usage": None} if self._shows_usage else {}
        return sse.encode(orjson.dumps({**self._head, **unknown, **fields}))


def _head(chat: Mapping[str, Any], *, model: str, request_id: str) -> dict[str, Any]:
    created = chat.get("created")
    return {
        "id": f"cmpl-{request_id.replace('-', '')}",
        "object": "text_completion",
        "created": created if type(created) is int else int(time.time()),
        "model": model,
    }


def _choice(index: int, text: str, logprobs: dict[str, Any] | None, end: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": logprobs, "finish_reason": end}


def _choices(chat: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    choices = chat.get("choices")
    for position, choice in enumerate(choices if isinstance(choices, list) else ()):
        if isinstance(choice, Mapping):
            index = choice.get("index")
            yield (index if type(index) is int else position), choice


def _text(choice: Mapping[str, Any], where: str) -> str:
    part = choice.get(where)
    content = part.get("content") if isinstance(part, Mapping) else None
    return content if isinstance(content, str) else ""


def _end(choice: Mapping[str, Any]) -> str | None:
    """A legacy finish reason; what chat has beyond them means that the model stopped."""
    reason = choice.get("finish_reason")
    return None if not reason else reason if reason in _ENDS else "stop"


def _echo(payload: Mapping[str, Any]) -> str:
    return prompt_of(payload) if payload.get("echo") else ""


def _logprobs(choice: Mapping[str, Any], offset: int) -> dict[str, Any] | None:
    """Chat's list of tokens as the legacy four lists; `offset` is where the first token stands in the text."""
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    if not isinstance(content, list):
        return None
    rows = [row for row in content if isinstance(row, Mapping) and isinstance(row.get("token"), str)]
    tokens = [row["token"] for row in rows]
    return {
        "tokens": tokens,
        "token_logprobs": [row.get("logprob") for row in rows],
        "top_logprobs": [_top(row.get("top_logprobs")) for row in rows],
        "text_offset": list(accumulate(map(len, tokens[:-1]), initial=offset)) if tokens else [],
    }


def _top(rows: Any) -> dict[str, Any]:
    listed = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    return {str(row.get("token")): row.get("logprob") for row in listed}
