"""Runs localstripe, which listens on every address when it is started its own way, on loopback; prints its port."""

import socket

from aiohttp import web
from localstripe.server import app

with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)  # noqa: T201 - for the test that started it
    web.run_app(app, sock=listener, print=None)
