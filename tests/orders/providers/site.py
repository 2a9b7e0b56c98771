"""A gateway's web server on this machine: real sockets, answers written by the test."""

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    raw: str


class Site:
    """`answers` maps a path to what is said there: an object (sent as JSON), bytes, or a function of Asked and
    the handler that writes for itself or returns one of those."""

    def __init__(self, port):
        self.base, self.port, self.answers, self.asked = f"http://127.0.0.1:{port}", port, {}, []

    def last(self):
        return self.asked[-1]


@contextmanager
def open_site():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads, server.block_on_close = True, False
    server.site = site = Site(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self._serve()

    def do_POST(self):
        self._serve()

    def _serve(self):
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), dict(parse_qsl(body)), self.path + body)
        site = self.server.site
        site.asked.append(asked)
        answer = site.answers[parts.path]
        if callable(answer):
            answer = answer(asked, self)
        if answer is not None:
            self.say(answer)

    def say(self, answer, *, status=200, headers=()):
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def says(answer, **options):
    """An answer with another status or further headers."""
    return lambda asked, handler: handler.say(answer, **options)
