"""Proves the roll-ups: every sum of a finished hour against the rows of that hour.

Nobody waits for all of it. Each run looks at the newest day, where a row that came too late would be, and at the next
slice of all hours; `SLICES` runs later every hour has been looked at, wherever a run was missed.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncHour

from billing.models import COST_SUMS, ROLLED_SUMS, STREAMED_SUMS, RollupMark, UsageRecord, UsageRollup
from billing.rollups import ALL_SUMS, KEYS, created_in, roll_up_again, rolled_span
from billing.spans import HOUR, Span, floor_hour

SLICES = 7 * 24
DAY = timedelta(days=1)
MARK = "proof"  # the `RollupMark` that says how far this round of slices got
SUMS = (*ROLLED_SUMS, *STREAMED_SUMS, *COST_SUMS)

_Key = tuple[Any, ...]


class Difference(NamedTuple):
    """A sum of an hour on which its rows (`expected`) and its roll-ups (`found`) do not agree."""

    hour: datetime
    about: str
    column: str
    expected: int
    found: int


def prove_slice() -> list[Difference]:
    """What differs in the newest day and in the next slice, which then counts as seen."""
    whole = rolled_span()
    if whole.is_empty:
        return []
    piece = _next_slice(whole)
    newest = Span(max(whole.end - DAY, piece.end), whole.end)
    found = [difference for span in (piece, newest) if not span.is_empty for difference in differences(span)]
    RollupMark.objects.update_or_create(name=MARK, defaults={"rolled_until": piece.end})
    return found


def prove_all() -> Iterator[Difference]:
    """What differs anywhere."""
    for day in days_in(rolled_span()):
        yield from differences(day)


def repair() -> None:
    """Roll up again every hour that differs: the rows are right, whatever was made of them."""
    for hour in {floor_hour(difference.hour) for difference in prove_all()}:
        roll_up_again(hour)


def days_in(span: Span) -> Iterator[Span]:
    """A span in pieces of a day."""
    start = span.start
    while start < span.end:
        yield Span(start, min(start + DAY, span.end))
        start += DAY


def _next_slice(whole: Span) -> Span:
    seen = RollupMark.objects.filter(name=MARK).values_list("rolled_until", flat=True).first()
    start = seen if seen and whole.start <= seen < whole.end else whole.start
    hours = -(-(whole.end - whole.start) // (SLICES * HOUR))
    return Span(start, min(start + hours * HOUR, whole.end))


def differences(span: Span) -> Iterator[Difference]:
    """Where the roll-ups of a span of finished hours are not the sums of its rows, in two statements."""
    rows = UsageRecord.objects.filter(created_in(span)).annotate(hour=TruncHour("created_at", tzinfo=UTC))
    by_rows = _summed(rows, ALL_SUMS)
    # Summed as well: a roll-up that is there twice must not look like one.
    by_rollups = _summed(
        UsageRollup.objects.filter(hour__gte=span.start, hour__lt=span.end), {f"sum_{name}": Sum(name) for name in SUMS}
    )
    expected, found = _keyed(by_rows.difference(by_rollups)), _keyed(by_rollups.difference(by_rows))
    nothing = (0,) * len(SUMS)
    for key in expected | found:
        yield from _compared(key, expected.get(key, nothing), found.get(key, nothing))


def _summed(source: QuerySet[Any], sums: dict[str, Any]) -> QuerySet[Any, _Key]:
    keys = (*KEYS, "hour")
    summed: QuerySet[Any, _Key] = source.order_by().values(*keys).annotate(**sums).values_list(*keys, *sums)
    return summed


def _keyed(rows: Iterable[_Key]) -> dict[_Key, _Key]:
    width = len(KEYS) + 1
    return {row[:width]: row[width:] for row in rows}


def _compared(key: _Key, expected: _Key, found: _Key) -> Iterator[Difference]:
    about = ", ".join(f"{name.removesuffix('_id')} {value}" for name, value in zip(KEYS, key, strict=False))
    for column, wanted, seen in zip(SUMS, expected, found, strict=True):
        if wanted != seen:
            yield Difference(key[-1], about, column, int(wanted), int(seen))
