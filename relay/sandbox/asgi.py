"""The few pieces of ASGI that the sandbox needs."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

import orjson

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON = "application/json"


async def read_body(receive: Receive) -> bytes:
    """The whole request body; what there is of it, when the client leaves before its end."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def header(scope: Scope, name: bytes) -> str:
    """The value of a request header (`name` in lower case), empty when it is missing."""
    values = [value for key, value in scope["headers"] if key == name]
    return values[0].decode("latin-1") if values else ""


async def start(send: Send, status: int, content_type: str, headers: dict[str, str] | None = None) -> None:
    """Send status and headers. Without a Content-Length header the body goes out chunked."""
    pairs = {"Content-Type": content_type, **(headers or {})}
    encoded = [(name.lower().encode(), value.encode()) for name, value in pairs.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def write(send: Send, data: bytes, *, last: bool = False) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": not last})


async def respond(
    send: Send, status: int, data: bytes, content_type: str, headers: dict[str, str] | None = None
) -> None:
    await start(send, status, content_type, {"Content-Length": str(len(data)), **(headers or {})})
    await write(send, data, last=True)


async def respond_json(send: Send, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
    await respond(send, status, orjson.dumps(value), JSON, headers)


def before_end(send: Send, act: Callable[[], None]) -> Send:
    """The same `send`, which acts just before the last bytes of the body go out: whoever reads them can rely on it."""

    async def acting(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            act()
        await send(message)

    return acting


async def finishes_before_client_leaves(work: Coroutine[Any, Any, None], receive: Receive) -> bool:
    """Run the work that answers a request, its body read; if the client leaves first, cancel it and return False."""
    answering = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_departure(receive))
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            answering.result()
            return True
        return False
    finally:
        answering.cancel()
        leaving.cancel()
        await asyncio.gather(answering, leaving, return_exceptions=True)


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
