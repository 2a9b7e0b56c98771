"""Stretches of time: which whole hours of one are rolled up, which edges must be read row by row, and local days.

Pure. Every moment is an aware datetime; stretches are half-open, so neighbours never share a request.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` up to, but without, `end`."""

    start: datetime
    end: datetime

    @property
    def is_empty(self) -> bool:
        return self.end <= self.start

    @property
    def minutes(self) -> float:
        """How long it is."""
        return max((self.end - self.start).total_seconds() / 60, 0.0)


ALWAYS = Span(datetime(2000, 1, 1, tzinfo=UTC), datetime(2999, 12, 31, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Split:
    """A span as whole rolled-up hours (perhaps none) and what is left of it at either side."""

    hours: Span
    edges: tuple[Span, ...]


def floor_hour(moment: datetime) -> datetime:
    """The start of the UTC hour a moment lies in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def ceil_hour(moment: datetime) -> datetime:
    """The first UTC hour that starts at or after a moment."""
    floor = floor_hour(moment)
    return floor if floor == moment else floor + HOUR


def split(span: Span, *, rolled_until: datetime | None) -> Split:
    """Cut a span so that no request is in two parts or in none; with nothing rolled up all of it is edge."""
    first = ceil_hour(span.start)
    last = min(floor_hour(span.end), rolled_until) if rolled_until else first
    if last <= first:
        return Split(Span(first, first), _not_empty(span))
    return Split(Span(first, last), _not_empty(Span(span.start, first), Span(last, span.end)))


def _not_empty(*spans: Span) -> tuple[Span, ...]:
    return tuple(span for span in spans if not span.is_empty)


def joined(spans: Iterable[Span], *, within: Span) -> list[Span]:
    """The same time in as few stretches as possible, in order, as far as it lies in a span."""
    found: list[Span] = []
    for each in sorted(spans, key=lambda span: span.start):
        start, end = max(each.start, within.start), min(each.end, within.end)
        if found and start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(end, found[-1].end))
        elif start < end:
            found.append(Span(start, end))
    return found


def midnight(day: date, zone: tzinfo) -> datetime:
    """When a local day starts, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def last_days(count: int, *, now: datetime, zone: tzinfo) -> Span:
    """The last `count` local days up to this moment, today included."""
    today = now.astimezone(zone).date()
    return Span(midnight(today - timedelta(days=count - 1), zone), now)


def last_hours(count: int, *, now: datetime) -> Span:
    """The last `count` clock hours up to this moment, the running one included."""
    return Span(floor_hour(now) - (count - 1) * HOUR, now)


def days_earlier(span: Span, days: int, *, zone: tzinfo) -> Span:
    """The same stretch of the local clock some days before: also across a change to summer time."""
    return Span(_earlier(span.start, days, zone), _earlier(span.end, days, zone))


def _earlier(moment: datetime, days: int, zone: tzinfo) -> datetime:
    return (moment.astimezone(zone) - timedelta(days=days)).astimezone(UTC)


def hours_of(span: Span) -> Iterator[datetime]:
    """The UTC hours a span touches."""
    hour = floor_hour(span.start)
    while hour < span.end:
        yield hour
        hour += HOUR


def days_of(span: Span, zone: tzinfo) -> Iterator[date]:
    """The local days a span touches."""
    day, last = span.start.astimezone(zone).date(), span.end.astimezone(zone).date()
    while day <= last:
        yield day
        day += timedelta(days=1)
