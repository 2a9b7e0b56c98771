"""Real HTTP servers inside the test process, on free loopback ports."""

import asyncio
import socket
import threading
from contextlib import contextmanager

import uvicorn
from django.db import connection


class PromptServer(uvicorn.Server):
    """Looks every hundredth of a second whether it is to stop; uvicorn looks every tenth."""

    async def main_loop(self):
        while not await self.on_tick(0):  # noqa: ASYNC110 - it looks at a plain flag
            await asyncio.sleep(0.01)


@contextmanager
def serving(application, *, lifespan="on"):
    """Serve an ASGI application from a thread; yields its base URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        application,
        http="config.serving.http1:HttpProtocol",
        lifespan=lifespan,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )
    server = PromptServer(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        _wait_until_started(server, thread)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=15)
        listener.close()


def _wait_until_started(server, thread):
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the server did not start")
        thread.join(timeout=0.01)


def database_url():
    """Where another process finds the test database."""
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    host = str(values["HOST"]).replace("/", "%2F")
    return f"postgres://{values['USER']}:{values['PASSWORD']}@{host}:{values['PORT']}/{values['NAME']}"
