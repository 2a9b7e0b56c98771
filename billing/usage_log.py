"""What the Usage log shows: pages of records, all of them for an export, and the sums of a filter."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import User
from billing.models import DRAWINGS, TASKS, UsageRecord
from billing.rollups import created_in_any, rolled_until
from billing.spans import ALWAYS, Span
from billing.totals import Scope, Totals, spans_of_nearest, totals
from config.kernel.ids import first_uuid7_of, uuid7_at, uuid7_time
from tokens.models import Token

PAGE_SIZE = 50
EXPORT_CHUNK = 1_000
LATE_MS = 5_000  # ids are made before their rows are committed: a later one may be there first


class Log(StrEnum):
    """The lists of requests. The two of what is no text stand beside the one of everything."""

    USAGE = "usage"
    DRAWING = "drawing"
    TASKS = "tasks"

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The endpoints whose requests are listed; none for all of them."""
        return {Log.DRAWING: DRAWINGS, Log.TASKS: TASKS}.get(self, ())


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which of a user's requests. A request id finds its record whenever that was."""

    span: Span
    token_id: int | None = None
    model: str = ""
    group: str = ""
    status: str = ""
    is_stream: bool | None = None
    record_id: UUID | None = None
    endpoints: tuple[str, ...] = ()

    def scope(self, user: User) -> Scope:
        """The same for the sums."""
        return Scope(
            user_id=user.pk,
            token_id=self.token_id,
            model=self.model,
            group=self.group,
            status=self.status,
            is_stream=self.is_stream,
            record_id=self.record_id,
            endpoints=self.endpoints,
        )

    @property
    def reach(self) -> Span:
        """The time that is looked at."""
        return ALWAYS if self.record_id else self.span


@dataclass(frozen=True, slots=True)
class LogPage:
    """Records newest first, and the cursors of the neighbouring pages where there are any."""

    records: tuple[UsageRecord, ...]
    newer_than: UUID | None
    older_than: UUID | None


@dataclass(frozen=True, slots=True)
class LogHeader:
    """The exact sums of a filter, and how many minutes they are spread over (None for a single request)."""

    totals: Totals
    minutes: float | None

    @property
    def requests_per_minute(self) -> float | None:
        return self.totals.requests / self.minutes if self.minutes else None

    @property
    def tokens_per_minute(self) -> float | None:
        return self.totals.tokens / self.minutes if self.minutes else None


@dataclass(frozen=True, slots=True)
class KeyLog:
    """Finished requests of one key, newest first; how many there are in all; whether older ones follow."""

    records: tuple[UsageRecord, ...]
    total: int
    is_truncated: bool


def log_header(user: User, where: LogFilter) -> LogHeader:
    """Cost, requests and tokens of everything the filter finds, not of one page."""
    sums = totals(where.scope(user), where.reach, mark=rolled_until())
    return LogHeader(sums, None if where.record_id else where.span.minutes)


def log_page(
    user: User, where: LogFilter, *, older_than: UUID | None = None, newer_than: UUID | None = None
) -> LogPage:
    """One page beside a cursor, or the newest one. The same statements, whatever the depth."""
    if newer_than:
        found = _after(user, where, newer_than, limit=PAGE_SIZE + 1)
        records, has_newer, has_older = found[:PAGE_SIZE][::-1], len(found) > PAGE_SIZE, True
    else:
        found = list(_before(user, where, older_than, limit=PAGE_SIZE + 1))
        records, has_newer, has_older = found[:PAGE_SIZE], older_than is not None, len(found) > PAGE_SIZE
    if not records:
        return LogPage((), newer_than=None, older_than=None)
    newer, older = (records[0].pk if has_newer else None), (records[-1].pk if has_older else None)
    return LogPage(tuple(records), newer_than=newer, older_than=older)


def key_log(token: Token, *, limit: int, older_than: UUID | None = None) -> KeyLog:
    """At most `limit` records beside a cursor, or the newest ones."""
    rows = UsageRecord.objects.filter(token=token).exclude(status=UsageRecord.Status.OPEN)
    rows = rows.filter(id__lt=older_than) if older_than else rows
    found = tuple(rows.defer("attempts", "prices").order_by("-id")[: limit + 1])
    sums = totals(Scope(token.user_id, token_id=token.pk), ALWAYS, mark=rolled_until())
    return KeyLog(found[:limit], total=sums.requests - sums.running, is_truncated=len(found) > limit)


def live_rows(user: User, where: LogFilter, *, newer_than: UUID | None, running: Collection[UUID]) -> list[UsageRecord]:
    """Newest first: what began since a request on the reader's page, some seconds before it included, and those of the
    page that were still running. At most a page of either, in two statements.
    """
    if newer_than:
        since = uuid7_at(max((newer_than.int >> 80) - LATE_MS, 0), 0)
        newest = list(_matching(user, where, [where.reach]).filter(id__gt=since).order_by("-id")[:PAGE_SIZE])
    else:
        newest = list(_before(user, where, None, limit=PAGE_SIZE))
    found = {record.pk: record for record in newest}
    if running:
        found |= {record.pk: record for record in UsageRecord.objects.filter(user=user, pk__in=running)}
    return sorted(found.values(), key=lambda record: record.pk, reverse=True)


def log_chunks(user: User, where: LogFilter, columns: Sequence[str]) -> Iterator[list[tuple[Any, ...]]]:
    """Everything the filter finds, newest first, a thousand records at a time: values of columns, `id` among them."""
    cursor: UUID | None = None
    while chunk := list(_before(user, where, cursor, limit=EXPORT_CHUNK).values_list(*columns)):
        yield chunk
        cursor = chunk[-1][columns.index("id")]


def _before(user: User, where: LogFilter, cursor: UUID | None, *, limit: int) -> QuerySet[UsageRecord]:
    """The newest ones, or those before a cursor, newest first."""
    before = _time_of(cursor) if cursor else where.reach.end
    rows = _matching(user, where, _spans_of_nearest(user, where, limit=limit, before=before))
    return (rows.filter(id__lt=cursor) if cursor else rows).order_by("-id")[:limit]


def _after(user: User, where: LogFilter, cursor: UUID, *, limit: int) -> list[UsageRecord]:
    """Those after a cursor, oldest first."""
    spans = _spans_of_nearest(user, where, limit=limit, after=_time_of(cursor))
    return list(_matching(user, where, spans).filter(id__gt=cursor).order_by("id")[:limit])


def _spans_of_nearest(user: User, where: LogFilter, *, limit: int, **moment: datetime) -> list[Span]:
    scope = where.scope(user)
    if not scope.is_narrow:
        return [where.reach]
    return spans_of_nearest(scope, where.reach, mark=rolled_until(), limit=limit, **moment)


def _time_of(cursor: UUID) -> datetime:
    """Cursors come from addresses: one that is no id of ours may name a year that there is none of."""
    return uuid7_time(min(cursor, first_uuid7_of(ALWAYS.end)))


def _matching(user: User, where: LogFilter, spans: Iterable[Span]) -> QuerySet[UsageRecord]:
    scope = where.scope(user)
    return UsageRecord.objects.filter(scope.rows(scope.given), created_in_any(spans))
