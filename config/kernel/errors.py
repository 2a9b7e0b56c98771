"""The error tree of the whole product; each API renders it in its own shape.

DomainError
├── InvalidInput          400
├── NotAuthenticated      401
├── InsufficientCredit    402
├── PermissionRefused     403
├── NotFound              404
├── Conflict              409
├── TooLarge              413
├── RateLimited           429
├── UpstreamFailed        502
├── Unavailable           503
├── UpstreamTimedOut      504
└── LoopDetected          508
"""

from typing import ClassVar


class DomainError(Exception):
    """A failure the caller can understand: `status` is HTTP's, `code` is stable, `message` says what to do.

    Where a page helps, `page` is its path, and whoever knows the caller's site ends the message with its address.
    """

    status: ClassVar[int] = 500
    default_code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        details: dict[str, list[str]] | None = None,
        retry_after: int | None = None,
        page: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.param = param
        self.details = details
        self.retry_after = retry_after
        self.page = page


class InvalidInput(DomainError):
    status = 400
    default_code = "invalid_request"


class NotAuthenticated(DomainError):
    status = 401
    default_code = "invalid_api_key"


class InsufficientCredit(DomainError):
    status = 402
    default_code = "insufficient_quota"


class PermissionRefused(DomainError):
    status = 403
    default_code = "permission_denied"


class NotFound(DomainError):
    status = 404
    default_code = "not_found"


class Conflict(DomainError):
    status = 409
    default_code = "conflict"


class TooLarge(DomainError):
    status = 413
    default_code = "request_too_large"


class RateLimited(DomainError):
    status = 429
    default_code = "rate_limit_exceeded"


class UpstreamFailed(DomainError):
    status = 502
    default_code = "upstream_error"


class Unavailable(DomainError):
    status = 503
    default_code = "no_available_channel"


class UpstreamTimedOut(DomainError):
    status = 504
    default_code = "upstream_timeout"


class LoopDetected(DomainError):
    status = 508
    default_code = "loop_detected"
