"""The upstream side of an attempt: one pooled client, time-outs, size limits, and failures told apart."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
from django.conf import settings

from config.kernel.errors import (
    DomainError,
    InvalidInput,
    NotFound,
    RateLimited,
    TooLarge,
    UpstreamFailed,
    UpstreamTimedOut,
)
from relay.errors import sanitised
from relay.routing import Target

MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
MAX_RETRY_AFTER = 60
_PASSED_ON: dict[int, type[DomainError]] = {400: InvalidInput, 404: NotFound, 413: TooLarge, 422: InvalidInput}


class Failure(Exception):
    """An attempt that gave no answer: what to tell the caller, and whether another channel may do better."""

    def __init__(self, error: DomainError, *, may_fail_over: bool, upstream_status: int | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.may_fail_over = may_fail_over
        self.upstream_status = upstream_status


def new_client() -> aiohttp.ClientSession:
    """The process's one client: keep-alive, no cookies, no proxies from the environment, no limit but file handles."""
    timeout = aiohttp.ClientTimeout(total=settings.RELAY_TOTAL_TIMEOUT, sock_connect=settings.RELAY_CONNECT_TIMEOUT)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30, ttl_dns_cache=30)
    return aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        trust_env=False,
        auto_decompress=True,
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=256 * 1024,
    )


async def open_answer(
    client: aiohttp.ClientSession, target: Target, *, body: bytes, is_stream: bool
) -> aiohttp.ClientResponse:
    """Send one chat request; returns the answer with status 200 and its body unread. Raises Failure."""
    headers = {
        "Content-Type": "application/json",
        "Accept": "text/event-stream" if is_stream else "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "Tollbooth",
    }
    if target.secret:
        headers["Authorization"] = f"Bearer {target.secret}"
    try:
        async with asyncio.timeout(settings.RELAY_FIRST_BYTE_TIMEOUT):
            response = await client.post(
                f"{target.base_url}/chat/completions", data=body, headers=headers, allow_redirects=False
            )
    except TimeoutError:
        raise Failure(_timed_out(), may_fail_over=True) from None
    except (aiohttp.ClientError, OSError) as error:
        raise Failure(_unreachable(error), may_fail_over=True) from None
    if response.status != 200:
        raise await _refusal(response)
    return response


async def read_answer(response: aiohttp.ClientResponse) -> tuple[bytes, dict[str, Any]]:
    """The whole body of a non-streamed answer and its JSON. Raises Failure for anything but a chat completion."""
    try:
        async with asyncio.timeout(settings.RELAY_TOTAL_TIMEOUT):
            raw = await _read_limited(response, MAX_ANSWER_BYTES)
    except TimeoutError:
        raise Failure(_timed_out(), may_fail_over=False) from None
    except (aiohttp.ClientError, OSError) as error:
        raise Failure(_unreachable(error), may_fail_over=True) from None
    answer = _json_object(raw)
    if answer is None:
        raise Failure(
            UpstreamFailed("The upstream's answer could not be read."), may_fail_over=True, upstream_status=200
        )
    if answer.get("error"):
        raise Failure(from_error_body(answer["error"]), may_fail_over=True, upstream_status=200)
    if not answer.get("choices"):
        raise Failure(
            UpstreamFailed("The upstream answered without any choice."), may_fail_over=True, upstream_status=200
        )
    return raw, answer


async def chunks_of(response: aiohttp.ClientResponse, *, silence: float) -> AsyncIterator[bytes]:
    """Raw chunks as they arrive; an empty chunk each time `silence` seconds pass without one."""
    while True:
        try:
            async with asyncio.timeout(silence):
                chunk = await response.content.readany()
        except TimeoutError:
            yield b""
            continue
        if not chunk:
            return
        yield chunk


def from_error_body(detail: Any) -> DomainError:
    """The `error` of an answer or of a stream, in words that are safe to repeat."""
    message = detail.get("message") if isinstance(detail, dict) else detail
    return UpstreamFailed(sanitised(message, fallback="The upstream reported an error."))


async def _refusal(response: aiohttp.ClientResponse) -> Failure:
    """Which failure an upstream's status means; its own 401 and 403 are our operator's matter, never the caller's."""
    status = response.status
    try:
        async with asyncio.timeout(settings.RELAY_CONNECT_TIMEOUT):
            body = _json_object(await _read_limited(response, MAX_ERROR_BYTES))
    except (TimeoutError, aiohttp.ClientError, OSError, Failure):
        body = None
    response.close()
    detail = body.get("error") if body else None
    message = detail.get("message") if isinstance(detail, dict) else detail
    if status in _PASSED_ON:
        return Failure(_passed_on(status, message, detail), may_fail_over=False, upstream_status=status)
    if status == 429:
        error: DomainError = RateLimited(
            "Every upstream of this model is at its limit. Please retry later.", retry_after=_retry_after(response)
        )
        return Failure(error, may_fail_over=True, upstream_status=status)
    return Failure(
        UpstreamFailed("The upstream failed to answer. Please retry."), may_fail_over=True, upstream_status=status
    )


def _passed_on(status: int, message: Any, detail: Any) -> DomainError:
    fields = detail if isinstance(detail, dict) else {}
    code, param = fields.get("code"), fields.get("param")
    return _PASSED_ON[status](
        sanitised(message, fallback="The upstream refused this request."),
        code=code if isinstance(code, str) and code.isidentifier() else "invalid_request",
        param=param if isinstance(param, str) and len(param) <= 80 else None,
    )


def _unreachable(error: Exception) -> DomainError:
    if isinstance(error, aiohttp.ServerTimeoutError):
        return _timed_out()
    return UpstreamFailed("The upstream could not be reached. Please retry.")


def _timed_out() -> DomainError:
    return UpstreamTimedOut("The upstream did not answer in time. Please retry.")


def _retry_after(response: aiohttp.ClientResponse) -> int:
    value = response.headers.get("Retry-After", "")
    return min(int(value), MAX_RETRY_AFTER) if value.isascii() and value.isdigit() and int(value[:9]) else 1


async def _read_limited(response: aiohttp.ClientResponse, limit: int) -> bytes:
    parts, size = [], 0
    while chunk := await response.content.readany():
        parts.append(chunk)
        size += len(chunk)
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
