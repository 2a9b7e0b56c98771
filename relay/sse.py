"""Server-Sent Events as bytes: cut a stream into whole events without changing or decoding one byte."""

import re

MAX_EVENT_BYTES = 1024 * 1024
DONE = b"[DONE]"
_BOUNDARY = re.compile(rb"\r?\n\r?\n")


class EventTooLarge(Exception):
    """An upstream sent an event above MAX_EVENT_BYTES."""


class EventSplitter:
    """Feed chunks as they arrive, get whole events: bytes up to and with the blank line that ends them.

    Only LF and CRLF end lines: U+2028 and its kin occur inside JSON strings and must not.
    """

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events completed by this chunk, in order. Raises EventTooLarge."""
        data = self._buffer + chunk if self._buffer else chunk
        events, start = [], 0
        for boundary in _BOUNDARY.finditer(data):
            events.append(data[start : boundary.end()])
            start = boundary.end()
        self._buffer = data[start:]
        if len(self._buffer) > MAX_EVENT_BYTES:
            raise EventTooLarge(f"an event of more than {MAX_EVENT_BYTES} bytes")
        return events

    def rest(self) -> bytes:
        """What came after the last blank line: empty when the stream ended as it should."""
        return self._buffer


def data_of(event: bytes) -> bytes:
    """The `data` of one event, its lines joined by LF; empty for comments and other fields."""
    if event.startswith(b"data: ") and event.count(b"\n") == 2:
        return event[6:].rstrip(b"\r\n")  # the shape nearly every event has
    lines = (line.rstrip(b"\r") for line in event.split(b"\n"))
    return b"\n".join(_value(line) for line in lines if line.startswith(b"data:"))


def _value(line: bytes) -> bytes:
    value = line[5:]
    return value[1:] if value.startswith(b" ") else value


def encode(data: bytes) -> bytes:
    """One event with one line of data."""
    return b"data: " + data + b"\n\n"


PING = b": ping\n\n"
DONE_EVENT = encode(DONE)
