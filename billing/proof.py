"""Proves the books: what wallets and tokens say against what entries and usage records add up to.

Usage before the roll-up mark is taken from the roll-ups, so a proof costs the same however long the history is.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Case, F, Q, QuerySet, Sum, When
from django.utils import timezone

from billing.caps import first_of_month
from billing.holds import charge_within
from billing.lots import sweep_expired
from billing.models import LedgerEntry, UsageRecord, UsageRollup, Wallet
from billing.pricing import Usage
from billing.rollups import created_in, rolled_until
from billing.spans import Span
from config.kernel.ids import uuid7
from config.kernel.money import NanoUSD, format_usd
from tokens.models import Token

STALE_LEASES = 10  # an open record silent for so many leases should have been swept long ago
RECOMPUTED_ROWS = 10_000
CLOCKS_APART = timedelta(days=31)  # a record is counted this month though a clock that was wrong dates it before
END_OF_TIME = datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken invariant: which, on which row, what it should be and what it is, in nano-dollars."""

    invariant: str
    row: str
    expected: int
    found: int

    def __str__(self) -> str:
        return f"{self.invariant}: {self.row} should be {format_usd(self.expected)}, is {format_usd(self.found)}"


def check_books() -> list[Violation]:
    """Every violation, seen at one moment; none when the books agree."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if connection.vendor == "postgresql" and is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return [violation for check in CHECKS for violation in check()]


def repair_books() -> None:
    """Settle stale records, explain differences of balances by adjustment entries, and count holds and use anew.

    A balance is never changed: the customer has seen it. The entry says what the books could not explain.
    """
    sweep_expired(limit=10_000)
    for wallet, expected in _wallets_that_differ():
        LedgerEntry.objects.create(
            wallet=wallet,
            kind=LedgerEntry.Kind.ADJUSTMENT,
            amount=wallet.balance - expected,
            balance_after=wallet.balance,
            idempotency_key=f"repair:{uuid7()}",
            reason="Explains a balance that the books did not",
        )
    with transaction.atomic():
        _recount_counters()


# ── The invariants ───────────────────────────────────────────────────────────


def balances() -> Iterator[Violation]:
    """A wallet's balance is the sum of its entries less the charges of its usage."""
    for wallet, expected in _wallets_that_differ():
        yield Violation("balance", f"wallet of user {wallet.user_id}", expected, wallet.balance)


def wallet_holds() -> Iterator[Violation]:
    """What a wallet holds is the sum of its open records' holds."""
    held = _sums(_open(), "user_id", "hold")
    for user_id, found in Wallet.objects.values_list("user_id", "held").iterator():
        if found != held[user_id]:
            yield Violation("held", f"wallet of user {user_id}", held[user_id], found)


def token_counters() -> Iterator[Violation]:
    """What a token has used and holds is the sum of its records."""
    held, used = _sums(_open(), "token_id", "hold"), _charges("token_id")
    for token_id, found_used, found_held in Token.objects.values_list("id", "used", "held").iterator():
        if found_used != used[token_id]:
            yield Violation("used", f"token {token_id}", used[token_id], found_used)
        if found_held != held[token_id]:
            yield Violation("held", f"token {token_id}", held[token_id], found_held)


def token_spending() -> Iterator[Violation]:
    """What a token's caps are held against is the sum of this month's records."""
    for token_id, differing in _spending_that_differs():
        for column, (expected, found) in differing.items():
            yield Violation(column, f"token {token_id}", expected, found)


def limits() -> Iterator[Violation]:
    """No balance is below what is held, and nothing is below zero. CHECK constraints see to it; this sees to them."""
    for user_id, balance, held in Wallet.objects.filter(Q(balance__lt=F("held")) | Q(held__lt=0)).values_list(
        "user_id", "balance", "held"
    ):
        yield Violation("limit", f"wallet of user {user_id}", max(held, 0), balance)


def stale_holds() -> Iterator[Violation]:
    """No open record is silent for long: the sweep runs."""
    too_old = timezone.now() - timedelta(seconds=STALE_LEASES * settings.USAGE_LEASE_SECONDS)
    for record_id, hold in _open().filter(lease_until__lt=too_old).values_list("id", "hold"):
        yield Violation("stale hold", f"usage record {record_id}", 0, hold)


def charges() -> Iterator[Violation]:
    """The newest charges are what their own rows say they should be."""
    finished = UsageRecord.objects.exclude(status=UsageRecord.Status.OPEN).order_by("-id")
    for record in finished[:RECOMPUTED_ROWS].iterator():
        expected = expected_charge(record)
        if record.charge != expected:
            yield Violation("charge", f"usage record {record.id}", expected, record.charge)


CHECKS: tuple[Callable[[], Iterable[Violation]], ...] = (
    balances,
    wallet_holds,
    token_counters,
    token_spending,
    limits,
    stale_holds,
    charges,
)


def expected_charge(record: UsageRecord) -> NanoUSD:
    """The charge of a finished record, recomputed from the row alone."""
    if record.rule == UsageRecord.Rule.NOTHING:
        return NanoUSD(0)
    return charge_within(usage_of(record), quote=record.quote, hold=record.hold)


def usage_of(record: UsageRecord) -> Usage:
    """The counts of a record."""
    return Usage(
        input=record.input_tokens,
        cache_read=record.cache_read_tokens,
        cache_write=record.cache_write_tokens,
        output=record.output_tokens,
        reasoning=record.reasoning_tokens,
    )


# ── Sums ─────────────────────────────────────────────────────────────────────


def _wallets_that_differ() -> Iterator[tuple[Wallet, int]]:
    entries, charged = _sums(LedgerEntry.objects.order_by(), "wallet_id", "amount"), _charges("user_id")
    for wallet in Wallet.objects.iterator():
        expected = entries[wallet.pk] - charged[wallet.user_id]
        if wallet.balance != expected:
            yield wallet, expected


def _charges(key: str) -> Counter[int]:
    """Charges by user or token: final hours from the roll-ups, later rows one by one."""
    mark = rolled_until()
    later = UsageRecord.objects.order_by()
    if mark is None:
        return _sums(later, key, "charge")
    rolled = _sums(UsageRollup.objects.order_by(), key, "charge")
    rolled.update(_sums(later.filter(created_in(Span(mark, END_OF_TIME))), key, "charge"))
    return rolled


def _sums(rows: "QuerySet[Any]", key: str, amount: str) -> Counter[int]:
    return Counter(dict(rows.values_list(key).annotate(Sum(amount))))


def _spending_that_differs() -> Iterator[tuple[int, dict[str, tuple[int, int]]]]:
    """Tokens used this month, with (expected, found) by column. A day that a wrong clock put ahead is left out."""
    today = timezone.now().astimezone(UTC).date()
    month = first_of_month(today)
    by_day = _spent_since(month)
    by_month: Counter[int] = Counter()
    for (token_id, _day), amount in by_day.items():
        by_month[token_id] += amount
    rows = Token.objects.filter(day__gte=month, day__lte=today).values_list("id", "day", "day_spent", "month_spent")
    for token_id, day, day_spent, month_spent in rows.iterator():
        pairs = {
            "day_spent": (by_day[token_id, day], day_spent),
            "month_spent": (by_month[token_id], month_spent),
        }
        differing = {column: pair for column, pair in pairs.items() if pair[0] != pair[1]}
        if differing:
            yield token_id, differing


def _spent_since(month: date) -> Counter[tuple[int, date | None]]:
    """Holds of open records and charges of the others, by token and day."""
    begin = datetime.combine(month, time(), UTC) - CLOCKS_APART
    rows = UsageRecord.objects.filter(created_in(Span(begin, END_OF_TIME)), counted_on__gte=month).order_by()
    amount = Case(When(status=UsageRecord.Status.OPEN, then=F("hold")), default=F("charge"))
    sums = rows.values_list("token_id", "counted_on").annotate(amount=Sum(amount))
    return Counter({(token_id, day): amount for token_id, day, amount in sums})


def _open() -> "QuerySet[UsageRecord]":
    return UsageRecord.objects.filter(status=UsageRecord.Status.OPEN).order_by()


def _recount_counters() -> None:
    wallets = {wallet.pk: wallet for wallet in Wallet.objects.select_for_update().order_by("user_id")}
    held = _sums(_open(), "user_id", "hold")
    for wallet in wallets.values():
        if wallet.held != held[wallet.user_id]:
            Wallet.objects.filter(pk=wallet.pk).update(held=held[wallet.user_id])
    held, used = _sums(_open(), "token_id", "hold"), _charges("token_id")
    for token in Token.objects.select_for_update().order_by("id"):
        if (token.used, token.held) != (used[token.pk], held[token.pk]):
            Token.objects.filter(pk=token.pk).update(used=used[token.pk], held=held[token.pk])
    for token_id, differing in _spending_that_differs():
        Token.objects.filter(pk=token_id).update(**{column: pair[0] for column, pair in differing.items()})
