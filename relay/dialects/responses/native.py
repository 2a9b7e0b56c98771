"""Watches an answer of a channel that speaks this dialect itself: bytes pass unchanged. Pure.

The dialect has no end mark of its own: its last event is the whole response, and that one is kept back.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from billing.pricing import Usage
from billing.usage import Reported, normalise
from config.kernel.errors import DomainError
from config.kernel.money import NanoUSD
from relay import sse
from relay.dialects.base import NativeAnswer
from relay.dialects.cost import told_in
from relay.dialects.delivered import SEALED, Delivered, object_of
from relay.dialects.private import public_event
from relay.dialects.responses.events import Events, response_error

_ENDED = ("completed", "incomplete")
_TEXTS = ("text", "refusal", "name", "arguments", "input", "code")
_LISTS = ("content", "summary")


class ResponsesMeter:
    """One stream's figures: a `StreamMeter`."""

    def __init__(self, *, shows_cost: bool = False) -> None:
        self._shows_cost = shows_cost
        self._delivered = Delivered(_new_text)
        self._begun: Mapping[str, Any] = {}
        self.reported: Reported | None = None
        self.saw_usage = False
        self.is_finished = False
        self.is_done = False
        self._closing = b""
        self.error: Mapping[str, Any] | None = None
        self.delivered = 0

    def forward(self, event: bytes) -> bytes | None:
        """The event's public bytes, or None for an error and for the last event, which is kept for `end`.

        Raises BrokenEvent for data that is no JSON object.
        """
        data = sse.data_of(event)
        if not data:
            return event
        told = object_of(data)
        if not told:
            raise sse.BrokenEvent("an event's data is no JSON object")
        event = public_event(event, told)
        match told.get("type"):
            case "response.completed" | "response.incomplete":
                self._end(event, _object(told.get("response")))
                return None
            case "response.failed" | "error":
                self._break(told)
                return None
            case "response.created":
                self._begun = _object(told.get("response"))
        self.delivered += 1
        self._delivered.note(told)
        return event

    def _end(self, event: bytes, response: Mapping[str, Any]) -> None:
        self.is_finished = self.is_done = True
        self._closing = event
        self._note_usage(response)
        if not self._delivered.has_content:
            for text in _texts_of(response):
                self._delivered.add(text)

    def _break(self, told: Mapping[str, Any]) -> None:
        response = _object(told.get("response"))
        self._note_usage(response)
        self.error = problem_of(response.get("error") or told.get("error") or told)

    def _note_usage(self, response: Mapping[str, Any]) -> None:
        if response.get("usage") is not None:
            self.saw_usage = True
            self.reported = normalise(response["usage"])

    @property
    def has_content(self) -> bool:
        """Whether at least one character of an answer was passed on."""
        return self._delivered.has_content

    @property
    def output_estimate(self) -> int:
        """Tokens passed on so far, counted here."""
        return self._delivered.tokens

    def end(self, usage: Usage, charge: NanoUSD) -> bytes:
        """The event with the whole response, its usage included."""
        return told_in(self._closing, charge) if self._shows_cost else self._closing

    def error_event(self, error: DomainError) -> bytes:
        """`error`, and `response.failed` when the response had begun."""
        events = Events(first=self.delivered)
        events.emit_error(error)
        if self._begun:
            failed = {**self._begun, "status": "failed", "error": response_error(error)}
            events.emit("response.failed", response=failed)
        return events.take()


def read_answer(answer: Mapping[str, Any]) -> NativeAnswer:
    """What a whole native answer tells; a response that is neither completed nor incomplete is a problem."""
    if answer.get("error"):
        return NativeAnswer(answer.get("usage"), [], problem_of(answer["error"]))
    if answer.get("status", "completed") not in _ENDED or not isinstance(answer.get("output"), list):
        return NativeAnswer(answer.get("usage"), [], {"message": "The upstream answered without any output."})
    return NativeAnswer(answer.get("usage"), list(_texts_of(answer)), None)


def problem_of(error: Any) -> Mapping[str, Any]:
    """An error as an object with a `message`."""
    return error if isinstance(error, Mapping) else {"message": str(error)}


def _new_text(event: Mapping[str, Any]) -> Iterable[str]:
    """The generated text that an event brings: a delta, the name of what is called, or thoughts that are sealed."""
    kind = event.get("type")
    if kind == "response.output_item.done":
        return _sealed(_object(event.get("item")))
    if kind == "response.output_item.added":
        return _strings(_object(event.get("item")), ("name",))
    if isinstance(kind, str) and kind.endswith(".delta"):
        return _strings(event, ("delta",))
    return ()


def _texts_of(response: Mapping[str, Any]) -> Iterable[str]:
    """Everything generated in a whole response: texts, refusals, thoughts, calls."""
    output = response.get("output")
    for item in output if isinstance(output, list) else ():
        yield from _strings(_object(item), _TEXTS)
        yield from _sealed(_object(item))
        for name in _LISTS:
            parts = _object(item).get(name)
            for part in parts if isinstance(parts, list) else ():
                yield from _strings(_object(part), _TEXTS)


def _sealed(item: Mapping[str, Any]) -> list[str]:
    is_sealed = item.get("type") == "reasoning" and not any(item.get(name) for name in _LISTS)
    return [SEALED] if is_sealed else []


def _strings(holder: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    return [value for name in names if isinstance(value := holder.get(name), str) and value]


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
