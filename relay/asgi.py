"""The relay's own ASGI handler.

Django's stock handler opens a thread context per request and hops threads for its signals: about 2 ms of CPU. This one
resolves the same URLs and calls the same views without either, so nothing on these paths may touch the ORM directly.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import ResolverMatch, get_resolver
from django.utils.module_loading import import_string

from config.kernel.errors import DomainError, TooLarge
from relay.alarm import Alarm
from relay.dialects.messages.errors import error_body as message_error
from relay.errors import error_response

logger = logging.getLogger("tollbooth.relay")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class EventStream(HttpResponseBase):
    """A Server-Sent-Events answer: pieces of bytes from an asynchronous iterator."""

    streaming = True

    def __init__(self, pieces: AsyncIterator[bytes], *, on_close: Callable[[], None]) -> None:
        super().__init__(content_type="text/event-stream; charset=utf-8")
        self.pieces = pieces
        self.headers["Cache-Control"] = "no-cache"
        self.headers["X-Accel-Buffering"] = "no"
        self._on_close = on_close

    def close(self) -> None:
        """Called when the answer is over, however it ended. No signal is sent: nothing of Django's listens here."""
        self._on_close()


class ClientGone(Exception):
    """The caller hung up while sending its request."""


class SlowReader(Exception):
    """The caller keeps the connection open and does not read."""


class RelayHandler:
    """Body → ASGIRequest → middleware → view → answer, cancelled when the caller leaves."""

    def __init__(self) -> None:
        chain: Callable[[HttpRequest], Awaitable[HttpResponseBase]] = self._answer
        for path in reversed(settings.RELAY_MIDDLEWARE):
            chain = import_string(path)(chain)
        self._middleware_chain = chain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = ASGIRequest(scope, BytesIO())
        try:
            request._body = await read_body(request, receive, limit=settings.RELAY_MAX_BODY_BYTES)
        except ClientGone:
            return
        except TooLarge as error:
            request.too_large = error  # type: ignore[attr-defined] # told by the view chain, which makes it an answer
        await until_client_leaves(self._respond(request, send), receive)

    async def _respond(self, request: ASGIRequest, send: Send) -> None:
        response = await self._middleware_chain(request)
        try:
            with patient(send) as send_soon:
                await send_response(response, send_soon)
        except SlowReader:
            logger.info("a caller read nothing for %s seconds", settings.RELAY_SLOW_READER_SECONDS)
        finally:
            if isinstance(response, EventStream):
                response.close()

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        refused: DomainError | None = getattr(request, "too_large", None)
        if refused is not None:
            is_message = request.path.rstrip("/").endswith(("/messages", "/messages/count_tokens"))
            refusal = error_response(refused, body=message_error(refused) if is_message else None)
            refusal.headers["Connection"] = "close"  # the rest of the body is not read
            return refusal
        try:
            request.resolver_match = match = _resolved(request.path_info)
            view, arguments, named = match
            response: HttpResponseBase = await view(request, *arguments, **named)
        except Exception:
            logger.exception("unhandled error before a view of the relay")
            return HttpResponse(
                b'{"error":{"message":"Something went wrong on our side.","type":"api_error",'
                b'"param":null,"code":"internal_error"}}',
                status=500,
                content_type="application/json",
            )
        return response


@lru_cache(maxsize=256)
def _resolved(path: str) -> ResolverMatch:
    """The view of a path, remembered: most requests ask for one of few."""
    return get_resolver().resolve(path)


async def read_body(request: HttpRequest, receive: Receive, *, limit: int) -> bytes:
    """The whole request body. Raises TooLarge as soon as it says that it will pass `limit`, or passes it unsaid, and
    ClientGone when it never comes.
    """
    parts, size = [], 0
    if int(request.META.get("CONTENT_LENGTH") or 0) > limit:
        raise _too_large(limit)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The request body is larger than {limit} bytes.")


async def until_client_leaves(work: Awaitable[None], receive: Receive) -> None:
    """Do `work`, cancelling it when the caller disconnects first."""
    task, has_left = asyncio.current_task(), False
    assert task is not None

    async def watch() -> None:
        nonlocal has_left
        while (await receive())["type"] != "http.disconnect":
            pass
        has_left = True
        task.cancel()

    watching = asyncio.ensure_future(watch())
    try:
        await work
    except asyncio.CancelledError:
        if not has_left or task.uncancel() > 0:
            raise  # somebody else has cancelled us
    finally:
        watching.cancel()


@contextmanager
def patient(send: Send) -> Iterator[Send]:
    """`send` with a limit to how long a caller may take nothing of what it is sent. Raises SlowReader.

    While it waits nothing is read from the upstream, so that a stream occupies no more than the buffers on its way.
    """
    alarm, patience = Alarm(), settings.RELAY_SLOW_READER_SECONDS
    flow = getattr(getattr(send, "__self__", None), "flow", None)  # uvicorn's: it lets senders wait while it is paused

    async def send_soon(message: Any) -> None:
        if flow is not None and not flow.write_paused:
            await send(message)
            return
        try:
            with alarm.within(patience):
                await send(message)
        except TimeoutError:
            hang_up(send)
            await asyncio.sleep(0)  # the server learns of it now, or it would complain about half an answer
            raise SlowReader from None

    try:
        yield send_soon
    finally:
        alarm.close()


def hang_up(send: Send) -> None:
    """Drop the connection with all that waits in it: closed in good order, it would wait for its reader for ever.

    ASGI has no word for this, so uvicorn's transport is taken; with a server that hides its own nothing happens.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()


async def send_response(response: HttpResponseBase, send: Send) -> None:
    """Headers, then the body: at once, or piece by piece as it comes."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    if isinstance(response, EventStream):
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        async for piece in response.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    content = response.content if isinstance(response, HttpResponse) else b""
    headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": content})
