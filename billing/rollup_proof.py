"""Proves the roll-ups: every sum of a finished hour against the rows of that hour.

Nobody waits for all of it. Each run looks at the newest day, where a row that came too late would be, and at the next
slice of all hours; `SLICES` runs later every hour has been looked at, wherever a run was missed.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncHour

from billing.models import RollupMark
from billing.rollups import ALL_SUMS, TABLES, Table, hours_of, roll_up_again, rolled_span, rows_to_roll_up
from billing.spans import HOUR, Span, floor_hour

SLICES = 7 * 24
DAY = timedelta(days=1)
MARK = "proof"  # the `RollupMark` that says how far this round of slices got

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
    """Where the sums of a span of finished hours are not those of its rows, in two statements for each table."""
    rows = rows_to_roll_up(span).annotate(hour=TruncHour("created_at", tzinfo=UTC))
    for table in TABLES:
        wanted = _summed(rows, table, {f"sum_{name}": ALL_SUMS[f"sum_{name}"] for name in table.sums})
        # Summed as well: a roll-up that is there twice must not look like one.
        found = _summed(hours_of(table, span), table, {f"sum_{name}": Sum(name) for name in table.sums})
        yield from _compared(wanted, found, table)


def _summed(source: QuerySet[Any], table: Table, sums: dict[str, Any]) -> QuerySet[Any, _Key]:
    by = (*table.keys, "hour")
    summed: QuerySet[Any, _Key] = source.order_by().values(*by).annotate(**sums).values_list(*by, *sums)
    return summed


def _compared(wanted: QuerySet[Any, _Key], seen: QuerySet[Any, _Key], table: Table) -> Iterator[Difference]:
    width, nothing = len(table.keys) + 1, (0,) * len(table.sums)
    expected, found = (
        {row[:width]: row[width:] for row in rows} for rows in (wanted.difference(seen), seen.difference(wanted))
    )
    for key in expected | found:
        about = ", ".join(f"{name.removesuffix('_id')} {value}" for name, value in zip(table.keys, key, strict=False))
        sums = zip(table.sums, expected.get(key, nothing), found.get(key, nothing), strict=True)
        yield from (
            Difference(key[-1], about or "all accounts", column, int(right), int(there))
            for column, right, there in sums
            if right != there
        )
