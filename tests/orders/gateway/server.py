"""A live payment gateway for tests: its own process on a free port, spoken to over HTTP."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

ROOT = Path(__file__).parents[3]
PATIENCE_S = 10
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway answered; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class GatewayServer:
    """A running gateway."""

    process: subprocess.Popen[str]
    line: str
    patience: float = PATIENCE_S

    @property
    def url(self) -> str:
        return self.line.split()[-1]

    def merchant(self, protocol: str) -> dict[str, str]:
        """The demo merchant of a protocol, with its secrets."""
        known = self.get("/control/merchants").json()["merchants"]
        return next(merchant for merchant in known if merchant["protocol"] == protocol)

    def get(self, path: str, **query: str) -> Answer:
        return self.request("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, fields: Mapping[str, Any], **headers: str) -> Answer:
        """A form; underscores in header names stand for dashes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", path, urlencode(fields).encode(), {"Content-Type": FORM, **named})

    def control(self, path: str, **values: Any) -> Any:
        """A control call that is expected to work; what it answers."""
        answer = self.request(
            "POST", f"/control{path}", json.dumps(values).encode(), {"Content-Type": "application/json"}
        )
        assert answer.status == 200, answer.text
        return answer.json()

    def payment(self, reference: str) -> dict[str, Any]:
        """The payment that a merchant numbered so, as the control API shows it."""
        found: dict[str, Any]
        (found,) = self.get("/control/payments", reference=reference).json()["payments"]
        return found

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        parts = urlsplit(path if path.startswith("http") else self.url + path)
        connection = HTTPConnection("127.0.0.1", parts.port or 80, timeout=self.patience)
        try:
            connection.request(method, f"{parts.path}?{parts.query}".rstrip("?"), body, dict(headers or {}))
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send the signal; the exit status and all that was written to stderr."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, errors


@contextmanager
def running_gateway(*options: str) -> Iterator[GatewayServer]:
    """Start ``python -m orders.gateway`` on a free port; stop it at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "orders.gateway", "--port", "0", *options],
        cwd=ROOT,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield GatewayServer(process, process.stdout.readline().rstrip("\n"))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
