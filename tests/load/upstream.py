"""An upstream for benchmarks: it answers at next to no cost, so that what is measured is whoever asks it.

    python -m tests.load.upstream PORT

A POST is answered by one fixed chat completion, or by a fixed stream when its body asks for one. How long both take is
set while it runs: `GET /script?events=100&gap=0.01&wait=0`, with the data events of a stream, the seconds between two
of them, and the seconds before any answer.
"""

import asyncio
import re
import sys
from dataclasses import dataclass
from typing import cast
from urllib.parse import parse_qsl, urlsplit

import httptools
import orjson
import uvloop

from tests.load.machine import allow_many_files

WANTS_STREAM = re.compile(rb'"stream": ?true')
HEAD = {
    "id": "chatcmpl-0123456789abcdef",
    "created": 1_767_225_600,
    "model": "load-model",
    "system_fingerprint": "fp_1",
}
USAGE = {"prompt_tokens": 250, "completion_tokens": 32, "total_tokens": 282}
TEXT = "This is a fixed answer of a hundred and fifty characters or so: what is carried back should have a body. "


def whole_answer() -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop", "logprobs": None}
    body = orjson.dumps({**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE})
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def framed(data: bytes) -> bytes:
    """One event as one chunk of the body."""
    return b"%x\r\ndata: %s\n\n\r\n" % (len(data) + 8, data)


def event(choices: list[dict[str, object]], usage: object = None) -> bytes:
    return framed(orjson.dumps({**HEAD, "object": "chat.completion.chunk", "choices": choices, "usage": usage}))


def delta(content: dict[str, str], finish: str | None = None) -> bytes:
    return event([{"index": 0, "delta": content, "logprobs": None, "finish_reason": finish}])


WHOLE = whole_answer()
OPENING = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
TOKEN = delta({"content": " token"})
CLOSING = delta({}, "stop") + event([], USAGE) + framed(b"[DONE]") + b"0\r\n\r\n"


@dataclass
class Script:
    """How answers go; `GET /script` changes it for all that begin afterwards."""

    events: int = 20
    gap: float = 0.0
    wait: float = 0.0


class Answers(asyncio.Protocol):
    """One connection, kept alive; one answer at a time."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._timer: asyncio.TimerHandle | None = None
        self._url = self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    # ── What the parser calls ────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        self._url = self._body = b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._parser.get_method() == b"GET":
            self._set_script()
        elif WANTS_STREAM.search(self._body):
            self._left, self._due = self._script.events, self._loop.time() + self._script.wait
            self._transport.write(OPENING)
            self._stream()
        elif self._script.wait:
            self._timer = self._loop.call_later(self._script.wait, self._transport.write, WHOLE)
        else:
            self._transport.write(WHOLE)

    # ── Answers ──────────────────────────────────────────────────────────────

    def _set_script(self) -> None:
        values = dict(parse_qsl(urlsplit(self._url.decode()).query))
        if "events" in values:
            self._script.events = int(values.pop("events"))
        for name, value in values.items():
            setattr(self._script, name, float(value))
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def _stream(self) -> None:
        """Write what is due and come back for the rest."""
        now = self._loop.time()
        while self._due <= now and self._left:
            self._transport.write(TOKEN)
            self._left -= 1
            self._due += self._script.gap
        if self._left or self._due > now:
            self._timer = self._loop.call_at(self._due, self._finish if not self._left else self._stream)
        else:
            self._finish()

    def _finish(self) -> None:
        self._transport.write(CLOSING)


async def serve(port: int) -> None:
    """Listen on the loopback address until the process is ended."""
    script = Script()
    server = await asyncio.get_running_loop().create_server(
        lambda: Answers(script), "127.0.0.1", port, backlog=4096, reuse_address=True
    )
    await server.serve_forever()


if __name__ == "__main__":
    allow_many_files()
    uvloop.run(serve(int(sys.argv[1])))
