"""Output items of a response while they grow: each emits its own events from the first to the last. Pure."""

from typing import Any, Protocol

from relay.dialects.responses.answer import (
    call_item,
    message_item,
    reasoning_item,
    refusal_part,
    summary_part,
    text_part,
)
from relay.dialects.responses.events import Events
from relay.dialects.responses.tools import Tool, custom_input


class GrowingItem(Protocol):
    """An item in its place of the output."""

    def close(self, status: str) -> None:
        """Emit what is left to say; nothing the second time."""

    @property
    def item(self) -> dict[str, Any]:
        """As it is now."""


class Place:
    """Where an item stands, and the events that tell of it."""

    def __init__(self, events: Events, *, id: str, index: int) -> None:
        self.id = id
        self._events = events
        self._index = index

    def emit(self, kind: str, **fields: Any) -> None:
        self._events.emit(f"response.{kind}", item_id=self.id, output_index=self._index, **fields)

    def added(self, item: dict[str, Any]) -> None:
        self._events.emit("response.output_item.added", output_index=self._index, item=item)

    def done(self, item: dict[str, Any]) -> None:
        self._events.emit("response.output_item.done", output_index=self._index, item=item)


class Reasoning:
    """Thoughts, told as one part of a summary."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._text: list[str] = []
        self._is_open = True
        place.added({**self.item, "summary": []})
        place.emit("reasoning_summary_part.added", summary_index=0, part=summary_part(""))

    def add(self, text: str) -> None:
        self._text.append(text)
        self._place.emit("reasoning_summary_text.delta", summary_index=0, delta=text)

    def close(self, status: str) -> None:
        if not self._is_open:
            return
        self._is_open = False
        text = "".join(self._text)
        self._place.emit("reasoning_summary_text.done", summary_index=0, text=text)
        self._place.emit("reasoning_summary_part.done", summary_index=0, part=summary_part(text))
        self._place.done(self.item)

    @property
    def item(self) -> dict[str, Any]:
        return reasoning_item(self._place.id, "".join(self._text))


class Message:
    """Text and refusals: a part goes on until the other kind begins."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._parts: list[_Part] = []
        self._status = "in_progress"
        place.added(self.item)

    def add_text(self, text: str, logprobs: list[Any]) -> None:
        self._part("output_text").add(text, logprobs)

    def add_refusal(self, text: str) -> None:
        self._part("refusal").add(text, [])

    def close(self, status: str) -> None:
        if self._status != "in_progress":
            return
        self._status = status
        if self._parts:
            self._parts[-1].close()
        self._place.done(self.item)

    @property
    def item(self) -> dict[str, Any]:
        return message_item(self._place.id, [part.content for part in self._parts], self._status)

    def _part(self, kind: str) -> "_Part":
        if not self._parts or self._parts[-1].kind != kind:
            if self._parts:
                self._parts[-1].close()
            self._parts.append(_Part(self._place, kind, len(self._parts)))
        return self._parts[-1]


class _Part:
    """One content part of a message."""

    def __init__(self, place: Place, kind: str, index: int) -> None:
        self.kind = kind
        self._place = place
        self._index = index
        self._text: list[str] = []
        self._logprobs: list[Any] = []
        place.emit("content_part.added", content_index=index, part=self.content)

    def add(self, text: str, logprobs: list[Any]) -> None:
        self._text.append(text)
        self._logprobs += logprobs
        more = {} if self.kind == "refusal" else {"logprobs": logprobs}
        self._place.emit(f"{self.kind}.delta", content_index=self._index, delta=text, **more)

    def close(self) -> None:
        text = "".join(self._text)
        more = {"refusal": text} if self.kind == "refusal" else {"text": text, "logprobs": self._logprobs}
        self._place.emit(f"{self.kind}.done", content_index=self._index, **more)
        self._place.emit("content_part.done", content_index=self._index, part=self.content)

    @property
    def content(self) -> dict[str, Any]:
        text = "".join(self._text)
        return refusal_part(text) if self.kind == "refusal" else text_part(text, self._logprobs)


class Call:
    """A call of a function or of a custom tool, whose input is told at once because it is wrapped until its end."""

    def __init__(self, place: Place, tool: Tool, *, given_id: str, call_id: str) -> None:
        self.given_id = given_id
        self._place = place
        self._tool = tool
        self._call_id = call_id
        self._arguments: list[str] = []
        self._status = "in_progress"
        place.added(self.item)

    def add(self, arguments: str) -> None:
        self._arguments.append(arguments)
        if not self._tool.is_custom:
            self._place.emit("function_call_arguments.delta", delta=arguments)

    def close(self, status: str) -> None:
        if self._status != "in_progress":
            return
        self._status = status
        arguments = "".join(self._arguments)
        if self._tool.is_custom:
            text = custom_input(arguments)
            self._place.emit("custom_tool_call_input.delta", delta=text)
            self._place.emit("custom_tool_call_input.done", input=text)
        else:
            self._place.emit("function_call_arguments.done", arguments=arguments)
        self._place.done(self.item)

    @property
    def item(self) -> dict[str, Any]:
        return call_item(self._tool, self._place.id, self._call_id, "".join(self._arguments), self._status)
