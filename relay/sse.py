"""Server-Sent Events as bytes: cut a stream into whole events without changing or decoding one byte."""

import re

MAX_EVENT_BYTES = 1024 * 1024
DONE = b"[DONE]"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# A CR that is the last byte so far may be half of a CRLF: it ends a line once the next byte is there.
_BOUNDARY = re.compile(rb"(?:\r\n|\n|\r(?=[^\n])){2}")
_LINES = re.compile(rb"\r\n|\n|\r")


class EventTooLarge(Exception):
    """An upstream sent an event above MAX_EVENT_BYTES."""


class BrokenEvent(Exception):
    """An event's data is not what its dialect writes."""


class EventSplitter:
    """Feed chunks as they arrive, get whole events: bytes up to and with the blank line that ends them.

    Only LF, CRLF and CR end lines: U+2028 and its kin occur inside JSON strings and must not.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events completed by this chunk, in order. Raises EventTooLarge."""
        if not self._buffer:
            events, end = _cut(chunk, position=0)
            self._buffer += chunk[end:]
        else:
            seen = len(self._buffer)
            self._buffer += chunk
            events, end = _cut(self._buffer, position=max(seen - 3, 0))  # a boundary has up to four bytes
            del self._buffer[:end]
        if len(self._buffer) > MAX_EVENT_BYTES or any(len(event) > MAX_EVENT_BYTES for event in events):
            raise EventTooLarge(f"an event of more than {MAX_EVENT_BYTES} bytes")
        return events

    def rest(self) -> bytes:
        """What came after the last blank line: empty when the stream ended as it should."""
        return bytes(self._buffer)


def _cut(data: bytes | bytearray, *, position: int) -> tuple[list[bytes], int]:
    """The whole events at the start of `data`, and where they end; no boundary begins before `position`."""
    events, start = [], 0
    for end in _ends_of(data, position):
        events.append(bytes(data[start:end]))
        start = end
    return events, start


def _ends_of(data: bytes | bytearray, position: int) -> list[int]:
    """Where the boundaries from `position` on end."""
    if data.find(b"\r", position) >= 0:
        return [boundary.end() for boundary in _BOUNDARY.finditer(data, position)]
    ends, found = [], data.find(b"\n\n", position)  # ten times as fast, and all that nearly every stream needs
    while found >= 0:
        ends.append(found + 2)
        found = data.find(b"\n\n", found + 2)
    return ends


def closed(rest: bytes) -> bytes:
    """An event whose blank line never came, with one; empty when there was no event."""
    event = rest.strip(b"\r\n")
    return event + b"\n\n" if event else b""


def data_of(event: bytes) -> bytes:
    """The `data` of one event, its lines joined by LF; empty for comments and other fields."""
    if event.startswith(b"data: ") and event.endswith(b"\n\n") and event.count(b"\n") == 2 and b"\r" not in event:
        return event[6:-2]  # the shape nearly every event has
    lines = _LINES.split(event.removeprefix(BYTE_ORDER_MARK))
    return b"\n".join(_value(line) for line in lines if line.startswith(b"data:"))


def _value(line: bytes) -> bytes:
    value = line[5:]
    return value[1:] if value.startswith(b" ") else value


def encode(data: bytes) -> bytes:
    """One event with one line of data."""
    return b"data: " + data + b"\n\n"


PING = b": ping\n\n"
DONE_EVENT = encode(DONE)
