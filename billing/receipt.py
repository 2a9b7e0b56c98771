"""One usage record explained: its charge worked out again from its own row, and what happened on the way."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from billing.models import UsageRecord
from billing.pricing import TOKENS_PER_PRICE, Charge, Line, charge
from config.kernel.money import NANO_PER_USD, PPM

_LINE_NAMES = {
    "input": _("Input"),
    "cache_read": _("Cached input"),
    "cache_write": _("Cache write"),
    "cache_write_1h": _("Cache write for 1 h"),
    "audio_input": _("Audio input"),
    "image_input": _("Image input"),
    "output": _("Output"),
    "reasoning": _("Reasoning"),
    "audio_output": _("Audio output"),
    "call": _("Call"),
}


class Verdict(StrEnum):
    """How the charge taken compares with the charge worked out again."""

    RUNNING = "running"
    FREE = "free"
    EQUAL = "equal"
    CAPPED = "capped"  # never more than was set aside when the request began
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """`count` × `unit_price` nano-dollars (per million tokens, or per call), as exact dollars before the ratio."""

    name: str
    count: int
    unit_price: int
    is_per_call: bool
    amount: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one channel. Customers learn that it was made and how it ended; staff also where and why."""

    number: int
    status: int | None
    milliseconds: int | None
    channel: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """`exact` is the sum of the lines times the ratio before the one rounding, `total` is what it rounds up to."""

    record: UsageRecord
    lines: tuple[ReceiptLine, ...]
    listed: str
    exact: str
    total: int
    verdict: Verdict
    attempts: tuple[Attempt, ...]
    shows_channels: bool


def receipt_of(user: User, record_id: UUID) -> Receipt | None:
    """None for a request that is not this user's."""
    record = UsageRecord.objects.filter(user=user, pk=record_id).first()
    if record is None:
        return None
    worked_out = charge(record.usage, record.quote)
    listed = sum(line.exact for line in worked_out.lines)
    return Receipt(
        record=record,
        lines=tuple(_line(line) for line in worked_out.lines),
        listed=_dollars(listed, TOKENS_PER_PRICE),
        exact=_dollars(listed * record.ratio_ppm, TOKENS_PER_PRICE * PPM),
        total=worked_out.total,
        verdict=_verdict(record, worked_out),
        attempts=tuple(_attempt(n, tried, user.is_staff) for n, tried in enumerate(record.attempts, start=1)),
        shows_channels=user.is_staff,
    )


def _line(line: Line) -> ReceiptLine:
    amount = _dollars(line.exact, TOKENS_PER_PRICE)
    return ReceiptLine(str(_LINE_NAMES[line.kind]), line.count, line.unit_price, line.kind == "call", amount)


def _dollars(amount: int, per_nano: int) -> str:
    """Every digit of an amount finer than a nano-dollar: `$0.0000000125`."""
    whole, fraction = f"{Decimal(amount) / (per_nano * NANO_PER_USD):.21f}".split(".")
    return f"${int(whole):,}.{fraction.rstrip('0').ljust(2, '0')}"


def _verdict(record: UsageRecord, worked_out: Charge) -> Verdict:
    if record.status == UsageRecord.Status.OPEN:
        return Verdict.RUNNING
    if record.rule == UsageRecord.Rule.NOTHING and record.charge == 0:
        return Verdict.FREE
    if worked_out.total == record.charge:
        return Verdict.EQUAL
    return Verdict.CAPPED if record.charge == record.hold < worked_out.total else Verdict.DIFFERENT


def _attempt(number: int, tried: dict[str, Any], shows_channel: bool) -> Attempt:
    attempt = Attempt(number, tried.get("status"), tried.get("ms"))
    if not shows_channel:
        return attempt
    return Attempt(number, attempt.status, attempt.milliseconds, tried.get("channel", ""), tried.get("error", ""))
