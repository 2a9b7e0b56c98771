"""Hold, heartbeat, settlement: what a relayed request asks of the money tables, and the sweep of what a crash left."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models.functions import Now

from billing.models import UsageRecord
from billing.pricing import Prices, Quote, Usage, charge
from config.kernel.money import PPM, NanoUSD


@dataclass(frozen=True, slots=True)
class Hold:
    """What is set aside before the upstream is called; becomes the open usage record.

    With `least`, where less than `amount` is left, all of that is set aside, as long as it is not below `least`.
    """

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
    least: NanoUSD | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """That a request still runs, and what it would be charged for if its process died now."""

    id: UUID
    usage: Usage


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
    cost: NanoUSD | None = None  # what the channel takes from us for it, where we know its prices

    def __post_init__(self) -> None:
        if self.charge < 0:
            raise ValueError("a charge is never negative")


def charge_within(usage: Usage, *, quote: Quote, hold: int) -> NanoUSD:
    """The charge of a usage, never more than was set aside for it."""
    return NanoUSD(min(charge(usage, quote).total, hold))


def cost_of(usage: Usage, prices: Prices | None) -> NanoUSD | None:
    """What the channel takes from us for a usage; None where its prices are not known."""
    return None if prices is None else charge(usage, Quote(price_id=0, prices=prices, ratio_ppm=PPM)).total


def expired_records(*, limit: int) -> Iterable[UsageRecord]:
    """Open records whose process was not heard of for a lease, longest silent first."""
    expired = UsageRecord.objects.filter(status=UsageRecord.Status.OPEN, lease_until__lt=Now())  # the same clock
    return expired.order_by("lease_until")[:limit]


def settlement_of_abandoned(record: UsageRecord) -> Settlement:
    """Charge an abandoned request for what its last heartbeat had seen."""
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
