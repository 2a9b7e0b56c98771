"""One call to a gateway: within time and size limits, without redirects, and the answer read strictly.

Addresses and forms hold keys: nothing here puts one into a log, an error or a traceback.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Never
from urllib.parse import urlsplit

import requests
import urllib3

from config.egress.errors import AddressRefused, EgressError
from config.egress.session import Session
from orders.providers.base import GatewayRefused, GatewayUnreachable

CONNECT_SECONDS, SILENCE_SECONDS, TOTAL_SECONDS = 5.0, 10.0, 20.0
MAX_ANSWER_BYTES = 256 * 1024
_READ_BYTES = 16 * 1024
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "Tollbooth"}
_QUOTED_CHARACTERS = 200
_TRY_AGAIN = frozenset({408, 425, 429})
_NO_SUCH_ORDER = re.compile(r"不存在|未找到|找不到|没有找到|not found|not exist|no such|unknown order", re.IGNORECASE)

Answer = Mapping[str, Any]


def ask(url: str, *, form: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None) -> Answer:
    """POST a form, or GET with a query: the JSON object of the answer, its numbers as the text they were written in.

    Raises GatewayRefused and GatewayUnreachable.
    """
    host = urlsplit(url).hostname
    try:
        status, body = _exchange(url, form, query)
    except AddressRefused as error:
        raise GatewayRefused(str(error)) from None
    except EgressError as error:
        raise GatewayUnreachable(str(error)) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        # Without its text and its cause: both hold the address that was asked, and that may hold a key.
        raise GatewayUnreachable(f"{host} could not be asked: {type(error).__name__}.") from None
    _demand_success(host, status)
    return _read(host, body)


def demand_no(problems: Sequence[str]) -> None:
    """Raises GatewayRefused for an account whose settings are wrong: nothing is sent for it."""
    if problems:
        raise GatewayRefused(" ".join(problems))


@contextmanager
def unclear() -> Iterator[None]:
    """For asking what became of a call that may have had an effect: a refusal to tell is no answer."""
    try:
        yield
    except GatewayRefused as error:
        raise GatewayUnreachable(str(error)) from error


def text(answer: Answer, name: str) -> str:
    """A field that says one thing; empty when it is not there, null, a list or an object."""
    value = answer.get(name)
    return value if isinstance(value, str) else ""


def scalars(answer: Answer) -> dict[str, str]:
    """The fields that can be part of a signed text."""
    return {name: value for name, value in answer.items() if isinstance(value, str)}


def quoted(words: str) -> str:
    """A gateway's own words on one short line, for the operator."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in words[:_QUOTED_CHARACTERS]).split())
    return line or "no reason given"


def means_unknown(words: str) -> bool:
    """Whether a refusal says that there is no such order. These gateways have words for it, and no common code."""
    return bool(_NO_SUCH_ORDER.search(words))


def _exchange(url: str, form: Mapping[str, str] | None, query: Mapping[str, str] | None) -> tuple[int, bytes]:
    deadline = time.monotonic() + TOTAL_SECONDS
    with (
        Session() as session,
        session.request(
            "GET" if form is None else "POST",
            url,
            params=query,
            data=form,
            headers=_HEADERS,
            stream=True,
            timeout=(CONNECT_SECONDS, SILENCE_SECONDS),
        ) as response,
    ):
        return response.status_code, body_of(response, deadline)


def body_of(response: requests.Response, deadline: float) -> bytes:
    """All of it, if it ends before this value of `time.monotonic()`; raises GatewayUnreachable.

    It is read as it arrives: a chunk may be announced of any size, or never end.
    """
    body = b""
    while chunk := response.raw.read1(_READ_BYTES, decode_content=False):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise GatewayUnreachable("The gateway's answer was too large to be read.")
        if time.monotonic() > deadline:
            raise GatewayUnreachable("The gateway did not finish its answer in time.")
    return body


def _demand_success(host: str | None, status: int) -> None:
    if 300 <= status < 400:
        raise GatewayRefused(f"{host} redirects elsewhere (status {status}). Enter the gateway's final base address.")
    if 400 <= status < 500 and status not in _TRY_AGAIN:
        raise GatewayRefused(f"{host} answered with status {status}.")
    if status != 200:
        raise GatewayUnreachable(f"{host} answered with status {status}.")


def _read(host: str | None, body: bytes) -> Answer:
    """Strictly: UTF-8 (a byte order mark is let pass), one object, no name twice, no NaN, no half of a character."""
    try:
        answer = json.loads(
            body.decode("utf-8-sig"),
            parse_int=str,
            parse_float=str,
            parse_constant=_refuse_constant,
            object_pairs_hook=_once,
        )
        json.dumps(answer, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise GatewayUnreachable(f"{host} answered with something that is no JSON.") from None
    if not isinstance(answer, dict):
        raise GatewayUnreachable(f"{host} answered with something that is no JSON object.")
    return answer


def _refuse_constant(name: str) -> Never:
    raise ValueError(name)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name given twice")
    return found
