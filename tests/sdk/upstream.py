"""An upstream that answers what a test lays down, over HTTP, and keeps what it was asked."""

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, NamedTuple

from tests.live import serving

JSON, EVENTS = "application/json", "text/event-stream"


class Ending(Enum):
    """What follows the last piece of an answer."""

    PROPER = auto()
    CUT = auto()  # the connection closes inside the body
    SILENCE = auto()  # until the other side hangs up


@dataclass
class Answer:
    """One answer, in pieces of bytes."""

    pieces: list[bytes]
    content_type: str = JSON
    status: int = 200
    ending: Ending = Ending.PROPER
    headers: dict[str, str] = field(default_factory=dict)


def whole(body, *, status=200, **headers):
    """An answer of JSON; `retry_after="7"` becomes a header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer([json.dumps(body).encode()], status=status, headers=named)


def streamed(*pieces, ending=Ending.PROPER):
    """An event stream of encoded events."""
    return Answer(list(pieces), EVENTS, ending=ending)


class Asked(NamedTuple):
    """A request as it arrived; names of headers in lower case."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Upstream:
    """See the module: an ASGI application. `left` is set when a caller hung up on a silent answer."""

    def __init__(self):
        self.base_url = ""
        self.asked = []
        self.left = threading.Event()
        self._answers = []

    def will(self, *answers):
        """Give these answers one after another, the last one for ever."""
        self._answers = list(answers)

    async def __call__(self, scope, receive, send):
        raw, more = b"", True
        while more:
            message = await receive()
            raw, more = raw + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append(Asked(scope["path"], headers, json.loads(raw)))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        named = {"content-type": answer.content_type, **answer.headers}
        encoded = [(name.encode(), value.encode()) for name, value in named.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
        for piece in answer.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if answer.ending is Ending.PROPER:
            await send({"type": "http.response.body"})
        elif answer.ending is Ending.SILENCE:
            while (await receive())["type"] != "http.disconnect":
                pass
            self.left.set()


@contextmanager
def scripted_upstream():
    """Serve until the end of the block."""
    upstream = Upstream()
    with serving(upstream, lifespan="off") as url:
        upstream.base_url = f"{url}/v1"
        yield upstream
