"""Errors in Anthropic's envelope."""

from typing import Any

import orjson

from config.kernel.errors import DomainError

_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def error_body(error: DomainError, *, request_id: str = "") -> dict[str, Any]:
    """`{"type": "error", "error": {"type", "message"}}`, with `request_id` where it is known."""
    kind = _TYPES.get(error.status) or ("api_error" if error.status >= 500 else "invalid_request_error")
    body: dict[str, Any] = {"type": "error", "error": {"type": kind, "message": error.message}}
    return {**body, "request_id": request_id} if request_id else body


def error_event(error: DomainError, *, request_id: str = "") -> bytes:
    """The same as the last event of a stream."""
    return event_bytes(error_body(error, request_id=request_id))


def event_bytes(event: dict[str, Any]) -> bytes:
    """One event of this dialect's streams, named by its type."""
    return b"event: %s\ndata: %s\n\n" % (event["type"].encode(), orjson.dumps(event))
