"""A chat completion stream as a response stream. Pure.

One item of text is open at a time; a call stays open until the end, because pieces of others may come between its own.
"""

from collections.abc import Mapping
from typing import Any

from config.kernel.errors import DomainError
from relay.dialects.responses.answer import (
    CALL_PREFIX,
    Ids,
    Skeleton,
    calls_of,
    end_reason,
    first_choice,
    function_of,
    logprobs_of,
    reasoning_of,
    string,
)
from relay.dialects.responses.events import Events, response_error
from relay.dialects.responses.items import Call, GrowingItem, Message, Place, Reasoning
from relay.dialects.responses.tools import Tool, declared


class ResponsesStream:
    """A `StreamConversion`."""

    def __init__(self, *, payload: Mapping[str, Any], model: str, request_id: str) -> None:
        self._payload = payload
        self._model = model
        self._ids = Ids(request_id)
        self._tools = declared(payload)
        self._events = Events()
        self._skeleton: Skeleton | None = None
        self._items: list[GrowingItem] = []
        self._text: Reasoning | Message | None = None
        self._calls: dict[int | None, Call] = {}
        self._finish_reason: Any = None

    def chunk(self, chunk: Mapping[str, Any]) -> bytes:
        self._begin(chunk)
        choice = first_choice(chunk)
        delta = choice.get("delta")
        if isinstance(delta, Mapping):
            self._take(delta, logprobs_of(choice))
        self._finish_reason = choice.get("finish_reason") or self._finish_reason
        return self._events.take()

    def finish(self, usage: Mapping[str, Any]) -> bytes:
        skeleton = self._begin({})
        self._close_all(is_cut=end_reason(self._finish_reason) is not None)
        response = skeleton.ended(self._output(), finish_reason=self._finish_reason, usage=usage)
        self._events.emit(f"response.{response['status']}", response=response)
        return self._events.take()

    def error(self, error: DomainError) -> bytes:
        skeleton = self._begin({})
        self._events.emit_error(error)
        self._events.emit("response.failed", response=skeleton.failed(self._output(), response_error(error)))
        return self._events.take()

    def _begin(self, chunk: Mapping[str, Any]) -> Skeleton:
        if self._skeleton is None:
            created = chunk.get("created")
            self._skeleton = Skeleton(self._payload, model=self._model, id=self._ids.response, created=created)
            self._events.emit("response.created", response=self._skeleton.begun())
            self._events.emit("response.in_progress", response=self._skeleton.begun())
        return self._skeleton

    def _take(self, delta: Mapping[str, Any], logprobs: list[Any]) -> None:
        if text := reasoning_of(delta):
            self._reasoning().add(text)
        if text := string(delta, "content"):
            self._message().add_text(text, logprobs)
        if text := string(delta, "refusal"):
            self._message().add_refusal(text)
        for call in calls_of(delta):
            self._take_call(call)

    def _reasoning(self) -> Reasoning:
        if isinstance(self._text, Reasoning):
            return self._text
        self._close_text()
        self._text = reasoning = Reasoning(self._place("rs"))
        self._items.append(reasoning)
        return reasoning

    def _message(self) -> Message:
        if isinstance(self._text, Message):
            return self._text
        self._close_text()
        self._text = message = Message(self._place("msg"))
        self._items.append(message)
        return message

    def _take_call(self, piece: Mapping[str, Any]) -> None:
        """Add a piece to its call. Some upstreams leave the index out, and some give every call the same."""
        name, arguments = function_of(piece)
        index, id = piece.get("index"), string(piece, "id")
        place = index if isinstance(index, int) else None
        call = self._calls.get(place)
        if call is None or (name and (id != call.given_id if id else place is None)):
            self._close_text()
            call = self._calls[place] = self._new_call(id, name)
        if arguments:
            call.add(arguments)

    def _new_call(self, id: str, name: str) -> Call:
        tool = self._tools.get(name) or Tool(name)
        call_id = self._ids.call(id, len(self._items))
        call = Call(self._place(CALL_PREFIX[tool.is_custom]), tool, given_id=id, call_id=call_id)
        self._items.append(call)
        return call

    def _place(self, prefix: str) -> Place:
        index = len(self._items)
        return Place(self._events, id=self._ids.item(prefix, index), index=index)

    def _close_text(self) -> None:
        if self._text is not None:
            self._text.close("completed")
            self._text = None

    def _close_all(self, *, is_cut: bool) -> None:
        for item in self._items[:-1]:
            item.close("completed")
        for item in self._items[-1:]:
            item.close("incomplete" if is_cut else "completed")

    def _output(self) -> list[dict[str, Any]]:
        return [item.item for item in self._items]
