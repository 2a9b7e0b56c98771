"""The shop's end of a gateway: a small listener that keeps what it is told and answers what a test wants."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

PATIENCE_S = 10
SUCCESS = (200, b"success")


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # else the sixth of many at once waits a second for its connection


@dataclass(frozen=True, slots=True)
class Told:
    """One request as it arrived."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def fields(self) -> dict[str, str]:
        """The fields of a notify: of its body, or of a GET its query."""
        pairs = parse_qsl(self.query if self.method == "GET" else self.body.decode(), keep_blank_values=True)
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)


@dataclass
class Shop:
    """`answers` are given in turn; after them it is `success`."""

    url: str = ""
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def notify_url(self) -> str:
        return f"{self.url}/notify"

    @property
    def return_url(self) -> str:
        return f"{self.url}/back"

    def wait_for(self, count: int = 1) -> list[Told]:
        """Everything that was told, once it is so much."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.told) >= count, PATIENCE_S), f"{len(self.told)} of {count}"
            return list(self.told)

    def hear(self, told: Told) -> tuple[int, bytes]:
        with self.changed:
            self.told.append(told)
            self.changed.notify_all()
            return self.answers.pop(0) if self.answers else SUCCESS


@contextmanager
def open_shop() -> Iterator[Shop]:
    """A shop on a free port of this machine."""
    shop = Shop()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._hear()

        def do_POST(self) -> None:
            self._hear()

        def _hear(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = shop.hear(Told(self.command, parts.path, parts.query, headers, body))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = Listener(("127.0.0.1", 0), Handler)
    shop.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
