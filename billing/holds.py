"""Hold and settlement: the two transactions around every relayed request.

Conditional UPDATEs decide every race. Rows are locked in one order everywhere: usage record, wallet, token.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from accounts.models import User
from billing.models import UsageRecord, Wallet
from billing.pricing import Quote, Usage, charge
from config.kernel.errors import DomainError, InsufficientCredit
from config.kernel.money import NanoUSD
from tokens import refusals
from tokens.models import Token


@dataclass(frozen=True, slots=True)
class Hold:
    """What is set aside before the upstream is called; becomes the open usage record."""

    id: UUID
    user_id: int
    token_id: int
    token_name: str
    group: str
    endpoint: str
    is_stream: bool
    model: str
    quote: Quote
    amount: NanoUSD
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a request ended and what it is charged for."""

    id: UUID
    status: UsageRecord.Status
    end_reason: UsageRecord.EndReason
    rule: UsageRecord.Rule
    usage: Usage
    charge: NanoUSD
    is_suspect: bool = False
    channel_id: int | None = None
    channel_name: str = ""
    attempts: tuple[dict[str, object], ...] = ()
    http_status: int | None = None
    error_code: str = ""
    first_byte_ms: int | None = None
    total_ms: int | None = None


def charge_within(usage: Usage, *, quote: Quote, hold: int) -> NanoUSD:
    """The charge of a usage, never more than was set aside for it."""
    return NanoUSD(min(charge(usage, quote).total, hold))


def place_hold(hold: Hold) -> None:
    """Set credit aside and write the open record, or raise and leave nothing.

    Raises InsufficientCredit (account or key), NotAuthenticated (key disabled, expired, deleted since it was read)
    or PermissionRefused (account suspended).
    """
    with transaction.atomic():
        if not _hold_in_wallet(hold):
            _explain_wallet(hold.user_id)
        if not _hold_in_token(hold):
            _explain_token(hold.token_id)
        UsageRecord.objects.create(
            id=hold.id,
            user_id=hold.user_id,
            token_id=hold.token_id,
            token_name=hold.token_name,
            group=hold.group,
            endpoint=hold.endpoint,
            is_stream=hold.is_stream,
            model=hold.model,
            price_id=hold.quote.price_id,
            prices=hold.quote.prices.as_dict(),
            ratio_ppm=hold.quote.ratio_ppm,
            hold=hold.amount,
            created_at=hold.created_at,
            lease_until=_lease(),
        )


def _hold_in_wallet(hold: Hold) -> int:
    # Exists() and not a join: a joined UPDATE becomes a subquery, and after waiting for a lock PostgreSQL would not
    # read its balance again.
    active = Exists(User.objects.filter(pk=OuterRef("user_id"), is_active=True))
    covered = Wallet.objects.filter(active, user_id=hold.user_id, balance__gte=F("held") + hold.amount)
    return covered.update(held=F("held") + hold.amount)


def _hold_in_token(hold: Hold) -> int:
    usable = Token.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=timezone.now()),
        Q(quota=None) | Q(quota__gte=F("used") + F("held") + hold.amount),
        pk=hold.token_id,
        is_enabled=True,
        deleted_at=None,
    )
    return usable.update(held=F("held") + hold.amount)


def _explain_wallet(user_id: int) -> NoReturn:
    if User.objects.filter(pk=user_id, is_active=False).exists():
        raise refusals.suspended()
    raise InsufficientCredit(f"Your balance does not cover this request. Top up at {settings.SITE_URL}/pricing")


def _explain_token(token_id: int) -> NoReturn:
    token = Token.objects.filter(pk=token_id, deleted_at=None).first()
    if token is None:
        raise refusals.unknown()
    raise _refusal_of(token)


def _refusal_of(token: Token) -> DomainError:
    match token.status:
        case Token.Status.DISABLED:
            return refusals.disabled()
        case Token.Status.EXPIRED:
            return refusals.expired()
    return refusals.exhausted()


def heartbeat(seen: Iterable[tuple[UUID, Usage]]) -> None:
    """Prolong the leases of running requests and note what they have produced so far."""
    lease = _lease()
    with transaction.atomic():
        for record_id, usage in seen:
            UsageRecord.objects.filter(pk=record_id, status=UsageRecord.Status.OPEN).update(
                lease_until=lease, input_tokens=usage.input, output_tokens=usage.output
            )


def settle(settlement: Settlement) -> bool:
    """Move an open record to its end and its hold into a charge; False when something else settled it first."""
    if settlement.charge < 0:
        raise ValueError("a charge is never negative")
    with transaction.atomic():
        if not _close_record(settlement):
            return False
        record = UsageRecord.objects.only("user_id", "token_id", "hold").get(pk=settlement.id)
        Wallet.objects.filter(user_id=record.user_id).update(
            balance=F("balance") - settlement.charge, held=F("held") - record.hold
        )
        Token.objects.filter(pk=record.token_id).update(
            used=F("used") + settlement.charge, held=F("held") - record.hold, last_used_at=timezone.now()
        )
    return True


def _close_record(settlement: Settlement) -> int:
    usage = settlement.usage
    return UsageRecord.objects.filter(pk=settlement.id, status=UsageRecord.Status.OPEN).update(
        status=settlement.status,
        end_reason=settlement.end_reason,
        rule=settlement.rule,
        charge=settlement.charge,
        input_tokens=usage.input,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        output_tokens=usage.output,
        reasoning_tokens=usage.reasoning,
        is_suspect=settlement.is_suspect,
        channel_id=settlement.channel_id,
        channel_name=settlement.channel_name,
        attempts=list(settlement.attempts),
        http_status=settlement.http_status,
        error_code=settlement.error_code,
        first_byte_ms=settlement.first_byte_ms,
        total_ms=settlement.total_ms,
        settled_at=timezone.now(),
    )


def sweep_expired(*, limit: int = 500) -> int:
    """Settle open records whose process was not heard of for a lease, at what their last heartbeat had seen."""
    expired = UsageRecord.objects.filter(status=UsageRecord.Status.OPEN, lease_until__lt=timezone.now())
    return sum(settle(_abandoned(record)) for record in expired.order_by("lease_until")[:limit])


def _abandoned(record: UsageRecord) -> Settlement:
    delivered = bool(record.output_tokens)
    usage = Usage(input=record.input_tokens, output=record.output_tokens) if delivered else Usage()
    return Settlement(
        id=record.id,
        status=UsageRecord.Status.ABANDONED,
        end_reason=UsageRecord.EndReason.CRASHED,
        rule=UsageRecord.Rule.DELIVERED if delivered else UsageRecord.Rule.NOTHING,
        usage=usage,
        charge=charge_within(usage, quote=record.quote, hold=record.hold) if delivered else NanoUSD(0),
    )


def _lease() -> datetime:
    return timezone.now() + timedelta(seconds=settings.USAGE_LEASE_SECONDS)
