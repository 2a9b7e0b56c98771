"""Watches an answer of a channel that speaks Messages itself: what passes is not changed."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from billing.pricing import Usage
from billing.usage import Reported, count, from_anthropic
from config.kernel.errors import DomainError
from config.kernel.money import NanoUSD
from relay import sse
from relay.dialects.base import NativeAnswer
from relay.dialects.cost import told_in
from relay.dialects.delivered import SEALED, Delivered, object_of
from relay.dialects.messages.blocks import json_text
from relay.dialects.messages.errors import error_event
from relay.dialects.private import public_event

MESSAGE_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_TELLING = (b'"message_start"', b'"message_delta"', b'"message_stop"', b'"error"', b'"ping"')
_TEXTS = ("text", "thinking", "partial_json", "name")
_SEALS = ("data", "signature")  # of thoughts that nobody may read


class MessagesMeter:
    """One stream's figures: a `StreamMeter`. `reported` is made of `message_start` and the last `message_delta`."""

    def __init__(self, *, shows_cost: bool = False) -> None:
        self._shows_cost = shows_cost
        self._last_delta = b""  # kept back where the cost is to be told in it, which is known only after it
        self._text = Delivered(_texts_of_event)
        self._usage: dict[str, Any] = {"output_tokens": 0}
        self._reported: Reported | None = None
        self._output_is_told = False
        self.saw_usage = False
        self.is_finished = False
        self.is_done = False
        self._closing = b""
        self.error: Mapping[str, Any] | None = None
        self.delivered = 0

    def forward(self, event: bytes) -> bytes | None:
        """The event's public bytes, or None for an error and for `message_stop`, which is kept for `end`.

        Raises BrokenEvent for data that is no JSON object, as far as it is looked at.
        """
        data = sse.data_of(event)
        if not data:
            return event
        told = _telling(data)
        if told.get("type") == "ping":
            return event  # a sign of life that is no part of an answer
        event = public_event(event, told)
        if told and not self._note(told, event):
            return None
        self.delivered += 1
        self._text.keep(data)
        return event

    def _note(self, told: Mapping[str, Any], event: bytes) -> bool:
        """Note what a telling event says; False when it must not be forwarded."""
        match told.get("type"):
            case "message_start":
                self._note_usage(_object(told.get("message")).get("usage"), is_last=False)
            case "message_delta":
                self.is_finished |= bool(_object(told.get("delta")).get("stop_reason"))
                self._note_usage(told.get("usage"), is_last=True)
                if self._shows_cost and self.is_finished:
                    self._last_delta = event
                    return False
            case "message_stop":
                self.is_done, self._closing = True, event
            case "error" | None if told.get("error"):
                self.error = _problem(told["error"])
        return not self.is_done and self.error is None

    def _note_usage(self, usage: Any, *, is_last: bool) -> None:
        """Counts are cumulative, so later ones replace earlier ones; but some gateways send zeros for what was told."""
        if not isinstance(usage, Mapping):
            return
        self.saw_usage = True
        told = {name: value for name, value in usage.items() if value or name not in self._usage}
        reported = from_anthropic({**self._usage, **told})
        if reported is not None:
            self._usage |= told
            self._reported = reported
            self._output_is_told |= is_last and bool(count(told.get("output_tokens")))

    @property
    def reported(self) -> Reported | None:
        """The upstream's counts; `message_start` cannot know the output's, so until more is told we count that."""
        if self._reported is None or self._output_is_told:
            return self._reported
        usage = self._reported.usage
        return Reported(replace(usage, output=max(usage.output or 0, self.output_estimate)), is_suspect=True)

    @property
    def has_content(self) -> bool:
        """Whether the client was given at least one character of an answer."""
        return self._text.has_content

    @property
    def output_estimate(self) -> int:
        """Tokens delivered so far, counted here."""
        return self._text.tokens

    def end(self, usage: Usage, charge: NanoUSD) -> bytes:
        """`message_stop`; the usage was told before it, and no answer is complete without."""
        return told_in(self._last_delta, charge) + (self._closing or MESSAGE_STOP)

    def error_event(self, error: DomainError) -> bytes:
        """`event: error`."""
        return error_event(error)


def read_answer(answer: Mapping[str, Any]) -> NativeAnswer:
    """Read a complete native answer; a `problem` is an error object, also for what is no answer at all."""
    content = answer.get("content")
    if answer.get("error"):
        return NativeAnswer(None, [], _problem(answer["error"]))
    if not isinstance(content, list):
        return NativeAnswer(None, [], {"message": "The upstream answered without any content."})
    texts = [text for block in content for text in _texts_of(_object(block))]
    return NativeAnswer(answer.get("usage"), texts, None)


def _telling(data: bytes) -> Mapping[str, Any]:
    """The object in a telling event, an empty one for any other. Raises BrokenEvent."""
    if any(mark in data for mark in _TELLING):
        if told := object_of(data):
            return told
    elif data.startswith(b"{") and data.endswith(b"}"):
        return {}
    raise sse.BrokenEvent("an event's data is no JSON object")


def _texts_of_event(event: Mapping[str, Any]) -> list[str]:
    """The generated text in an event: in its delta, or in the block that it opens."""
    if event.get("type") == "content_block_start":
        return _texts_of(_object(event.get("content_block")))
    return _texts_of(_object(event.get("delta"))) if event.get("type") == "content_block_delta" else []


def _texts_of(holder: Mapping[str, Any]) -> list[str]:
    """The generated text in a block or in a delta; a whole call's input counts as the JSON that a stream writes."""
    texts = [holder[name] for name in _TEXTS if isinstance(holder.get(name), str)]
    given = holder.get("input")
    if not any(texts) and any(holder.get(name) for name in _SEALS):
        return [SEALED]
    return [*texts, json_text(given) or ""] if given and isinstance(given, dict) else texts


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _problem(error: Any) -> Mapping[str, Any]:
    return error if isinstance(error, Mapping) else {"message": str(error)}
