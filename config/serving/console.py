"""What `serve` prints: progress, the output of its children, the banner."""

import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

NAME_WIDTH = 8


class Console:
    """Lines on a terminal or in a log file. Goes silent, rather than down, when its reader leaves (`serve | head`)."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Print as it is, at once."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            self._stream = open(os.devnull, "w")  # noqa: SIM115 - open until the process ends
            os.dup2(self._stream.fileno(), sys.stdout.fileno())  # else Python complains when it flushes at exit

    def line(self, text: str = "") -> None:
        """Print one line."""
        self.write(text + "\n")

    def say(self, who: str, what: str) -> None:
        """A line of a child process, or with an empty `who` of the supervisor itself."""
        self.line(f"{who:<{NAME_WIDTH}} │ {what}" if who else what)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """`Preparing the database … done 0.4 s`"""
        self.write(f"{title} … ")
        started = time.monotonic()
        try:
            yield
        except BaseException:
            self.line("failed")
            raise
        self.line(f"done {time.monotonic() - started:.1f} s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """What a person needs to know to use the product that has just started."""

    name: str
    site_url: str
    api_base_url: str
    operator: str | None
    sign_in_url: str | None
    prints_mail: bool
    demo_key: str | None

    def __str__(self) -> str:
        return "\n".join(
            ["", f"{self.name} is running. Ctrl-C stops it.", "", *self._addresses(), "", *self._first_call(), ""]
        )

    def _addresses(self) -> Iterator[str]:
        yield f"  Console    {self.site_url}/"
        yield f"  Relay      {self.api_base_url}"
        if self.sign_in_url:
            yield f"  Operator   {self.operator}, who has no password yet; this link signs in once, within 24 hours:"
            yield f"             {self.sign_in_url}"
        elif self.operator:
            yield f"  Operator   {self.operator}"
        if self.prints_mail:
            yield "  Mail       printed here, sign-up codes too; set EMAIL_URL to send it"

    def _first_call(self) -> Iterator[str]:
        if self.demo_key:
            yield "A first call, on the demo account and the sandbox model:"
            yield ""
            yield f"  {first_call(self.api_base_url, self.demo_key)}"
        else:
            yield "A first call: sign in, create a key under Token Management, and run the curl line shown with it."


def first_call(api_base_url: str, key: str) -> str:
    """A streaming chat completion as one line for any shell."""
    body = '{"model": "sandbox-mini", "stream": true, "messages": [{"role": "user", "content": "Say hello"}]}'
    headers = (f"Authorization: Bearer {key}", "Content-Type: application/json")
    words = ["curl", "-N", f"{api_base_url}/chat/completions"]
    for header in headers:
        words += ["-H", header]
    return shlex.join([*words, "-d", body])
