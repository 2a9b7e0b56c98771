"""How much of a request's body the pages and the site API take, and how long they wait for it.

Django reads a body to its end, into a file, before anybody is asked whether the request is wanted at all.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from django.conf import settings

SECONDS: Final = 60.0  # for all of a body; the longest is a few hundred kilobytes typed into the admin

Message = Mapping[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def bounded(application: Application) -> Application:
    """The application, given the beginning of a body that is too long, which it refuses by its length."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(scope, receive)
        await application(scope, body.receive, send)
        if body.is_late:
            headers = [(b"content-type", b"text/plain"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 408, "headers": headers})
            await send({"type": "http.response.body", "body": b"The request did not arrive in time."})

    return answer


class _Body:
    """The messages of one request, until its body is over: by itself, or because no more of it is taken."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope, self._receive = scope, receive
        self._left = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1  # with one byte more Django refuses a form
        self._deadline = asyncio.get_running_loop().time() + SECONDS
        self._is_over = False
        self.is_late = False

    async def receive(self) -> Message:
        """The next message; a body that is late counts as given up by whoever sent it."""
        if self._is_over:
            return await self._receive()
        if not self._left:
            await asyncio.Event().wait()  # until the answer is there: the rest stays where it is
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            self.is_late = True
            return {"type": "http.disconnect"}
        return self._shortened(message) if message["type"] == "http.request" else message

    def _shortened(self, message: Message) -> Message:
        body = message.get("body", b"")[: self._left]
        self._left -= len(body)
        self._is_over = not message.get("more_body", False)
        if not self._left:
            self._tell_length()
        return {**message, "body": body, "more_body": bool(self._left) and not self._is_over}

    def _tell_length(self) -> None:
        """A body in chunks does not say how long it is: what looks at its length has to see that it is too long."""
        headers = self._scope["headers"]
        if not any(name == b"content-length" for name, _value in headers):
            length = str(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1).encode()
            self._scope["headers"] = [*headers, (b"content-length", length)]
