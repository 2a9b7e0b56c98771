"""Counts what a stream delivered: events are kept as bytes and read only when somebody asks, or too many wait. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from billing.usage import character_kinds, estimate_tokens

UNREAD_LIMIT = 64 * 1024
SEALED = "?"  # stands for thoughts that only their provider can read: an answer of nothing else is not empty


class Delivered:
    """The generated text of one stream; `texts_of` finds it in an event."""

    def __init__(self, texts_of: Callable[[Mapping[str, Any]], Iterable[str]]) -> None:
        self._texts_of = texts_of
        self._unread: list[bytes] = []
        self._unread_bytes = 0
        self._ascii = 0
        self._other = 0

    def keep(self, data: bytes) -> None:
        """One event's data, to be read later."""
        self._unread.append(data)
        self._unread_bytes += len(data)
        if self._unread_bytes > UNREAD_LIMIT:
            self._read()

    def note(self, event: Mapping[str, Any]) -> None:
        """One event that has been read already."""
        for text in self._texts_of(event):
            self.add(text)

    def add(self, text: str) -> None:
        plain, other = character_kinds(text)
        self._ascii += plain
        self._other += other

    @property
    def has_content(self) -> bool:
        """Whether there was at least one character."""
        self._read()
        return bool(self._ascii or self._other)

    @property
    def tokens(self) -> int:
        """A fair guess of the tokens so far."""
        self._read()
        return estimate_tokens(ascii_characters=self._ascii, other_characters=self._other)

    def _read(self) -> None:
        for data in self._unread:
            self.note(object_of(data))
        self._unread.clear()
        self._unread_bytes = 0


def object_of(data: bytes) -> dict[str, Any]:
    """The JSON object in an event's data; empty where there is none."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
