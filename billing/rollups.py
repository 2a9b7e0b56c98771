"""Hourly sums of usage, so that charts and totals cost the same at a thousand requests and at a hundred million.

An hour is rolled up once, in order, and is final: only after it has ended, and only when none of its requests is still
open. `RollupMark` says how far that got; whoever wants totals adds the rows from there on (`billing.totals`).
A row must never be written with a time before the mark.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import (
    Aggregate,
    BigIntegerField,
    Case,
    Count,
    DateTimeField,
    F,
    Model,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from billing.models import (
    COST_SUMS,
    DRAWINGS,
    ROLLED_SUMS,
    STREAMED_SUMS,
    TASKS,
    HourlySums,
    RollupMark,
    UsageHour,
    UsageRecord,
    UsageRollup,
    UserHour,
    UserModelHour,
    UserTokenHour,
)
from billing.pricing import COMPLETION_KINDS, PROMPT_KINDS
from billing.spans import HOUR, Span, floor_hour
from config.kernel.ids import first_uuid7_of

MARK = "usage"
SETTLING_TIME = timedelta(minutes=2)  # a row may be committed that much later than its time says
CLOCK_SLACK = timedelta(minutes=2)  # an id may have been made that much before or after its row's time
HOURS_PER_RUN = 1_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _sum(columns: Iterable[str], where: Q | None) -> Sum:
    total = sum((Coalesce(F(c), 0, output_field=BigIntegerField()) for c in columns), Value(0))
    return Sum(total, filter=where, default=0)


def _sums(where: Q | None = None) -> tuple[Aggregate, ...]:
    """What the rows that meet a condition add up to, in the order of ROLLED_SUMS."""
    settled = Q(status=UsageRecord.Status.SETTLED)
    return (
        Count("id", filter=where),
        Count("id", filter=settled & where if where else settled),
        _sum((f"{kind}_tokens" for kind in PROMPT_KINDS), where),
        _sum(("cache_read_tokens",), where),
        _sum((f"{kind}_tokens" for kind in COMPLETION_KINDS), where),
        Sum("charge", filter=where, default=0),
    )


ROW_SUMS = {f"sum_{name}": expression for name, expression in zip(ROLLED_SUMS, _sums(), strict=True)}
_STREAMED = zip(STREAMED_SUMS, _sums(Q(is_stream=True)), strict=True)
_COSTS = (Sum("cost", default=0), Sum("charge", filter=Q(cost__isnull=False), default=0))
ALL_SUMS = ROW_SUMS | {f"sum_{name}": each for name, each in (*_STREAMED, *zip(COST_SUMS, _COSTS, strict=True))}
EARNED = ("charge", *COST_SUMS)
EARNED_ROW_SUMS = {f"sum_{name}": ALL_SUMS[f"sum_{name}"] for name in EARNED}


class Table(NamedTuple):
    """A table of hourly sums: which columns tell its rows apart, besides the hour, and which it sums."""

    model: type[Model]
    keys: tuple[str, ...]
    sums: tuple[str, ...]


ROLLUPS = Table(UsageRollup, ("user_id", *UsageRollup.KEYS), (*ROLLED_SUMS, *STREAMED_SUMS, *COST_SUMS))
_OF_USERS: tuple[type[HourlySums], ...] = (UserHour, UserModelHour, UserTokenHour)  # the smallest first
SUMMARIES = (
    Table(UsageHour, (), EARNED),
    *(Table(each, ("user_id", *each.KEYS), ROLLED_SUMS) for each in _OF_USERS),
)
TABLES = (ROLLUPS, *SUMMARIES)
_LISTED_AS = Case(When(endpoint__in=(*DRAWINGS, *TASKS), then=F("endpoint")), default=Value(""))


def created_in(span: Span) -> Q:
    """The rows of a span. The id range lets the primary key find them; the time decides."""
    first, last = ids_in(span)
    return Q(id__gte=first, id__lt=last, created_at__gte=span.start, created_at__lt=span.end)


def created_in_any(spans: Iterable[Span]) -> Q:
    """The rows of several spans."""
    return reduce(or_, map(created_in, spans), Q(pk__in=[]))


def ids_in(span: Span) -> tuple[UUID, UUID]:
    """The ids from which, and up to but without which, rows of a span can have theirs."""
    return first_uuid7_of(max(span.start - CLOCK_SLACK, EPOCH)), first_uuid7_of(max(span.end + CLOCK_SLACK, EPOCH))


def rows_to_roll_up(span: Span) -> QuerySet[UsageRecord]:
    """The rows of a span with every key of a roll-up but the hour."""
    return UsageRecord.objects.filter(created_in(span)).order_by().annotate(listed_as=_LISTED_AS)


def rolled_until() -> datetime | None:
    """Every hour before it is rolled up and final; None when none is."""
    return RollupMark.objects.filter(name=MARK).values_list("rolled_until", flat=True).first()


def roll_up_usage(*, now: datetime, limit: int = HOURS_PER_RUN) -> int:
    """Roll up, oldest first, every hour that is over and settled; returns how many. Safe to run twice at once."""
    rolled = 0
    while rolled < limit and _roll_up_next(now):
        rolled += 1
    return rolled


def _roll_up_next(now: datetime) -> bool:
    mark = rolled_until()
    hour = _next_hour(mark)
    if hour is None or hour + HOUR + SETTLING_TIME > now or _has_open(hour):
        return False
    with transaction.atomic():
        if not _advance(mark, hour + HOUR):
            return False
        _insert_sums(hour)
    return True


def _next_hour(mark: datetime | None) -> datetime | None:
    """The first hour from the mark on that can hold a row, in one look-up however long nothing happened."""
    start = mark or EPOCH
    rows = UsageRecord.objects.filter(id__gte=first_uuid7_of(max(start - CLOCK_SLACK, EPOCH)), created_at__gte=start)
    first = rows.order_by("id").values_list("created_at", flat=True).first()
    return max(start, floor_hour(first - CLOCK_SLACK)) if first else None


def _has_open(hour: datetime) -> bool:
    return UsageRecord.objects.filter(created_in(Span(hour, hour + HOUR)), status=UsageRecord.Status.OPEN).exists()


def _advance(mark: datetime | None, until: datetime) -> bool:
    """Move the mark if nobody else has; the row lock makes a second roller wait here, and then lose."""
    if mark is None:
        RollupMark.objects.bulk_create([RollupMark(name=MARK, rolled_until=EPOCH)], ignore_conflicts=True)
    return bool(RollupMark.objects.filter(name=MARK, rolled_until=mark or EPOCH).update(rolled_until=until))


def _insert_sums(hour: datetime) -> None:
    rows = rows_to_roll_up(Span(hour, hour + HOUR)).annotate(hour=Value(hour, output_field=DateTimeField()))
    _insert(ROLLUPS, rows.values(*ROLLUPS.keys, "hour").annotate(**ALL_SUMS))
    rolled = UsageRollup.objects.filter(hour=hour).order_by()
    for table in SUMMARIES:
        sums = {f"sum_{name}": Sum(name) for name in table.sums}
        _insert(table, rolled.values(*table.keys, "hour").annotate(**sums))


def _insert(table: Table, rows: QuerySet[Any, Any]) -> None:
    select, parameters = rows.query.sql_with_params()
    quote = connection.ops.quote_name
    names = ", ".join(quote(name) for name in (*table.keys, "hour", *table.sums))
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {quote(table.model._meta.db_table)} ({names}) {select}", parameters)


def roll_up_again(hour: datetime) -> None:
    """Replace the roll-ups of a finished hour by the sums of its rows."""
    with transaction.atomic():
        for table in TABLES:
            hours_of(table, Span(hour, hour + HOUR)).delete()
        _insert_sums(hour)


def hours_of(table: Table, span: Span) -> QuerySet[Any]:
    """The rows of a table for the hours of a span."""
    return table.model._default_manager.filter(hour__gte=span.start, hour__lt=span.end)


def sums_by(columns: Iterable[str]) -> type[HourlySums]:
    """The smallest table of one account's sums that tells these columns apart."""
    asked = set(columns)
    return next((each for each in _OF_USERS if asked <= set(each.KEYS)), UsageRollup)


def rolled_span() -> Span:
    """From the first hour that may have a row or a roll-up to the mark; empty when nothing is rolled up."""
    mark = rolled_until()
    if mark is None:
        return Span(EPOCH, EPOCH)
    starts = _next_hour(None), UsageRollup.objects.order_by("hour").values_list("hour", flat=True).first()
    return Span(min((floor_hour(start) for start in starts if start), default=mark), mark)
