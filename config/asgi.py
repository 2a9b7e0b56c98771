"""The ASGI application: relay paths to the relay's lean handler, everything else to Django's own."""

import os
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.asgi import get_asgi_application

django_pages = get_asgi_application()  # first: it sets Django up for the imports below

from django.conf import settings

from config.bodies import bounded
from relay import runtime
from relay.asgi import RelayHandler
from relay.drain import drain_on_signals

pages = bounded(django_pages)
relay = RelayHandler()

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Dispatch one connection by its type and path."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif _is_relay_path(scope["path"]):
        await relay(scope, receive, send)
    else:
        await pages(scope, receive, send)


@lru_cache(maxsize=1024)
def _is_relay_path(path: str) -> bool:
    return any(path == prefix or path.startswith(prefix + "/") for prefix in settings.RELAY_PATHS)


async def _lifespan(receive: Receive, send: Send) -> None:
    """Start the relay's runtime before the first request, stop it after the last."""
    await receive()  # lifespan.startup
    try:
        listen_no_more = drain_on_signals(await runtime.start())
    except Exception as error:
        await send({"type": "lifespan.startup.failed", "message": repr(error)})
        raise
    await send({"type": "lifespan.startup.complete"})
    await receive()  # lifespan.shutdown
    listen_no_more()
    await runtime.stop()
    await send({"type": "lifespan.shutdown.complete"})
