"""Why a key may not be used, in the words its caller reads."""

from datetime import date
from typing import Final

from config.kernel.errors import DomainError, InsufficientCredit, NotAuthenticated, PermissionRefused
from config.kernel.money import format_usd

TOKENS: Final = "/tokens"


def unknown() -> DomainError:
    """Deleted or never made: nobody is told which."""
    return NotAuthenticated("This API key is not valid. Find your keys at", page=TOKENS)


def disabled() -> DomainError:
    """Switched off by its owner or the operator."""
    return NotAuthenticated("This API key is disabled.", code="key_disabled")


def revoked() -> DomainError:
    """Deleted or switched off, or its account suspended, while a call was running."""
    return PermissionRefused("This API key was revoked while the request was running.", code="key_revoked")


def expired() -> DomainError:
    """Its time is over."""
    return NotAuthenticated("This API key has expired.", code="key_expired")


def exhausted() -> DomainError:
    """The key's own quota is used up or set aside for running calls."""
    return InsufficientCredit(
        "This key's quota does not cover this request. Raise it at", code="key_quota_exhausted", page=TOKENS
    )


def capped(*, period: str, cap: int, resets_on: date) -> DomainError:
    """What the key may spend in a period ("daily" or "monthly") is spent or set aside for running calls."""
    return InsufficientCredit(
        f"This key's {period} cap of {format_usd(cap)} does not cover this request. It resets on {resets_on} at"
        " 00:00 UTC; raise it at",
        code="key_quota_exhausted",
        page=TOKENS,
    )


def suspended() -> DomainError:
    """The account behind the key is suspended."""
    return PermissionRefused("This account is suspended. Please contact support.", code="account_suspended")
