"""Events of a response stream, numbered and encoded. Pure."""

from collections.abc import Mapping
from typing import Any

import orjson

from config.kernel.errors import DomainError, RateLimited
from relay import sse
from relay.errors import error_object


class Events:
    """Numbers the events of one stream and keeps them until they are taken."""

    def __init__(self, *, first: int = 0) -> None:
        self._next = first
        self._kept: list[bytes] = []

    def emit(self, kind: str, **fields: Any) -> None:
        event = {"type": kind, "sequence_number": self._next, **fields}
        self._kept.append(b"event: %s\n%s" % (kind.encode(), sse.encode(orjson.dumps(event))))
        self._next += 1

    def emit_error(self, error: DomainError) -> None:
        """`error`: flat as it is documented, and with the envelope that makes the official clients raise."""
        told = error_object(error)
        self.emit("error", code=error.code, message=error.message, param=error.param, **told)

    def take(self) -> bytes:
        """What was emitted since the last time."""
        taken = b"".join(self._kept)
        self._kept.clear()
        return taken


def response_error(error: DomainError) -> Mapping[str, Any]:
    """The `error` of a failed response; its codes are few."""
    code = "rate_limit_exceeded" if isinstance(error, RateLimited) else "server_error"
    return {"code": code, "message": error.message}
