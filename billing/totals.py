"""Sums of usage over any stretch of time: rolled-up hours plus the rows that no finished hour holds yet.

They always equal the sum of the rows, the call a second ago included, whether or not the roll-up has run. `mark` is
`rollups.rolled_until()`, read once a page before the sums: it only moves forward over hours that are final, so an older
one is as right as a newer one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import BigIntegerField, Count, F, Q, QuerySet, Sum, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import TruncDate, TruncHour

from billing.models import ROLLED_SUMS, UNSUCCESSFUL, UsageRecord, UsageRollup
from billing.rollups import CLOCK_SLACK, ROW_SUMS, created_in
from billing.spans import HOUR, Span, Split, floor_hour, split
from config.kernel.money import PPM, NanoUSD


@dataclass(frozen=True, slots=True)
class Totals:
    """What a set of requests adds up to. `input_tokens` counts cached ones too; `charge` is nano-dollars."""

    requests: int = 0
    succeeded: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    charge: int = 0
    running: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            requests=self.requests + other.requests,
            succeeded=self.succeeded + other.succeeded,
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            charge=self.charge + other.charge,
            running=self.running + other.running,
        )

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def success_ppm(self) -> int | None:
        """Successes per million finished requests; None before one has finished."""
        finished = self.requests - self.running
        return self.succeeded * PPM // finished if finished else None


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose requests, and which of them."""

    user_id: int
    token_id: int | None = None
    model: str = ""
    group: str = ""
    status: str = ""
    is_stream: bool | None = None
    record_id: UUID | None = None
    endpoints: tuple[str, ...] = ()

    @property
    def needs_rows(self) -> bool:
        """Whether the roll-ups cannot answer: of statuses they know success, and nothing else is frequent."""
        return self.status not in ("", UsageRecord.Status.SETTLED) or self.record_id is not None

    @property
    def is_narrow(self) -> bool:
        """Whether anything but the user and a status decides."""
        return any((self.token_id, self.model, self.group, self.is_stream is not None, self.endpoints))

    @property
    def rolled(self) -> Q:
        """The condition on roll-ups."""
        kinds = {None: Q(), True: Q(streamed_requests__gt=0), False: Q(requests__gt=F("streamed_requests"))}
        where = self._everywhere & kinds[self.is_stream]
        return where & Q(listed_as__in=self.endpoints) if self.endpoints else where

    @property
    def _everywhere(self) -> Q:
        narrowed = {"token_id": self.token_id, "model": self.model, "group": self.group}
        return Q(user_id=self.user_id, **{name: value for name, value in narrowed.items() if value})

    @property
    def rows(self) -> Q:
        """The condition on rows."""
        where = self._everywhere
        if self.status:
            where &= Q(status=self.status)
        if self.is_stream is not None:
            where &= Q(is_stream=self.is_stream)
        if self.record_id is not None:
            where &= Q(id=self.record_id)
        if self.endpoints:
            where &= Q(endpoint__in=self.endpoints)
        return where

    def split(self, span: Span, mark: datetime | None) -> Split:
        """Which part of a span roll-ups answer and which the rows."""
        return split(span, rolled_until=None if self.needs_rows else mark)


@dataclass(frozen=True, slots=True)
class Key:
    """Something to group by: its expression on a roll-up and on a row."""

    rolled: Combinable
    row: Combinable


BY_MODEL = Key(F("model"), F("model"))
BY_TOKEN = Key(F("token_id"), F("token_id"))
BY_HOUR = Key(F("hour"), TruncHour("created_at", tzinfo=UTC))
_ALL_IN_ONE = Key(Value(0), Value(0))


def by_day(zone: tzinfo) -> Key:
    """Local days. A rolled-up hour belongs to the day it starts in, also where midnight is at half past an UTC hour."""
    return Key(TruncDate("hour", tzinfo=zone), TruncDate("created_at", tzinfo=zone))


def totals(scope: Scope, span: Span, *, mark: datetime | None) -> Totals:
    """The sums of one span, in one statement."""
    return sum(totals_by(scope, span, _ALL_IN_ONE, mark=mark).values(), Totals())


def totals_by(scope: Scope, span: Span, *keys: Key, mark: datetime | None) -> dict[tuple[Any, ...], Totals]:
    """The sums of one span by the values of `keys`, in one statement; combinations without requests are left out."""
    found: dict[tuple[Any, ...], Totals] = {}
    for row in _union(_arms(scope, scope.split(span, mark), keys)):
        key, sums = row[: len(keys)], Totals(*(int(value or 0) for value in row[len(keys) :]))
        found[key] = found[key] + sums if key in found else sums
    return {key: sums for key, sums in found.items() if sums.requests}


def span_of_nearest(
    scope: Scope,
    span: Span,
    *,
    mark: datetime | None,
    limit: int,
    before: datetime | None = None,
    after: datetime | None = None,
) -> Span:
    """The part of a span in which the `limit` requests nearest to a moment lie, or all there are.

    Without it a filter that next to nothing passes would read all requests of the user. Where roll-ups cannot tell,
    it is the whole span.
    """
    if mark is None or scope.needs_rows:
        return span
    matching = _part_of("succeeded" if scope.status else "requests", scope.is_stream)
    rolled = UsageRollup.objects.filter(scope.rolled, _hour_in(Span(floor_hour(span.start), min(mark, span.end))))
    rolled = rolled.annotate(matching=matching).filter(matching__gt=0)
    if after is not None:  # each roll-up stands for a request at least, but those of the moment's own hour for none
        ahead = rolled.filter(hour__gt=floor_hour(after + CLOCK_SLACK)).order_by("hour")
        hours = list(ahead.values_list("hour", flat=True)[:limit])
        return Span(span.start, min(span.end, hours[-1] + HOUR)) if len(hours) == limit else span
    assert before is not None
    cut = min(floor_hour(before - CLOCK_SLACK), mark)
    hours = list(rolled.filter(hour__lt=cut).order_by("-hour").values_list("hour", flat=True)[:limit])
    return Span(max(span.start, hours[-1] if hours else cut), span.end)


_RUNNING = Count("id", filter=Q(status=UsageRecord.Status.OPEN))
_ROW_SUMS = ROW_SUMS | {"sum_running": _RUNNING}
_LESS_ROWS = {name: Value(0) - expression for name, expression in _ROW_SUMS.items()}

_Rows = QuerySet[Any, tuple[Any, ...]]


def _rolled_sums(scope: Scope) -> dict[str, Any]:
    sums = {f"sum_{name}": Sum(_part_of(name, scope.is_stream)) for name in ROLLED_SUMS}
    return sums | {"sum_running": Value(0, output_field=BigIntegerField())}


def _part_of(name: str, is_stream: bool | None) -> Combinable:
    if is_stream is None:
        return F(name)
    return F(f"streamed_{name}") if is_stream else F(name) - F(f"streamed_{name}")


def _arms(scope: Scope, parts: Split, keys: Sequence[Key]) -> list[_Rows]:
    row_keys = [key.row for key in keys]
    arms = [_grouped(_made(scope, edge), row_keys, _ROW_SUMS) for edge in parts.edges]
    if not parts.hours.is_empty:
        rolled = UsageRollup.objects.filter(scope.rolled, _hour_in(parts.hours))
        arms.append(_grouped(rolled, [key.rolled for key in keys], _rolled_sums(scope)))
        if scope.status:  # successes: all of an hour less its few failures, which have an index of their own
            others = _made(replace(scope, status=""), parts.hours).filter(status__in=UNSUCCESSFUL)
            arms.append(_grouped(others, row_keys, _LESS_ROWS))
    return arms


def _made(scope: Scope, span: Span) -> QuerySet[UsageRecord]:
    return UsageRecord.objects.filter(scope.rows, created_in(span))


def _grouped(rows: QuerySet[Any], keys: Iterable[Combinable], sums: dict[str, Any]) -> _Rows:
    named = {f"key_{position}": key for position, key in enumerate(keys)}
    grouped: _Rows = rows.order_by().annotate(**named).values(*named).annotate(**sums).values_list(*named, *sums)
    return grouped


def _union(arms: list[_Rows]) -> Iterable[tuple[Any, ...]]:
    # Each stretch is an arm of its own: an OR of ranges would tempt SQLite to read all rows of the user.
    return arms[0].union(*arms[1:], all=True) if len(arms) > 1 else [row for arm in arms for row in arm]


def charges(scope: Scope, spans: Sequence[Span], *, mark: datetime | None) -> list[NanoUSD]:
    """What each of several, perhaps overlapping, spans cost, in two statements; not by status or stream."""
    assert (scope.status, scope.is_stream, scope.record_id) == ("", None, None)
    parts = [scope.split(span, mark) for span in spans]
    rolled = _rolled_charges(scope, [part.hours for part in parts])
    rows = _row_charges(scope, [part.edges for part in parts])
    return [NanoUSD(left + right) for left, right in zip(rolled, rows, strict=True)]


def _rolled_charges(scope: Scope, hours: Sequence[Span]) -> list[int]:
    reach = Span(min(span.start for span in hours), max(span.end for span in hours))
    rolled = UsageRollup.objects.filter(scope.rolled, _hour_in(reach))
    return _charges_where(rolled, [_hour_in(span) for span in hours])


def _row_charges(scope: Scope, edges: Sequence[Sequence[Span]]) -> list[int]:
    reach = [scope.rows & created_in(edge) for edge in {edge for several in edges for edge in several}]
    rows = UsageRecord.objects.filter(reduce(or_, reach)) if reach else UsageRecord.objects.none()
    return _charges_where(rows, [reduce(or_, map(_made_in, several), Q(pk__in=[])) for several in edges])


def _charges_where(source: QuerySet[Any], conditions: Sequence[Q]) -> list[int]:
    sums = {f"sum_{position}": Sum("charge", filter=condition) for position, condition in enumerate(conditions)}
    found = source.aggregate(**sums)
    return [int(found[name] or 0) for name in sums]


def _made_in(span: Span) -> Q:
    return Q(created_at__gte=span.start, created_at__lt=span.end)


def _hour_in(span: Span) -> Q:
    return Q(hour__gte=span.start, hour__lt=span.end)
