"""The few pieces of HTTP that the gateway needs, on top of ASGI."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HTML = "text/html; charset=utf-8"
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
MOST_BYTES = 1 << 20


class Refused(Exception):
    """A request that is answered with a no, in the words of the protocol it came by.

    `status` is the HTTP status where the protocol uses them; `type` and `code` are Stripe's.
    """

    def __init__(self, message: str, *, status: int = 400, type: str = "invalid_request_error", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.type = type
        self.code = code


class ClientLeft(Exception):
    """The client closed the connection before its request was complete."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. Header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    def arguments(self) -> dict[str, str]:
        """What the query string says; a name given twice is refused."""
        return _unique(self.query)

    def form(self) -> dict[str, str]:
        """What the body says, as a form or as a flat JSON object."""
        if self.headers.get("content-type", "").startswith(JSON):
            return {name: str(value) for name, value in self.json().items() if value is not None}
        return _unique(self._text())

    def pairs(self) -> list[tuple[str, str]]:
        """A form body or query as Stripe's clients write it, with brackets in the names."""
        return parse_qsl(self._text() or self.query, keep_blank_values=True)

    def json(self) -> dict[str, Any]:
        """A JSON object; an empty body is an empty one."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            raise Refused("The body is not JSON.") from None
        if not isinstance(value, dict):
            raise Refused("The body is not a JSON object.")
        return value

    def _text(self) -> str:
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            raise Refused("The body is not UTF-8.") from None


def checked(values: dict[str, Any], **known: type) -> dict[str, Any]:
    """The same values. Raises Refused for one that is not known, and for one of another type: true is no number."""
    for name, value in values.items():
        if name not in known:
            raise Refused(f"Unknown: {name}. Known: {', '.join(known)}.")
        if type(value) is not known[name] and not (known[name] is float and type(value) is int):
            raise Refused(f"{name} is of another type.")
    return values


def _unique(text: str) -> dict[str, str]:
    pairs = parse_qsl(text, keep_blank_values=True)
    values = dict(pairs)
    if len(values) != len(pairs):
        raise Refused("A field is given twice.")
    return values


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer."""

    body: bytes
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON, as PHP gateways and Stripe alike write it: UTF-8, nothing escaped that need not be."""
    return Response(json.dumps(value, ensure_ascii=False).encode(), status, JSON, headers or {})


def redirect(url: str) -> Response:
    """Send a browser on, with GET."""
    return Response(b"", 303, TEXT, {"Location": url})


def pattern(path: str) -> re.Pattern[str]:
    """`/pay/{id}` as an expression with a named group."""
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)))


async def read(scope: Scope, receive: Receive) -> Request:
    """The whole request. Raises Refused when it is too big, ClientLeft when it stays incomplete."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    body = await _read_body(receive)
    return Request(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers, body)


async def _read_body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        body += bytes(message.get("body", b""))
        if len(body) > MOST_BYTES:
            raise Refused("The body is too big.", status=413)
        if not message.get("more_body", False):
            return body


async def write(response: Response, send: Send) -> None:
    """Send the answer."""
    headers = {"Content-Type": response.content_type, "Content-Length": str(len(response.body)), **response.headers}
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": pairs})
    await send({"type": "http.response.body", "body": response.body})


async def until_client_leaves(receive: Receive) -> None:
    """Return once nobody waits for the answer any more."""
    while (await receive())["type"] != "http.disconnect":
        pass
