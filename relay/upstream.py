"""The upstream side of an attempt: one pooled client, time-outs, size limits, and failures told apart."""

import asyncio
import logging
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import aiohttp
import orjson
from django.conf import settings

from config.egress.client import Client, open_client, told
from config.egress.errors import EgressError
from config.kernel.errors import (
    DomainError,
    InvalidInput,
    NotFound,
    RateLimited,
    TooLarge,
    UpstreamFailed,
    UpstreamTimedOut,
)
from relay.blame import Blame, blame_of
from relay.decoding import Inflated, Plain, Undecodable, decoder_for
from relay.dialects.base import JSON, Dialect, NativeAnswer
from relay.errors import printable, sanitised, without_key
from relay.hops import HOP_HEADER, own_mark
from relay.routing import Target

logger = logging.getLogger("tollbooth.relay")

MAX_ERROR_BYTES = 64 * 1024
MAX_RETRY_AFTER = 60
MAX_CODE = 60  # characters; the usage record keeps no longer one
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_PASSED_ON: dict[int, type[DomainError]] = {400: InvalidInput, 404: NotFound, 413: TooLarge, 422: InvalidInput}


class Failure(Exception):
    """An attempt that gave no answer: what to tell the caller, and whether another channel may do better.

    `blame` says what it means for the channel; the upstream's status decides where nothing better is known. `reason`
    is for the operator alone: unlike `error` it may name hosts, addresses and certificates.
    """

    def __init__(
        self,
        error: DomainError,
        *,
        may_fail_over: bool,
        upstream_status: int | None = None,
        reason: str = "",
        blame: Blame | None = None,
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.may_fail_over = may_fail_over
        self.upstream_status = upstream_status
        self.reason = printable(reason)
        self.blame = blame or blame_of(upstream_status)


def new_client() -> Client:
    """The process's one client. A host with many silent addresses may take as long to give up as one with one."""
    timeout = aiohttp.ClientTimeout(
        total=None,  # aiohttp would say so again at every read that follows; each reader has limits of its own
        connect=settings.EGRESS_LOOKUP_TIMEOUT + settings.RELAY_CONNECT_TIMEOUT,
        sock_connect=settings.RELAY_CONNECT_TIMEOUT,
    )
    return open_client(timeout=timeout, read_buffer=256 * 1024)


async def open_answer(
    client: Client,
    target: Target,
    *,
    spoken: Dialect,
    body: bytes,
    content_type: str = JSON,
    is_stream: bool,
    headers: Mapping[str, str] = _NO_HEADERS,
) -> aiohttp.ClientResponse:
    """Send one request; returns the answer with status 200 and its body unread. Raises Failure."""
    headers = headers_to(target, spoken=spoken, content_type=content_type, is_stream=is_stream, passed_on=headers)
    try:
        async with asyncio.timeout(settings.RELAY_FIRST_BYTE_TIMEOUT):
            response = await client.send("POST", target.url(spoken.endpoint), headers=headers, body=body)
    except (aiohttp.ClientError, OSError, EgressError) as error:
        raise _not_answered(target, error) from None
    if response.status != 200:
        raise await _refusal(response, target.secret)
    return response


def headers_to(
    target: Target, *, spoken: Dialect, content_type: str, is_stream: bool, passed_on: Mapping[str, str]
) -> dict[str, str]:
    """All that an upstream gets to see; the HTTP client adds `Host` and `Content-Length`.

    None of the caller's own headers goes up but what its dialect has `passed_on`, which the channel's own replace; and
    none of the answer's comes back.
    """
    ours = target.headers(spoken.endpoint)
    replaced = {name.lower() for name in ours}
    return {
        "Content-Type": content_type,
        "Accept": _accepted(spoken, is_stream=is_stream),
        "Accept-Encoding": "identity",
        HOP_HEADER: own_mark(),
        **{name: value for name, value in passed_on.items() if name.lower() not in replaced},
        **ours,
    }


def _accepted(spoken: Dialect, *, is_stream: bool) -> str:
    if is_stream:
        return "text/event-stream"
    return JSON if spoken.read_other is None else "*/*"


def _not_answered(target: Target, error: Exception) -> Failure:
    """The caller learns that it failed, the operator's log and record why."""
    reason = told(error)
    logger.warning("channel %s: %s", target.channel_name, reason)
    return Failure(_unreachable(error), may_fail_over=True, reason=reason)


class Answer(NamedTuple):
    """A whole answer: its bytes, the JSON in them (empty where it is none), and what that tells in its dialect."""

    raw: bytes
    body: dict[str, Any]
    told: NativeAnswer


async def read_answer(response: aiohttp.ClientResponse, spoken: Dialect) -> Answer:
    """The whole body of an answer that is not streamed. Raises Failure for anything but an answer of the dialect."""
    try:
        async with asyncio.timeout(settings.RELAY_TOTAL_TIMEOUT):
            raw = await _read_limited(response, spoken.max_answer_bytes)
    except TimeoutError:
        raise Failure(_timed_out(), may_fail_over=False) from None
    except (aiohttp.ClientError, OSError) as error:
        raise Failure(_unreachable(error), may_fail_over=True) from None
    except Undecodable:
        raise _unreadable() from None
    body = _json_object(spoken.skim(raw) if spoken.skim else raw)
    if body is not None:
        told = spoken.read(body)
    elif spoken.read_other is not None:
        told = spoken.read_other(raw, response.content_type)
    else:
        raise _unreadable()
    if told.problem is not None:
        raise Failure(from_error_body(told.problem), may_fail_over=True, upstream_status=200)
    return Answer(raw, body or {}, told)


def decoder_of(response: aiohttp.ClientResponse) -> Plain | Inflated:
    """What makes its body plain. Raises Undecodable."""
    return decoder_for(response.headers.get("Content-Encoding", ""))


def from_error_body(detail: Any) -> DomainError:
    """The `error` of an answer or of a stream, in words that are safe to repeat."""
    message = detail.get("message") if isinstance(detail, dict) else detail
    return UpstreamFailed(sanitised(message, fallback="The upstream reported an error."))


async def _refusal(response: aiohttp.ClientResponse, secret: str) -> Failure:
    """Which failure an upstream's status means; its own 401 and 403 are our operator's matter, never the caller's."""
    status = response.status
    try:
        async with asyncio.timeout(settings.RELAY_CONNECT_TIMEOUT):
            body = _json_object(await _read_limited(response, MAX_ERROR_BYTES))
    except (TimeoutError, aiohttp.ClientError, OSError, Failure, Undecodable):
        body = None
    response.close()
    detail = body.get("error") if body else None
    fields = detail if isinstance(detail, dict) else {"message": detail}
    message = fields.get("message")
    blame = blame_of(status, code=fields.get("code"), kind=fields.get("type"), message=message)
    if blame is Blame.CALLER:
        return Failure(_passed_on(status, message, detail), may_fail_over=False, upstream_status=status)
    if blame is Blame.LIMIT:
        error: DomainError = RateLimited(
            "Every upstream of this model is at its limit. Please retry later.", retry_after=_retry_after(response)
        )
        return Failure(error, may_fail_over=True, upstream_status=status)
    return Failure(
        UpstreamFailed("The upstream failed to answer. Please retry."),
        may_fail_over=True,
        upstream_status=status,
        reason=sanitised(without_key(message, secret) if isinstance(message, str) else "", fallback=""),
        blame=blame,
    )


def _passed_on(status: int, message: Any, detail: Any) -> DomainError:
    fields = detail if isinstance(detail, dict) else {}
    code, param = fields.get("code"), fields.get("param")
    return _PASSED_ON[status](
        sanitised(message, fallback="The upstream refused this request."),
        code=code if isinstance(code, str) and code.isidentifier() and len(code) <= MAX_CODE else "invalid_request",
        param=param if isinstance(param, str) and param.isprintable() and len(param) <= 80 else None,
    )


def _unreachable(error: Exception) -> DomainError:
    if isinstance(error, TimeoutError):
        return _timed_out()
    return UpstreamFailed("The upstream could not be reached. Please retry.")


def _unreadable() -> Failure:
    return Failure(UpstreamFailed("The upstream's answer could not be read."), may_fail_over=True, upstream_status=200)


def _timed_out() -> DomainError:
    return UpstreamTimedOut("The upstream did not answer in time. Please retry.")


def _retry_after(response: aiohttp.ClientResponse) -> int:
    value = response.headers.get("Retry-After", "")
    if value.isascii() and value.isdigit():
        seconds = int(value[:9])
    else:
        seconds = _seconds_until(value)
    return max(1, min(seconds, MAX_RETRY_AFTER))


def _seconds_until(date: str) -> int:
    """0 for what is no date of HTTP."""
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return 0
    return math.ceil((moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


async def _read_limited(response: aiohttp.ClientResponse, limit: int) -> bytes:
    parts, size, decoder = [], 0, decoder_of(response)
    while chunk := await response.content.readany():
        parts.append(decoder.feed(chunk))
        size += len(parts[-1])
        if size > limit:
            response.close()
            raise Failure(UpstreamFailed("The upstream's answer was too large."), may_fail_over=False)
    return b"".join(parts)


def _json_object(raw: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
