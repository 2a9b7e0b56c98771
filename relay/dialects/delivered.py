"""What a stream's meter needs in every dialect: an event's JSON, and a count of the text that was delivered. Pure."""

from collections.abc import Iterable
from typing import Any

import orjson

from billing.usage import character_kinds, estimate_tokens


class Delivered:
    """Counts the generated text of one stream as it passes."""

    def __init__(self) -> None:
        self._ascii = 0
        self._other = 0

    def add(self, texts: Iterable[str]) -> None:
        for text in texts:
            plain, other = character_kinds(text)
            self._ascii += plain
            self._other += other

    @property
    def has_content(self) -> bool:
        """Whether there was at least one character."""
        return bool(self._ascii or self._other)

    @property
    def tokens(self) -> int:
        """A fair guess of the tokens so far."""
        return estimate_tokens(ascii_characters=self._ascii, other_characters=self._other)


def json_event(data: bytes) -> dict[str, Any] | None:
    """The JSON object in an event's data; None where it is something else."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
