"""Which holds of a lot can be placed: locked states in, one answer per hold out. No I/O; earlier holds win."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings

from billing.caps import Spending
from billing.holds import Hold
from config.kernel.errors import DomainError, InsufficientCredit
from tokens import refusals


@dataclass(slots=True)
class WalletState:
    """A wallet under lock; `available` shrinks as holds are admitted."""

    available: int
    is_active: bool


@dataclass(slots=True)
class TokenState:
    """A token under lock; `left` of its quota shrinks as holds are admitted (None is unlimited), `spending` grows."""

    is_deleted: bool
    is_enabled: bool
    expires_at: datetime | None
    left: int | None
    spending: Spending


def admit(
    holds: Iterable[Hold],
    *,
    wallets: Mapping[int, WalletState],
    tokens: Mapping[int, TokenState],
    now: datetime,
) -> list[DomainError | None]:
    """One answer per hold: None when it is placed, else why not. A missing wallet or token is a refusal too."""
    return [_admit_one(hold, wallets.get(hold.user_id), tokens.get(hold.token_id), now) for hold in holds]


def _admit_one(hold: Hold, wallet: WalletState | None, token: TokenState | None, now: datetime) -> DomainError | None:
    if token is None:
        return refusals.unknown()
    refusal = _wallet_refusal(hold, wallet) or _token_refusal(hold, token, now)
    if refusal is None and wallet is not None:
        wallet.available -= hold.amount
        if token.left is not None:
            token.left -= hold.amount
        token.spending.add(hold.amount, counted_on=token.spending.day)
    return refusal


def _wallet_refusal(hold: Hold, wallet: WalletState | None) -> DomainError | None:
    if wallet is not None and not wallet.is_active:
        return refusals.suspended()
    if wallet is None or wallet.available < hold.amount:
        return InsufficientCredit(f"Your balance does not cover this request. Top up at {settings.SITE_URL}/pricing")
    return None


def _token_refusal(hold: Hold, token: TokenState, now: datetime) -> DomainError | None:
    if token.is_deleted:
        return refusals.unknown()
    if not token.is_enabled:
        return refusals.disabled()
    if token.expires_at is not None and token.expires_at <= now:
        return refusals.expired()
    if token.left is not None and token.left < hold.amount:
        return refusals.exhausted()
    token.spending.turn(hold.created_at.astimezone(UTC).date())
    return token.spending.refusal(hold.amount)
