"""A live sandbox upstream for tests: its own process on a free port, with its counters at hand."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE_S = 10


@dataclass(frozen=True, slots=True)
class SandboxServer:
    """A running sandbox: `base_url` is what an SDK wants, ending in /v1."""

    process: subprocess.Popen[str]
    line: str

    @property
    def base_url(self) -> str:
        return self.line.split()[-1]

    @property
    def port(self) -> int:
        return int(self.base_url.split(":")[2].removesuffix("/v1"))

    def stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stats", timeout=PATIENCE_S) as answer:
            stats: dict[str, Any] = json.load(answer)
            return stats

    def wait_for(self, **expected: int) -> dict[str, Any]:
        """The counters, once they hold the expected values; whatever they are when patience ends."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            stats = self.stats()
            if expected.items() <= stats.items() or time.monotonic() > deadline:
                return stats
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send the signal; the exit status and all that was written to stderr."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, errors


@contextmanager
def running_sandbox(environment: Mapping[str, str] | None = None) -> Iterator[SandboxServer]:
    """Start ``python -m relay.sandbox`` on a free port; stop it at the end if it still runs."""
    clean = {name: value for name, value in os.environ.items() if name != "SANDBOX_KEY"}
    process = subprocess.Popen(
        [sys.executable, "-m", "relay.sandbox", "--port", "0"],
        cwd=ROOT,
        env={**clean, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield SandboxServer(process, process.stdout.readline().rstrip("\n"))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def post(server: SandboxServer, payload: Mapping[str, Any] | bytes, *, key: str | None = "any") -> socket.socket:
    """A raw connection on which a chat completion request was just sent."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        "Host: sandbox",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *([f"Authorization: Bearer {key}"] if key is not None else []),
    ]
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
    connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return connection


def read_to_end(connection: socket.socket) -> bytes:
    """All bytes until the server closes the connection."""
    with connection, connection.makefile("rb") as stream:
        return stream.read()
