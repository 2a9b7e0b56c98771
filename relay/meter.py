"""Watches an answer pass by: what was delivered, what the upstream says it used, how it ended. Pure.

Events are parsed only when they can hold usage, a finish reason or an error; the rest is kept as bytes and read for
an estimate only when one is needed.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from billing.usage import Reported, character_kinds, estimate_tokens, normalise
from relay import sse

UNREAD_LIMIT = 64 * 1024
_TELLING = (b'"usage"', b'"finish_reason":"', b'"finish_reason": "', b'"error"')


class Meter:
    """One stream's figures. `forward` returns what the client may see."""

    def __init__(self, *, show_usage: bool) -> None:
        self._show_usage = show_usage
        self._unread: list[bytes] = []
        self._unread_bytes = 0
        self._ascii = 0
        self._other = 0
        self.reported: Reported | None = None
        self.saw_usage = False
        self.is_finished = False
        self.is_done = False
        self.error: Mapping[str, Any] | None = None
        self.delivered = 0

    def forward(self, event: bytes) -> bytes | None:
        """The event's bytes unchanged, or None for the end mark, errors and a usage event nobody asked for."""
        data = sse.data_of(event)
        if data == sse.DONE:
            self.is_done = True
            return None
        if not data:
            return event
        if any(mark in data for mark in _TELLING) and not self._read(data):
            return None
        self.delivered += 1
        self._keep(data)
        return event

    def _read(self, data: bytes) -> bool:
        """Note what a telling event says; False when it must not be forwarded."""
        chunk = _json(data)
        if chunk is None:
            return True
        if chunk.get("error"):
            self.error = chunk["error"] if isinstance(chunk["error"], Mapping) else {"message": str(chunk["error"])}
            return False
        choices = chunk.get("choices")
        if isinstance(choices, list) and any(isinstance(c, dict) and c.get("finish_reason") for c in choices):
            self.is_finished = True
        if chunk.get("usage") is not None:
            self.saw_usage = True
            self.reported = normalise(chunk["usage"]) or self.reported
            return bool(choices) or self._show_usage
        return True

    def _keep(self, data: bytes) -> None:
        self._unread.append(data)
        self._unread_bytes += len(data)
        if self._unread_bytes > UNREAD_LIMIT:
            self._count_unread()

    def _count_unread(self) -> None:
        for data in self._unread:
            for text in delta_texts(_json(data)):
                plain, other = character_kinds(text)
                self._ascii += plain
                self._other += other
        self._unread.clear()
        self._unread_bytes = 0

    @property
    def has_content(self) -> bool:
        """Whether the client was given at least one character of an answer."""
        self._count_unread()
        return bool(self._ascii or self._other)

    @property
    def output_estimate(self) -> int:
        """Tokens delivered so far, counted here."""
        self._count_unread()
        return estimate_tokens(ascii_characters=self._ascii, other_characters=self._other)


def delta_texts(chunk: Mapping[str, Any] | None) -> list[str]:
    """Every piece of generated text in a chunk or a whole answer: content, reasoning, refusals, tool calls."""
    choices = (chunk or {}).get("choices")
    if not isinstance(choices, list):
        return []
    parts = [choice.get("delta") or choice.get("message") for choice in choices if isinstance(choice, dict)]
    return [text for part in parts if isinstance(part, dict) for text in _texts_of(part)]


def _texts_of(part: dict[str, Any]) -> list[str]:
    names = ("content", "reasoning_content", "reasoning", "refusal")
    texts = [part[name] for name in names if isinstance(part.get(name), str)]
    calls = part.get("tool_calls")
    functions = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    fields = [f[name] for f in functions if isinstance(f, dict) for name in ("name", "arguments") if name in f]
    return [text for text in (*texts, *fields) if isinstance(text, str) and text]


def _json(data: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
