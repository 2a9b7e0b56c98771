"""Sums of usage over any stretch of time: rolled-up hours plus the rows that no finished hour holds yet.

They always equal the sum of the rows, the call a second ago included, whether or not the roll-up has run. `mark` is
`rollups.rolled_until()`, read once a page before the sums: it only moves forward over hours that are final, so an older
one is as right as a newer one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import (
    BigIntegerField,
    CharField,
    Count,
    DateTimeField,
    F,
    Field,
    Q,
    QuerySet,
    Sum,
    UUIDField,
    Value,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import TruncDate, TruncHour

from billing.models import ROLLED_SUMS, UNSUCCESSFUL, HourlySums, UsageRecord, UsageRollup, UserHour
from billing.prepared import Parameter, Statement, Unforeseen, prepare
from billing.rollups import CLOCK_SLACK, ROW_SUMS, ids_in, sums_by
from billing.spans import HOUR, Span, Split, floor_hour, joined, split
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
        return Totals(  # by position: a chart of 90 days adds two thousand of them
            self.requests + other.requests,
            self.succeeded + other.succeeded,
            self.input_tokens + other.input_tokens,
            self.cached_tokens + other.cached_tokens,
            self.output_tokens + other.output_tokens,
            self.charge + other.charge,
            self.running + other.running,
        )

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def success_ppm(self) -> int | None:
        """Successes per million finished requests; None before one has finished."""
        finished = self.requests - self.running
        return self.succeeded * PPM // finished if finished else None


class Costs(NamedTuple):
    """The two sums that a chart is made of. `charge` is nano-dollars."""

    requests: int = 0
    charge: int = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose requests (None: everybody's), and which of them."""

    user_id: int | None
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
    def given(self) -> dict[str, Any]:
        """What columns must be, by their names."""
        columns = {"user_id": self.user_id, "token_id": self.token_id, "model": self.model, "group": self.group}
        return {name: value for name, value in columns.items() if value} | (
            {"id": self.record_id} if self.record_id is not None else {}
        )

    @property
    def shape(self) -> "Scope":
        """Any scope for which the same statement asks, with other values."""
        return replace(
            self,
            user_id=self.user_id and 1,
            token_id=self.token_id and 1,
            model=self.model and "?",
            group=self.group and "?",
            record_id=self.record_id and UUID(int=0),
        )

    def rolled(self, given: Mapping[str, Any]) -> Q:
        """The condition on roll-ups, with the given values of columns."""
        kinds = {None: Q(), True: Q(streamed_requests__gt=0), False: Q(requests__gt=F("streamed_requests"))}
        where = Q(**given) & kinds[self.is_stream]
        return where & Q(listed_as__in=self.endpoints) if self.endpoints else where

    def rows(self, given: Mapping[str, Any]) -> Q:
        """The condition on rows, with the given values of columns."""
        where = Q(**given)
        if self.status:
            where &= Q(status=self.status)
        if self.is_stream is not None:
            where &= Q(is_stream=self.is_stream)
        if self.endpoints:
            where &= Q(endpoint__in=self.endpoints)
        return where

    def rollup(self, *columns: str) -> type[HourlySums]:
        """The smallest table of sums that these requests can be told apart by, and by columns to group by."""
        known = self.user_id is not None and self.is_stream is None and not self.endpoints
        asked = {name for name in self.given if name != "user_id"} | {column for column in columns if column}
        return sums_by(asked) if known else UsageRollup

    def split(self, span: Span, mark: datetime | None) -> Split:
        """Which part of a span roll-ups answer and which the rows."""
        return split(span, rolled_until=None if self.needs_rows else mark)


@dataclass(frozen=True, slots=True)
class Key:
    """Something to group by: its expression on a roll-up and on a row, and which column a roll-up needs for it."""

    rolled: Combinable
    row: Combinable
    column: str = ""


BY_MODEL = Key(F("model"), F("model"), "model")
BY_TOKEN = Key(F("token_id"), F("token_id"), "token_id")
BY_HOUR = Key(F("hour"), TruncHour("created_at", tzinfo=UTC))
_ALL_IN_ONE = Key(Value(0), Value(0))
_MOST_STRETCHES = 64  # more of them take longer to plan than to read what lies between
_MUCH = 50_000

_Rows = QuerySet[Any, tuple[Any, ...]]


@lru_cache(maxsize=512)
def by_day(zone: tzinfo) -> Key:
    """Local days. A rolled-up hour belongs to the day it starts in, also where midnight is at half past an UTC hour."""
    return Key(TruncDate("hour", tzinfo=zone), TruncDate("created_at", tzinfo=zone))


@dataclass(frozen=True, slots=True)
class Fresh:
    """What no finished hour holds yet, by all that a page groups by: read once for all of its figures."""

    span: Span
    keys: tuple[Key, ...]
    sums: Mapping[tuple[Any, ...], Totals]

    def by(self, keys: Iterable[Key]) -> Iterator[tuple[tuple[Any, ...], Totals]]:
        """The sums with the values of fewer keys; each may come up several times."""
        positions = [self.keys.index(key) for key in keys]
        return ((tuple(values[at] for at in positions), sums) for values, sums in self.sums.items())


def fresh(scope: Scope, *keys: Key, now: datetime, mark: datetime | None) -> Fresh | None:
    """The sums since the mark; None before anything was rolled up, where they would be all there are."""
    if mark is None:
        return None
    span = Span(mark, now)
    return Fresh(span, keys, totals_by(scope, span, *keys, mark=mark))


def totals(scope: Scope, span: Span, *, mark: datetime | None) -> Totals:
    """The sums of one span, in one statement."""
    return sum(totals_by(scope, span, _ALL_IN_ONE, mark=mark).values(), Totals())


def totals_by(
    scope: Scope, span: Span, *keys: Key, mark: datetime | None, known: Fresh | None = None
) -> dict[tuple[Any, ...], Totals]:
    """The sums of one span by the values of `keys`, in one statement; combinations without requests are left out."""
    found: dict[tuple[Any, ...], Totals] = {}
    for key, sums in _found(scope, span, keys, _ROW_SUMS, mark, known):
        found[key] = found[key] + Totals(*sums) if key in found else Totals(*sums)
    return {key: sums for key, sums in found.items() if sums.requests}


def costs_by(
    scope: Scope, span: Span, *keys: Key, mark: datetime | None, known: Fresh | None = None
) -> dict[tuple[Any, ...], Costs]:
    """The same with two sums instead of seven."""
    found: dict[tuple[Any, ...], Costs] = {}
    for key, (requests, charge) in _found(scope, span, keys, _COSTS, mark, known):
        before = found.get(key, _NO_COSTS)
        found[key] = Costs(before.requests + requests, before.charge + charge)
    return {key: costs for key, costs in found.items() if costs.requests}


def _found(
    scope: Scope, span: Span, keys: tuple[Key, ...], names: Iterable[str], mark: datetime | None, known: Fresh | None
) -> Iterator[tuple[tuple[Any, ...], Sequence[int]]]:
    """What each part of the span has by the values of the keys; a value may come up once for each part."""
    parts = scope.split(span, mark)
    edges = [edge for edge in parts.edges if known is None or edge != known.span]
    if known is not None and len(edges) < len(parts.edges):
        pick = attrgetter(*(name.removeprefix("sum_") for name in names))
        yield from ((key, pick(sums)) for key, sums in known.by(keys))
    if not edges and parts.hours.is_empty:
        return
    has_hours, width = not parts.hours.is_empty, len(keys)
    statement = _sums_statement(scope.shape, keys, tuple(names), edges=len(edges), has_hours=has_hours)
    values = scope.given | _values_of("hours", parts.hours)
    for position, edge in enumerate(edges):
        values |= _values_of(f"edge_{position}", edge)
    for row in statement.rows(values):
        yield row[:width], [value or 0 for value in row[width:]]


def spans_of_nearest(
    scope: Scope,
    span: Span,
    *,
    mark: datetime | None,
    limit: int,
    before: datetime | None = None,
    after: datetime | None = None,
) -> list[Span]:
    """The stretches of a span in which the `limit` requests nearest to a moment lie, or all there are.

    Without them a filter that next to nothing passes would read all requests of the user. Where roll-ups cannot tell,
    it is the whole span.
    """
    if mark is None or scope.needs_rows:
        return [span]
    rolled = _rolled_hours(scope, Span(floor_hour(span.start), min(mark, span.end)))
    if after is not None:  # those of the moment's own hour may all lie before it
        ahead = floor_hour(after + CLOCK_SLACK) + HOUR
        hours, is_enough = _nearest(rolled.filter(hour__gte=ahead).order_by("hour"), limit)
        found = [Span(after - 2 * CLOCK_SLACK, ahead), *hours, *([] if is_enough else [Span(mark, span.end)])]
    else:
        assert before is not None
        cut = min(floor_hour(before - CLOCK_SLACK), mark)
        hours, _is_enough = _nearest(rolled.filter(hour__lt=cut).order_by("-hour"), limit)
        found = [Span(cut, span.end), *hours]
    stretches = joined(found, within=span)
    whole = Span(stretches[0].start, stretches[-1].end) if stretches else span
    return stretches if _is_much(scope, whole) and len(stretches) <= _MOST_STRETCHES else [whole]


def _is_much(scope: Scope, span: Span) -> bool:
    """Whether all requests of the scope's user in a span are more than it costs to look into separate hours, where
    PostgreSQL reads everybody's.
    """
    if scope.user_id is None:
        return True
    hours = UserHour.objects.filter(user_id=scope.user_id, hour__gte=floor_hour(span.start), hour__lt=span.end)
    return (hours.aggregate(total=Sum("requests"))["total"] or 0) > _MUCH


def _rolled_hours(scope: Scope, hours: Span) -> _Rows:
    """How many matching requests each hour that has any holds."""
    matching = Sum(_part_of("succeeded" if scope.status else "requests", scope.is_stream))
    within = {"hour__gte": hours.start, "hour__lt": hours.end}
    rolled = scope.rollup()._default_manager.filter(scope.rolled(scope.given), **within)
    return rolled.values("hour").annotate(matching=matching).filter(matching__gt=0).values_list("hour", "matching")


def _nearest(hours: _Rows, limit: int) -> tuple[list[Span], bool]:
    """The first hours that hold so many requests, and whether they do."""
    found, requests = [], 0
    for hour, matching in hours[:limit]:
        found.append(_padded(hour))
        requests += matching
        if requests >= limit:
            return found, True
    return found, False


def _padded(hour: datetime) -> Span:
    """Ids, by which pages are cut, may lie a little beside the hour of their rows."""
    return Span(hour - 2 * CLOCK_SLACK, hour + HOUR + 2 * CLOCK_SLACK)


_RUNNING = Count("id", filter=Q(status=UsageRecord.Status.OPEN))
_ROW_SUMS: dict[str, Any] = ROW_SUMS | {"sum_running": _RUNNING}
_COSTS, _NO_COSTS = ("sum_requests", "sum_charge"), Costs()
_NONE_RUNNING: dict[str, Any] = {"sum_running": Value(0, output_field=BigIntegerField())}


def _rolled_sums(scope: Scope) -> dict[str, Any]:
    return _NONE_RUNNING | {f"sum_{name}": Sum(_part_of(name, scope.is_stream)) for name in ROLLED_SUMS}


def _part_of(name: str, is_stream: bool | None) -> Combinable:
    if is_stream is None:
        return F(name)
    return F(f"streamed_{name}") if is_stream else F(name) - F(f"streamed_{name}")


@lru_cache(maxsize=512)
def _sums_statement(
    shape: Scope, keys: tuple[Key, ...], names: tuple[str, ...], *, edges: int, has_hours: bool
) -> Statement:
    row_keys, given = [key.row for key in keys], _parameters(shape.given)
    row_sums, rolled_sums = ({name: sums[name] for name in names} for sums in (_ROW_SUMS, _rolled_sums(shape)))
    arms = [_grouped(_made_in(f"edge_{n}", shape.rows(given)), row_keys, row_sums) for n in range(edges)]
    if has_hours:
        table = shape.rollup(*(key.column for key in keys))
        rolled = table._default_manager.filter(shape.rolled(given), _hour_in("hours"))
        arms.append(_grouped(rolled, [key.rolled for key in keys], rolled_sums))
        if shape.status:  # successes: all of an hour less its few failures, which have an index of their own
            others = _made_in("hours", replace(shape, status="").rows(given)).filter(status__in=UNSUCCESSFUL)
            arms.append(_grouped(others, row_keys, {name: Value(0) - each for name, each in row_sums.items()}))
    return prepare(_union(arms))


def _grouped(rows: QuerySet[Any], keys: Iterable[Combinable], sums: dict[str, Any]) -> _Rows:
    named = {f"key_{position}": key for position, key in enumerate(keys)}
    grouped: _Rows = rows.order_by().annotate(**named).values(*named).annotate(**sums).values_list(*named, *sums)
    return grouped


def _union(arms: list[_Rows]) -> _Rows:
    # Each stretch is an arm of its own: an OR of ranges would tempt SQLite to read all rows of the user.
    return arms[0].union(*arms[1:], all=True) if len(arms) > 1 else arms[0]


def charges(scope: Scope, spans: Sequence[Span], *, mark: datetime | None, known: Fresh | None = None) -> list[NanoUSD]:
    """What each of several, perhaps overlapping, spans cost, in two statements; not by status or stream."""
    assert (scope.status, scope.is_stream, scope.record_id) == ("", None, None)
    parts = [scope.split(span, mark) for span in spans]
    rolled = _rolled_charges(scope, [part.hours for part in parts])
    rows = {known.span: sum(sums.charge for sums in known.sums.values())} if known else {}
    rows |= _row_charges(scope, {edge for part in parts for edge in part.edges} - rows.keys())
    return [NanoUSD(sum((rows[edge] for edge in part.edges), rolled[n])) for n, part in enumerate(parts)]


def _rolled_charges(scope: Scope, hours: Sequence[Span]) -> list[int]:
    reach = Span(min(span.start for span in hours), max(span.end for span in hours))
    values = scope.given | _values_of("reach", reach)
    for position, span in enumerate(hours):
        values |= _values_of(f"span_{position}", span)
    found = _rolled_charges_statement(scope.shape, spans=len(hours)).rows(values)
    return [int(charge or 0) for charge in found[0][1:]] if found else [0] * len(hours)


@lru_cache(maxsize=64)
def _rolled_charges_statement(shape: Scope, *, spans: int) -> Statement:
    rolled = shape.rollup()._default_manager.filter(shape.rolled(_parameters(shape.given)), _hour_in("reach"))
    sums = {f"sum_{n}": Sum("charge", filter=_hour_in(f"span_{n}")) for n in range(spans)}
    return prepare(_grouped(rolled, [Value(0)], sums))


def _row_charges(scope: Scope, edges: Iterable[Span]) -> dict[Span, int]:
    charges_of = dict.fromkeys(edges, 0)
    values = scope.given
    for position, edge in enumerate(charges_of):
        values |= _values_of(f"edge_{position}", edge)
    found = _row_charges_statement(scope.shape, edges=len(charges_of)).rows(values) if charges_of else []
    in_order = list(charges_of)
    return charges_of | {in_order[position]: int(charge or 0) for position, charge in found}


@lru_cache(maxsize=64)
def _row_charges_statement(shape: Scope, *, edges: int) -> Statement:
    where = shape.rows(_parameters(shape.given))
    charge = {"sum_charge": Sum("charge")}
    return prepare(_union([_grouped(_made_in(f"edge_{n}", where), [Value(n)], charge) for n in range(edges)]))


_TYPES: dict[str, "Field[Any, Any]"] = {
    "user_id": BigIntegerField(),
    "token_id": BigIntegerField(),
    "id": UUIDField(),
    "model": CharField(),
    "group": CharField(),
}
_MOMENT, _ID = DateTimeField(), UUIDField()


def _parameters(given: Iterable[str]) -> dict[str, Parameter]:
    return {name: Parameter(name, _TYPES[name]) for name in given}


def _made_in(name: str, where: Q) -> QuerySet[UsageRecord]:
    """Rows of a span that is given as parameters; the id range lets an index find them, the time decides."""
    return UsageRecord.objects.filter(
        where,
        id__gte=Unforeseen(f"{name}_first", _ID),
        id__lt=Unforeseen(f"{name}_last", _ID),
        created_at__gte=Parameter(f"{name}_start", _MOMENT),
        created_at__lt=Parameter(f"{name}_end", _MOMENT),
    )


def _hour_in(name: str) -> Q:
    return Q(hour__gte=Parameter(f"{name}_start", _MOMENT), hour__lt=Parameter(f"{name}_end", _MOMENT))


def _values_of(name: str, span: Span) -> dict[str, Any]:
    first, last = ids_in(span)
    return {f"{name}_start": span.start, f"{name}_end": span.end, f"{name}_first": first, f"{name}_last": last}
