"""The statement of a wallet: every ledger entry, and what the usage of each local day cost, newest first.

Two sequences are merged, so a page begins at a cut through both: an entry's id and a day. Usage is read in stretches of
days back from the last call, so a page costs the same after ten years as after ten days.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from heapq import merge
from itertools import islice
from typing import Final

from django.db.models import QuerySet

from accounts.models import User
from billing.csv_lines import BYTE_ORDER_MARK, Dollars, csv_lines
from billing.models import LedgerEntry, UsageRecord
from billing.rollups import CLOCK_SLACK, rolled_until
from billing.spans import Span, midnight
from billing.totals import Scope, by_day, costs_by
from config.kernel.ids import first_uuid7_of
from config.kernel.money import NanoUSD

PAGE_SIZE = 50
EXPORT_CHUNK = 1_000
DAYS_AT_ONCE = 60
USAGE: Final = "usage"  # the kind of a line that is no ledger entry
KINDS: Final = (*LedgerEntry.Kind.values, USAGE)
COLUMNS = ("time", "kind", "amount_usd", "balance_after_usd", "reference", "note", "requests", "entry")
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2999, 12, 30)
_LAST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a ledger entry, or (without one) the charges of a day's requests as one negative amount."""

    day: date
    amount: NanoUSD
    entry: LedgerEntry | None = None
    requests: int = 0

    @property
    def kind(self) -> str:
        return self.entry.kind if self.entry else USAGE

    @property
    def note(self) -> str:
        """Why, in words for the customer: what an operator wrote beside a refund is not."""
        entry = self.entry
        if entry is None or (entry.kind == LedgerEntry.Kind.REFUND and entry.reference):
            return ""
        return entry.reason

    @property
    def day_after(self) -> date:
        return self.day + timedelta(days=1)

    @property
    def place(self) -> tuple[date, bool]:
        """A day's usage stands above the entries of that day."""
        return self.day, self.entry is None


@dataclass(frozen=True, slots=True)
class Cut:
    """A place between two lines: below it are the entries with a smaller id and the days before."""

    entry_id: int
    day: date

    def __str__(self) -> str:
        return f"{self.entry_id}.{self.day:%Y%m%d}"

    @classmethod
    def parse(cls, text: str) -> "Cut | None":
        """From an address; None for what is none."""
        number, _dot, day = text.partition(".")
        try:
            cut = cls(int(number), date.fromisoformat(day))
        except ValueError:
            return None
        return cut if 0 <= cut.entry_id <= _LAST_ID and _FIRST_DAY <= cut.day <= _LAST_DAY else None

    def below(self, lines: list[Line]) -> "Cut":
        """The cut under lines that lie under this one."""
        return Cut(
            min((line.entry.pk for line in lines if line.entry), default=self.entry_id),
            min((line.day for line in lines if not line.entry), default=self.day),
        )

    def above(self, lines: list[Line]) -> "Cut":
        """The cut over lines that lie over this one."""
        return Cut(
            max((line.entry.pk + 1 for line in lines if line.entry), default=self.entry_id),
            max((line.day + timedelta(days=1) for line in lines if not line.entry), default=self.day),
        )


TOP: Final = Cut(_LAST_ID, _LAST_DAY)


@dataclass(frozen=True, slots=True)
class Page:
    """Lines newest first, and the cuts where the neighbouring pages begin, where there are any."""

    lines: list[Line]
    newer: Cut | None
    older: Cut | None


def statement_page(
    user: User, *, zone: tzinfo, kind: str = "", older: Cut | None = None, newer: Cut | None = None
) -> Page:
    """The page under or over a cut, or the newest one. `kind` is one of KINDS, or empty for all."""
    if newer is not None:
        found = list(islice(_Sources(user, zone, kind).upwards(newer), PAGE_SIZE + 1))
        if len(found) > PAGE_SIZE:
            lines = found[PAGE_SIZE - 1 :: -1]
            return Page(lines, newer=newer.above(lines), older=newer)
    start = older or TOP
    found = list(islice(_Sources(user, zone, kind).downwards(start), PAGE_SIZE + 1))
    lines = found[:PAGE_SIZE]
    return Page(
        lines,
        newer=start if older and lines else None,
        older=start.below(lines) if len(found) > PAGE_SIZE else None,
    )


def statement_csv(user: User, *, zone: tzinfo, kind: str = "") -> Iterator[str]:
    """The whole statement as CSV, in pieces of many lines."""
    yield BYTE_ORDER_MARK + csv_lines([COLUMNS])
    lines = _Sources(user, zone, kind, chunk=EXPORT_CHUNK).downwards(TOP)
    while chunk := list(islice(lines, EXPORT_CHUNK)):
        yield csv_lines(_row(line, zone) for line in chunk)


def _row(line: Line, zone: tzinfo) -> tuple[object, ...]:
    entry = line.entry
    if entry is None:
        return line.day.isoformat(), USAGE, Dollars(line.amount), "", "", "", line.requests, ""
    time = entry.created_at.astimezone(zone).isoformat(timespec="seconds")
    balance = Dollars(entry.balance_after)
    return time, entry.kind, Dollars(line.amount), balance, entry.reference, line.note, "", entry.pk


@dataclass(frozen=True, slots=True)
class _Sources:
    """The two sequences of one statement, read as far as somebody asks for."""

    user: User
    zone: tzinfo
    kind: str
    chunk: int = PAGE_SIZE + 1

    def downwards(self, cut: Cut) -> Iterator[Line]:
        """The lines under a cut, newest first."""
        return merge(
            self._entries_below(cut.entry_id), self._days_before(cut.day), key=lambda line: line.place, reverse=True
        )

    def upwards(self, cut: Cut) -> Iterator[Line]:
        """The lines over a cut, oldest first."""
        return merge(self._entries_from(cut.entry_id), self._days_from(cut.day), key=lambda line: line.place)

    def _entries(self) -> QuerySet[LedgerEntry]:
        entries = LedgerEntry.objects.filter(wallet=self.user.wallet)
        return entries.filter(kind=self.kind) if self.kind else entries

    def _entries_below(self, entry_id: int) -> Iterator[Line]:
        entries = self._entries().order_by("-pk")
        while self.kind != USAGE and (found := entries.filter(pk__lt=entry_id)[: self.chunk]):
            yield from map(self._line, found)
            entry_id = found[len(found) - 1].pk

    def _entries_from(self, entry_id: int) -> Iterator[Line]:
        entries = self._entries().order_by("pk")
        while self.kind != USAGE and (found := entries.filter(pk__gte=entry_id)[: self.chunk]):
            yield from map(self._line, found)
            entry_id = found[len(found) - 1].pk + 1

    def _line(self, entry: LedgerEntry) -> Line:
        return Line(self._day_of(entry.created_at), NanoUSD(entry.amount), entry)

    def _days_before(self, day: date) -> Iterator[Line]:
        while self.kind in ("", USAGE) and (last := self._last_use(midnight(day, self.zone))):
            end = self._day_of(last) + timedelta(days=1)
            day = end - timedelta(days=DAYS_AT_ONCE)
            yield from reversed(self._usage(day, end))

    def _days_from(self, day: date) -> Iterator[Line]:
        while self.kind in ("", USAGE) and (first := self._first_use(midnight(day, self.zone))):
            start = self._day_of(first)
            day = start + timedelta(days=DAYS_AT_ONCE)
            yield from self._usage(start, day)

    def _day_of(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def _usage(self, start: date, end: date) -> list[Line]:
        """The days that cost something, oldest first."""
        span = Span(midnight(start, self.zone), midnight(end, self.zone))
        costs = costs_by(Scope(self.user.pk), span, by_day(self.zone), mark=rolled_until())
        days = sorted((day, cost) for (day,), cost in costs.items() if cost.charge)
        return [Line(day, NanoUSD(-cost.charge), requests=cost.requests) for day, cost in days]

    def _last_use(self, before: datetime) -> datetime | None:
        records = UsageRecord.objects.filter(id__lt=first_uuid7_of(before + CLOCK_SLACK), created_at__lt=before)
        return records.filter(user=self.user).order_by("-id").values_list("created_at", flat=True).first()

    def _first_use(self, since: datetime) -> datetime | None:
        records = UsageRecord.objects.filter(id__gte=first_uuid7_of(since - CLOCK_SLACK), created_at__gte=since)
        return records.filter(user=self.user).order_by("id").values_list("created_at", flat=True).first()
