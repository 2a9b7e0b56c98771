"""Which holds of a lot can be placed, and how high: locked states in, one answer per hold out. Earlier holds win."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from billing.caps import Spending
from billing.holds import Hold
from config.kernel.errors import DomainError, InsufficientCredit
from config.kernel.money import NanoUSD, decimal_usd
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
) -> list[Hold | DomainError]:
    """One answer per hold: the hold as it is placed, else why not. A missing wallet or token is a refusal too."""
    return [_admit_one(hold, wallets.get(hold.user_id), tokens.get(hold.token_id), now) for hold in holds]


def _admit_one(hold: Hold, wallet: WalletState | None, token: TokenState | None, now: datetime) -> Hold | DomainError:
    if token is None:
        return refusals.unknown()
    token.spending.turn(hold.created_at.astimezone(UTC).date())
    if wallet is not None:
        hold = _within(hold, wallet, token)
    refusal = _wallet_refusal(hold, wallet) or _token_refusal(hold, token, now)
    if refusal is not None:
        return refusal
    assert wallet is not None
    wallet.available -= hold.amount
    if token.left is not None:
        token.left -= hold.amount
    token.spending.add(hold.amount, counted_on=token.spending.day)
    return hold


def _within(hold: Hold, wallet: WalletState, token: TokenState) -> Hold:
    """A hold that may be lower, as high as everything that limits it allows; never below its least."""
    if hold.least is None:
        return hold
    lefts = (hold.amount, wallet.available, token.left, token.spending.left())
    allowed = max(min(left for left in lefts if left is not None), hold.least)
    return hold if allowed == hold.amount else replace(hold, amount=NanoUSD(allowed))


def _wallet_refusal(hold: Hold, wallet: WalletState | None) -> DomainError | None:
    if wallet is not None and not wallet.is_active:
        return refusals.suspended()
    left = wallet.available if wallet is not None else 0
    if wallet is None or left < hold.amount:
        return InsufficientCredit(
            f"This request can cost up to ${decimal_usd(hold.amount)} and your balance has ${decimal_usd(left)} left. "
            "Ask for fewer max_tokens or top up at",
            page="/topup",
        )
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
    return token.spending.refusal(hold.amount)
