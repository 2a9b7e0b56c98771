"""Small blocking calls to an upstream for its operator: which models it lists, and whether a chat completion works.

Everything an upstream answers is hostile until checked: its size, its type, and every text that will be shown.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeGuard

import orjson
import requests
import urllib3
from django.conf import settings

from config.egress.certificates import certificate_fault
from config.egress.errors import EgressError
from config.egress.session import Session
from config.kernel.errors import DomainError, UpstreamFailed, UpstreamTimedOut
from relay.endpoints import Endpoint
from relay.errors import sanitised, without_key
from relay.hops import HOP_HEADER, own_mark
from relay.overrides import merge
from relay.providers import Upstream
from relay.routing import Target
from relay.sse import DONE, EventSplitter, EventTooLarge, data_of

SILENCE_SECONDS = 30
TOTAL_SECONDS = 60
MAX_LIST_BYTES = 8 * 1024 * 1024
MAX_ANSWER_BYTES = 1024 * 1024
MAX_MODELS = 2_000
MAX_MODEL_NAME = 120
NO_MODEL_LIST = "no_model_list"
_PROMPT = [{"role": "user", "content": "Reply with the word ok."}]
_ANSWER_TOKENS = 16
_LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")
_READ_BYTES = 64 * 1024
_REPORTED_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class ProbeTimes:
    """Milliseconds from sending until the first event and until the end of the answer."""

    first_byte_ms: int
    total_ms: int


def list_upstream_models(upstream: Upstream) -> list[str]:
    """The model ids of `GET /models`, in the upstream's order.

    Raises UpstreamFailed (code NO_MODEL_LIST where the upstream has no such list) and UpstreamTimedOut.
    """
    with _answer("GET", upstream.models_url, headers=upstream.headers()) as response:
        if response.status_code in (404, 405, 501):
            raise UpstreamFailed("The upstream has no list of models.", code=NO_MODEL_LIST)
        _demand_success(response, upstream.secret)
        listed = _json(b"".join(_chunks(response, limit=MAX_LIST_BYTES)))
    rows = listed.get("data") if isinstance(listed, dict) else listed
    if not isinstance(rows, list):
        raise UpstreamFailed("The upstream's list of models could not be read.", code=NO_MODEL_LIST)
    ids = (row.get("id") for row in rows[:MAX_MODELS] if isinstance(row, dict))
    return list(dict.fromkeys(name for name in ids if _is_model_name(name)))


def probe(target: Target) -> ProbeTimes:
    """Whether the target answers: a tiny chat completion, or the list of models where there is no chat.

    Raises UpstreamFailed or UpstreamTimedOut with a text fit to show.
    """
    if Endpoint.CHAT not in target.speaks:
        started = time.monotonic()
        list_upstream_models(target)
        took = _ms(time.monotonic() - started)
        return ProbeTimes(first_byte_ms=took, total_ms=took)
    first, second = sorted(_LIMIT_FIELDS, key=lambda name: name != target.limit_field)
    try:
        return _stream_chat(target, limit_field=first)
    except UpstreamFailed as failure:
        if second not in failure.message:
            raise
    return _stream_chat(target, limit_field=second)


def _stream_chat(target: Target, *, limit_field: str) -> ProbeTimes:
    """Stream one tiny chat completion to its end."""
    body = {"model": target.upstream_model, "messages": _PROMPT, "stream": True, limit_field: _ANSWER_TOKENS}
    started = time.monotonic()
    headers, body = target.headers(), merge(body, target.body_overrides)
    with _answer("POST", target.url(), headers=headers, body=body) as response:
        _demand_success(response, target.secret)
        first_byte = _follow(response, target.secret)
    return ProbeTimes(first_byte_ms=_ms(first_byte - started), total_ms=_ms(time.monotonic() - started))


class _Progress:
    """How much of a chat completion has been seen."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self.has_choice = False
        self.is_finished = False

    def take(self, data: bytes) -> None:
        """One event, or a whole answer that was not streamed. Raises UpstreamFailed for an error reported in it."""
        if data == DONE:
            self.is_finished = True
        piece = _json(data)
        if not isinstance(piece, dict):
            return
        if piece.get("error"):
            raise UpstreamFailed(_reported(piece, self._secret) or "The upstream reported an error.")
        choices = piece.get("choices")
        rows = [row for row in choices if isinstance(row, dict)] if isinstance(choices, list) else []
        self.has_choice = self.has_choice or bool(rows)
        self.is_finished = self.is_finished or any(row.get("finish_reason") for row in rows)

    def demand_completion(self) -> None:
        """Raises UpstreamFailed when what was seen is no complete answer."""
        if not self.has_choice:
            raise UpstreamFailed("The upstream did not answer with a chat completion.")
        if not self.is_finished:
            raise UpstreamFailed("The answer stopped before it was complete.")


def _follow(response: requests.Response, secret: str) -> float:
    """Read the answer until it is complete; returns when its first event came."""
    splitter, progress, first_byte = EventSplitter(), _Progress(secret), 0.0
    try:
        for chunk in _chunks(response, limit=MAX_ANSWER_BYTES):
            for event in splitter.feed(chunk):
                first_byte = first_byte or time.monotonic()
                progress.take(data_of(event))
    except EventTooLarge:
        raise _too_large() from None
    if not first_byte:  # an upstream that does not stream answers with one JSON object
        progress.take(splitter.rest())
    progress.demand_completion()
    return first_byte or time.monotonic()


@contextmanager
def _answer(
    method: str, url: str, *, headers: Mapping[str, str], body: Mapping[str, Any] | None = None
) -> Iterator[requests.Response]:
    """One request, every failure as a DomainError."""
    headers = {"Accept-Encoding": "identity", HOP_HEADER: own_mark(), **headers}
    with Session() as session:
        try:
            response = session.request(
                method,
                url,
                headers=headers,
                json=body,
                stream=True,
                timeout=(settings.RELAY_CONNECT_TIMEOUT, SILENCE_SECONDS),
            )
            with response:
                yield response
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, EgressError) as error:
            raise _connection_failure(error) from None


def _chunks(response: requests.Response, *, limit: int) -> Iterator[bytes]:
    """The body as it arrives. Never asks requests for a whole chunk: an upstream may announce one of any size."""
    size, deadline = 0, time.monotonic() + TOTAL_SECONDS
    while chunk := response.raw.read1(_READ_BYTES, decode_content=False):
        size += len(chunk)
        if size > limit:
            raise _too_large()
        if time.monotonic() > deadline:
            raise UpstreamTimedOut(f"The upstream did not finish within {TOTAL_SECONDS} seconds.")
        yield chunk


def _demand_success(response: requests.Response, secret: str) -> None:
    status = response.status_code
    if status == 200:
        return
    if 300 <= status < 400:
        raise UpstreamFailed(f"The upstream redirects elsewhere (status {status}). Enter the final base URL.")
    try:
        reported = _reported(_json(b"".join(_chunks(response, limit=MAX_ANSWER_BYTES))), secret)
    except DomainError:
        reported = ""
    if status in (401, 403):
        start = f"The upstream does not accept this key (status {status})"
    else:
        start = f"The upstream answered with status {status}"
    raise UpstreamFailed(f"{start}: {reported}" if reported else f"{start}.")


def _reported(answer: Any, secret: str) -> str:
    """The upstream's own error sentence without the key or any part of it, on one printable line; often empty."""
    error = answer.get("error") if isinstance(answer, dict) else None
    text = error.get("message") if isinstance(error, dict) else error
    if not isinstance(text, str):
        return ""
    line = "".join(letter if letter.isprintable() else " " for letter in text[:_REPORTED_CHARACTERS])
    return sanitised(without_key(line, secret), fallback="")[:240]


def _connection_failure(error: Exception) -> DomainError:
    if isinstance(error, EgressError):
        return UpstreamFailed(str(error))
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
        return UpstreamTimedOut("The upstream did not answer in time.")
    if isinstance(error, requests.exceptions.SSLError):
        fault = certificate_fault(error)
        why = f"its certificate is not accepted ({fault})" if fault else "TLS failed"
        return UpstreamFailed(f"There is no secure connection to the upstream: {why}.")
    return UpstreamFailed("The connection to the upstream was refused or lost.")


def _too_large() -> UpstreamFailed:
    return UpstreamFailed("The upstream's answer was too large.")


def _json(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


def _is_model_name(name: Any) -> TypeGuard[str]:
    return isinstance(name, str) and 0 < len(name) <= MAX_MODEL_NAME and name.isprintable() and " " not in name


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
