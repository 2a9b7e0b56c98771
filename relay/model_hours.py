"""How each model answers, hour by hour: small rows for the status page, made from the usage records.

An hour is counted again every minute until the usage roll-up calls it final, so that each run reads the records of one
or two hours, however many there are.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from statistics import median_low
from typing import Final

from django.db.models import Count, Q

from billing.models import RollupMark, UsageRecord
from billing.rollups import created_in, rolled_until
from billing.spans import HOUR, Span, floor_hour, hours_of
from relay.models import ModelHour

HOURS: Final = 24
KEPT: Final = timedelta(days=7)
FIRST_BYTE_SAMPLE: Final = 5_000  # the latest answers of an hour, found by the primary key
MARK: Final = "model hours"

_Reason = UsageRecord.EndReason
ANSWERED: Final = Q(status=UsageRecord.Status.SETTLED)
FAILED: Final = Q(
    end_reason__in=(
        _Reason.UPSTREAM_ERROR,
        _Reason.UPSTREAM_TIMEOUT,
        _Reason.TRUNCATED,
        _Reason.INTERNAL_ERROR,
        _Reason.CRASHED,
    )
)


def status_span(now: datetime) -> Span:
    """The last 24 clock hours, the running one included."""
    return Span(floor_hour(now) - (HOURS - 1) * HOUR, now)


def note_model_hours(*, now: datetime) -> None:
    """Count the hours of the span that are not final yet. Safe to run twice at once."""
    span = status_span(now)
    start = max(_noted_until() or span.start, span.start)
    final = min(rolled_until() or start, floor_hour(now))
    for hour in hours_of(Span(start, now)):
        _note(hour)
    RollupMark.objects.update_or_create(name=MARK, defaults={"rolled_until": max(start, final)})
    ModelHour.objects.filter(hour__lt=span.start - KEPT).delete()


def _noted_until() -> datetime | None:
    return RollupMark.objects.filter(name=MARK).values_list("rolled_until", flat=True).first()


def _note(hour: datetime) -> None:
    records = UsageRecord.objects.filter(created_in(Span(hour, hour + HOUR)))
    counts = (
        records.order_by()
        .values("model")
        .annotate(answered=Count("id", filter=ANSWERED), failed=Count("id", filter=FAILED))
    )
    medians = _first_bytes(hour)
    rows = [ModelHour(hour=hour, first_byte_ms=medians.get(count["model"]), **count) for count in counts]
    ModelHour.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["hour", "model"],
        update_fields=["answered", "failed", "first_byte_ms"],
    )


def _first_bytes(hour: datetime) -> dict[str, int]:
    """The median by model, in milliseconds."""
    records = UsageRecord.objects.filter(created_in(Span(hour, hour + HOUR)), ANSWERED, first_byte_ms__isnull=False)
    times: defaultdict[str, list[int]] = defaultdict(list)
    for model, milliseconds in records.order_by("-id").values_list("model", "first_byte_ms")[:FIRST_BYTE_SAMPLE]:
        times[model].append(milliseconds or 0)
    return {model: median_low(found) for model, found in times.items()}
