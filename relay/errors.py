"""Errors in OpenAI's shape, and the upstream's words made safe to repeat."""

import re
from itertools import groupby
from typing import Any

import orjson
from django.conf import settings
from django.http import HttpResponse

from config.kernel.errors import DomainError

_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
    500: "api_error",
    502: "upstream_error",
    503: "upstream_error",
    504: "upstream_error",
    508: "upstream_error",
}
_SECRETS = re.compile(
    r"""https?://\S+ | [\w.+-]+@[\w-]+\.[\w.]+ | \b(?:sk|pk|key|org|proj|acct|req|Bearer)[-_ ][\w*.-]{4,}
      | \b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b | \b(?:[\w-]+\.)+(?:com|net|org|cn|io|ai|dev|internal|local)\b
      | \b[\w-]{32,}\b""",
    re.VERBOSE | re.IGNORECASE,
)
MAX_UPSTREAM_MESSAGE = 500
_STRETCH = 6


class InternalError(DomainError):
    """Our own fault, told without details."""


def type_of(status: int) -> str:
    """What OpenAI's shape calls the errors of a status."""
    return _TYPES.get(status, "invalid_request_error")


def error_object(error: DomainError) -> dict[str, Any]:
    """`{"error": {message, type, param, code}}`."""
    kind = type_of(error.status)
    return {"error": {"message": error.message, "type": kind, "param": error.param, "code": error.code}}


def error_bytes(error: DomainError) -> bytes:
    return orjson.dumps(error_object(error))


def error_response(error: DomainError, *, body: dict[str, Any] | None = None) -> HttpResponse:
    """The HTTP answer of an error, in OpenAI's shape or another; the classic profile says 500 for all behind us."""
    status = error.status
    if settings.RELAY_ERROR_PROFILE == "classic" and status in (502, 503, 504):
        status = 500
    content = orjson.dumps(body or error_object(error))
    response = HttpResponse(content, status=status, content_type="application/json")
    if error.retry_after:
        response.headers["Retry-After"] = str(error.retry_after)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="api"'
    return response


def sanitised(message: Any, *, fallback: str) -> str:
    """An upstream's sentence without addresses, keys and account names; the fallback when it is no sentence."""
    text = printable(message).strip() if isinstance(message, str) else ""
    return _SECRETS.sub("[…]", text)[:MAX_UPSTREAM_MESSAGE] or fallback


def printable(text: str) -> str:
    """The text with a space for each control character and half of a surrogate pair: databases refuse some of them."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def without_key(text: str, secret: str) -> str:
    """Blot out each stretch of the text that is a stretch of the key: upstreams like to quote its head or tail."""
    stretches = {secret[start : start + _STRETCH] for start in range(len(secret) - _STRETCH + 1)}
    hidden = bytearray(len(text))
    for start in range(len(text) - _STRETCH + 1):
        if text[start : start + _STRETCH] in stretches:
            hidden[start : start + _STRETCH] = b"\x01" * _STRETCH
    runs = groupby(zip(text, hidden, strict=True), key=lambda pair: pair[1])
    return "".join("[…]" if is_key else "".join(letter for letter, _ in run) for is_key, run in runs)
