"""Errors in Anthropic's words."""

import pytest

from config.kernel import errors
from relay.dialects.messages import error_body, error_event


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (errors.InvalidInput, "invalid_request_error"),
        (errors.NotAuthenticated, "authentication_error"),
        (errors.InsufficientCredit, "billing_error"),
        (errors.PermissionRefused, "permission_error"),
        (errors.NotFound, "not_found_error"),
        (errors.Conflict, "conflict_error"),
        (errors.TooLarge, "request_too_large"),
        (errors.RateLimited, "rate_limit_error"),
        (errors.DomainError, "api_error"),
        (errors.UpstreamFailed, "api_error"),
        (errors.Unavailable, "overloaded_error"),
        (errors.UpstreamTimedOut, "timeout_error"),
        (errors.LoopDetected, "api_error"),
    ],
)
def test_types(kind, expected):
    assert error_body(kind("No.")) == {"type": "error", "error": {"type": expected, "message": "No."}}


def test_the_request_id_where_it_is_known():
    assert error_body(errors.NotFound("No."), request_id="r1")["request_id"] == "r1"


def test_an_event():
    assert error_event(errors.RateLimited("Slow down.")) == (
        b'event: error\ndata: {"type":"error","error":{"type":"rate_limit_error","message":"Slow down."}}\n\n'
    )
