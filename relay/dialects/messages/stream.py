"""Turns the chunks of a chat completion stream into the events of a message, one content block after the other."""

from collections.abc import Mapping
from typing import Any

import orjson

from config.kernel.errors import DomainError
from relay.dialects.messages.answer import (
    arguments_of,
    call_id,
    called_name,
    calls_of,
    ending_of,
    first_choice,
    message_head,
    object_or_empty,
    reasoning_of,
    text_block,
    text_of,
    thinking_block,
    tool_block,
    usage_of,
)
from relay.dialects.messages.errors import error_event, event_bytes
from relay.dialects.messages.request import shows_thinking

_DELTAS = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_use": ("input_json_delta", "partial_json"),
}
_HEADS = {"text": text_block, "thinking": thinking_block}


class MessageStream:
    """One stream's conversion: a `StreamConversion`."""

    def __init__(self, *, payload: Mapping[str, Any], model: str, request_id: str) -> None:
        self._payload = payload
        self._model = model
        self._request_id = request_id
        self._shows_thinking = shows_thinking(payload)
        self._blocks = _Blocks()
        self._calls: dict[int | None, _Block] = {}
        self._calls_begun = 0
        self._is_begun = False
        self._is_refused = False
        self._last_choice: dict[str, Any] = {}

    def chunk(self, chunk: Mapping[str, Any]) -> bytes:
        """The events of one chunk; the first brings `message_start`."""
        choice = first_choice(chunk)
        delta = object_or_empty(choice.get("delta"))
        refusal = text_of(delta.get("refusal"))
        self._is_refused |= bool(refusal)
        if choice.get("finish_reason"):
            self._last_choice = choice
        thought = reasoning_of(delta) if self._shows_thinking else ""
        return b"".join(
            (
                self._begin(),
                self._say("thinking", thought),
                self._say("text", text_of(delta.get("content"))),
                self._say("text", refusal),
                *map(self._call, calls_of(delta)),
            )
        )

    def finish(self, usage: Mapping[str, Any]) -> bytes:
        """What is left of the content, why it ended, what it used, `message_stop`."""
        delta = ending_of(
            self._last_choice,
            payload=self._payload,
            has_calls=self._calls_begun > 0,
            is_refused=self._is_refused,
        )
        return b"".join(
            (
                self._begin(),
                self._blocks.end(),
                event_bytes({"type": "message_delta", "delta": delta, "usage": usage_of(usage)}),
                event_bytes({"type": "message_stop"}),
            )
        )

    def error(self, error: DomainError) -> bytes:
        """`event: error`."""
        return error_event(error, request_id=self._request_id)

    def _begin(self) -> bytes:
        if self._is_begun:
            return b""
        self._is_begun = True
        head = message_head(model=self._model, request_id=self._request_id)
        nothing_yet: dict[str, Any] = {
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_of(None),
        }
        return event_bytes({"type": "message_start", "message": {**head, **nothing_yet}})

    def _say(self, kind: str, text: str) -> bytes:
        if not text:
            return b""
        block, opened = self._blocks.last, b""
        if block is None or block.kind != kind:
            block = _Block(_HEADS[kind]())
            opened = self._blocks.begin(block)
        return opened + self._blocks.add(block, text)

    def _call(self, call: Mapping[str, Any]) -> bytes:
        """A new call, or more of one. Arguments of a call that nobody named are of no use to anyone."""
        index = call.get("index")
        key = index if isinstance(index, int) else None
        block, opened = self._calls.get(key), b""
        if called_name(call) and (block is None or _is_another(call, block)):
            block = _Block(tool_block(call, call_id(call, self._request_id, self._calls_begun)))
            self._calls[key] = block
            self._calls_begun += 1
            opened = self._blocks.begin(block)
        arguments = arguments_of(call)
        return opened + self._blocks.add(block, arguments) if block is not None and arguments else opened


class _Block:
    """A content block: the object that opens it, and the text of its deltas as far as somebody will need it."""

    def __init__(self, head: dict[str, Any]) -> None:
        self.head = head
        self.kind: str = head["type"]
        self.pieces: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def is_whole(self) -> bool:
        """Whether nothing more has to come: for a call, its arguments are an object from brace to brace."""
        return self.kind != "tool_use" or _is_object(self.text)


class _Blocks:
    """Blocks have to come one after the other, chunks may mix them: all but the first unfinished one wait."""

    def __init__(self) -> None:
        self._open: _Block | None = None
        self._waiting: list[_Block] = []
        self._index = -1

    @property
    def last(self) -> _Block | None:
        """The block begun last."""
        return self._waiting[-1] if self._waiting else self._open

    def begin(self, block: _Block) -> bytes:
        """Open a block now if the one before it is whole, else once the answer ends."""
        if self._open is not None and (self._waiting or not self._open.is_whole):
            self._waiting.append(block)
            return b""
        return self._close() + self._start(block)

    def add(self, block: _Block, text: str) -> bytes:
        if block is not self._open:
            block.pieces.append(text)
            return b""
        if block.kind == "tool_use":
            block.pieces.append(text)
        return self._delta(block.kind, text)

    def end(self) -> bytes:
        """Close the open block and write all that waited."""
        events = [self._close()]
        for block in self._waiting:
            said = self._start(block), self._delta(block.kind, block.text) if block.pieces else b"", self._close()
            events += said
        self._waiting.clear()
        return b"".join(events)

    def _start(self, block: _Block) -> bytes:
        self._open = block
        self._index += 1
        return event_bytes({"type": "content_block_start", "index": self._index, "content_block": block.head})

    def _delta(self, kind: str, text: str) -> bytes:
        name, field = _DELTAS[kind]
        delta = {"type": name, field: text}
        return event_bytes({"type": "content_block_delta", "index": self._index, "delta": delta})

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        self._open = None
        return event_bytes({"type": "content_block_stop", "index": self._index})


def _is_another(call: Mapping[str, Any], block: _Block) -> bool:
    """Whether a named call at an index in use is a new one: a few providers give every call the same index, or none."""
    id = text_of(call.get("id"))
    return id != block.head["id"] if id else block.is_whole


def _is_object(text: str) -> bool:
    if not text.rstrip().endswith("}"):
        return False
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False
