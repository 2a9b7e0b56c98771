"""Proves the books: what wallets and tokens say against what entries and usage records add up to.

Usage before the roll-up mark is taken from the roll-ups, so a proof takes seconds however long the history is. That the
roll-ups are the sums of their rows is proved as well: a slice of them each time, or all of them in a full proof.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Case, DateField, F, Q, QuerySet, Sum, When
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext_noop

from billing import rollup_proof
from billing.caps import first_of_month
from billing.holds import charge_within
from billing.lots import sweep_expired
from billing.models import LedgerEntry, UsageRecord, UsageRollup, Wallet
from billing.pricing import KINDS
from billing.rollup_proof import Difference
from billing.rollups import created_in, rolled_span, rolled_until
from billing.spans import Span
from billing.violations import Violation
from config.kernel.ids import uuid7
from config.kernel.money import NanoUSD
from tokens.models import Token

STALE_LEASES = 10  # an open record silent for so many leases should have been swept long ago
RECOMPUTED_ROWS = 10_000
RECOMPUTED_FROM = ("charge", "rule", "hold", "price_id", "prices", "ratio_ppm", *(f"{kind}_tokens" for kind in KINDS))
END_OF_TIME = datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Books:
    """What the rows of one moment add up to, in nano-dollars: entries by wallet, charges and open holds by user and by
    token, and what counts against a token's caps by token and day of this month."""

    entries: Counter[int]
    charged: Counter[int]
    used: Counter[int]
    held: Counter[int]
    token_held: Counter[int]
    spent: Counter[tuple[int, date]]


def check_books(*, full: bool = False) -> list[Violation]:
    """Every violation, the balances seen at one moment; none when the books agree.

    A full one compares every roll-up with its rows and recomputes every charge: minutes for ten million rows.
    """
    with _one_moment():
        books = read_books()
        found = [violation for check in CHECKS for violation in check(books)]
    # Finished hours do not change any more: they need not be of that moment.
    differing = rollup_proof.prove_all() if full else rollup_proof.prove_slice()
    found += map(_violation, differing)
    found += _charges_of(_finished_by_day()) if full else newest_charges()
    return found + [violation for path in settings.MORE_PROOFS for violation in import_string(path)()]


@contextmanager
def _one_moment() -> Iterator[None]:
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if connection.vendor == "postgresql" and is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def repair_books() -> None:
    """Settle stale records, roll up again what differs from its rows, explain differences of balances by adjustment
    entries, and count holds and use anew.

    A balance is never changed: the customer has seen it. The entry says what the books could not explain.
    """
    sweep_expired(limit=10_000)
    rollup_proof.repair()
    for wallet, expected in _wallets_that_differ(read_books()):
        LedgerEntry.objects.create(
            wallet=wallet,
            kind=LedgerEntry.Kind.ADJUSTMENT,
            amount=wallet.balance - expected,
            balance_after=wallet.balance,
            idempotency_key=f"repair:{uuid7()}",
            reason=gettext_noop("Explains a balance that the books did not"),
        )
    with transaction.atomic():
        _recount_counters()


# ── The invariants ───────────────────────────────────────────────────────────


def balances(books: Books) -> Iterator[Violation]:
    """A wallet's balance is the sum of its entries less the charges of its usage."""
    for wallet, expected in _wallets_that_differ(books):
        yield Violation("balance", f"wallet of user {wallet.user_id}", expected, wallet.balance)


def wallet_holds(books: Books) -> Iterator[Violation]:
    """What a wallet holds is the sum of its open records' holds."""
    for user_id, found in Wallet.objects.values_list("user_id", "held").iterator():
        if found != books.held[user_id]:
            yield Violation("held", f"wallet of user {user_id}", books.held[user_id], found)


def token_counters(books: Books) -> Iterator[Violation]:
    """What a token has used and holds is the sum of its records."""
    for token_id, found_used, found_held in Token.objects.values_list("id", "used", "held").iterator():
        if found_used != books.used[token_id]:
            yield Violation("used", f"token {token_id}", books.used[token_id], found_used)
        if found_held != books.token_held[token_id]:
            yield Violation("held", f"token {token_id}", books.token_held[token_id], found_held)


def token_spending(books: Books) -> Iterator[Violation]:
    """What a token's caps are held against is the sum of this month's records."""
    for token_id, differing in _spending_that_differs(books):
        for column, (expected, found) in differing.items():
            yield Violation(column, f"token {token_id}", expected, found)


def limits(books: Books) -> Iterator[Violation]:
    """No balance is below what is held, and nothing is below zero. CHECK constraints see to it; this sees to them."""
    for user_id, balance, held in Wallet.objects.filter(Q(balance__lt=F("held")) | Q(held__lt=0)).values_list(
        "user_id", "balance", "held"
    ):
        yield Violation("limit", f"wallet of user {user_id}", max(held, 0), balance)


def stale_holds(books: Books) -> Iterator[Violation]:
    """No open record is silent for long: the sweep runs."""
    too_old = timezone.now() - timedelta(seconds=STALE_LEASES * settings.USAGE_LEASE_SECONDS)
    for record_id, hold in _open().filter(lease_until__lt=too_old).values_list("id", "hold"):
        yield Violation("stale hold", f"usage record {record_id}", 0, hold)


CHECKS: tuple[Callable[[Books], Iterable[Violation]], ...] = (
    balances,
    wallet_holds,
    token_counters,
    token_spending,
    limits,
    stale_holds,
)


def newest_charges() -> Iterator[Violation]:
    """The newest charges are what their own rows say they should be."""
    return _charges_of([_finished().order_by("-id")[:RECOMPUTED_ROWS]])


def _charges_of(portions: Iterable["QuerySet[UsageRecord]"]) -> Iterator[Violation]:
    for rows in portions:
        for record in rows.only(*RECOMPUTED_FROM).iterator():
            expected = expected_charge(record)
            if record.charge != expected:
                yield Violation("charge", f"usage record {record.id}", expected, record.charge)


def expected_charge(record: UsageRecord) -> NanoUSD:
    """The charge of a finished record, recomputed from the row alone."""
    if record.rule == UsageRecord.Rule.NOTHING:
        return NanoUSD(0)
    return charge_within(record.usage, quote=record.quote, hold=record.hold)


def _violation(found: Difference) -> Violation:
    row = f"{found.column} of {found.hour:%Y-%m-%d %H:00} UTC, {found.about}"
    return Violation("roll-up", row, found.expected, found.found, is_money=found.column.endswith("charge"))


# ── Sums ─────────────────────────────────────────────────────────────────────


def read_books() -> Books:
    """Add up everything: usage before the mark from the roll-ups, later rows one by one, open ones by their index."""
    month = first_of_month(_today())
    books = Books(_sums(LedgerEntry.objects.order_by(), "wallet_id", "amount"), *(Counter() for _ in range(5)))
    for user_id, token_id, day, charge in _usage_by_day(month):
        books.charged[user_id] += charge
        books.used[token_id] += charge
        if day:
            books.spent[token_id, day] += charge
    for user_id, token_id, day, hold in _by_day(_open(), "hold", month):
        books.held[user_id] += hold
        books.token_held[token_id] += hold
        if day:
            books.spent[token_id, day] += hold
    return books


_DayRow = tuple[int, int, date | None, int]


def _usage_by_day(month: date) -> Iterator[_DayRow]:
    mark = rolled_until()
    later = UsageRecord.objects.all()
    if mark is not None:
        yield from _by_day(UsageRollup.objects.filter(hour__lt=mark), "charge", month)
        later = later.filter(created_in(Span(mark, END_OF_TIME)))
    yield from _by_day(later, "charge", month)


def _by_day(rows: "QuerySet[Any]", amount: str, month: date) -> Iterable[_DayRow]:
    """By user, token and, from the first of the month on, the day that the token counts it in."""
    day = Case(When(counted_on__gte=month, then=F("counted_on")), default=None, output_field=DateField())
    by_day = rows.order_by().annotate(day=day).values("user_id", "token_id", "day").annotate(total=Sum(amount))
    # All at once: PostgreSQL reads for a cursor with one process, and with a plan for the first rows.
    found = by_day.values_list("user_id", "token_id", "day", "total")
    return ((user_id, token_id, day, int(total)) for user_id, token_id, day, total in found)


def _sums(rows: "QuerySet[Any]", key: str, amount: str) -> Counter[int]:
    return Counter(dict(rows.values_list(key).annotate(Sum(amount))))


def _wallets_that_differ(books: Books) -> Iterator[tuple[Wallet, int]]:
    for wallet in Wallet.objects.iterator():
        expected = books.entries[wallet.pk] - books.charged[wallet.user_id]
        if wallet.balance != expected:
            yield wallet, expected


def _spending_that_differs(books: Books) -> Iterator[tuple[int, dict[str, tuple[int, int]]]]:
    """Tokens used this month, with (expected, found) by column. A day that a wrong clock put ahead is left out."""
    today = _today()
    by_month: Counter[int] = Counter()
    for (token_id, _day), amount in books.spent.items():
        by_month[token_id] += amount
    rows = Token.objects.filter(day__gte=first_of_month(today), day__lte=today)
    for token_id, day, day_spent, month_spent in rows.values_list("id", "day", "day_spent", "month_spent").iterator():
        assert day is not None
        pairs = {
            "day_spent": (books.spent[token_id, day], day_spent),
            "month_spent": (by_month[token_id], month_spent),
        }
        differing = {column: pair for column, pair in pairs.items() if pair[0] != pair[1]}
        if differing:
            yield token_id, differing


def _today() -> date:
    return timezone.now().astimezone(UTC).date()


def _open() -> "QuerySet[UsageRecord]":
    return UsageRecord.objects.filter(status=UsageRecord.Status.OPEN).order_by()


def _finished() -> "QuerySet[UsageRecord]":
    return UsageRecord.objects.exclude(status=UsageRecord.Status.OPEN)


def _finished_by_day() -> "Iterator[QuerySet[UsageRecord]]":
    whole = rolled_span()
    for span in (*rollup_proof.days_in(whole), Span(whole.end, END_OF_TIME)):
        yield _finished().filter(created_in(span)).order_by()


def _recount_counters() -> None:
    wallets = list(Wallet.objects.select_for_update().order_by("user_id"))
    tokens = list(Token.objects.select_for_update().order_by("id"))
    books = read_books()
    for wallet in wallets:
        if wallet.held != books.held[wallet.user_id]:
            Wallet.objects.filter(pk=wallet.pk).update(held=books.held[wallet.user_id])
    for token in tokens:
        counters = {"used": books.used[token.pk], "held": books.token_held[token.pk]}
        if counters != {"used": token.used, "held": token.held}:
            Token.objects.filter(pk=token.pk).update(**counters)
    for token_id, differing in _spending_that_differs(books):
        Token.objects.filter(pk=token_id).update(**{column: pair[0] for column, pair in differing.items()})
