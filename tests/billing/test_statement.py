"""The statement: every entry and every day's usage once, newest first, whatever page, zone or kind is asked for."""

import csv
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import statement
from billing.models import LedgerEntry
from billing.rollups import roll_up_usage
from billing.statement import KINDS, USAGE, Cut, statement_csv, statement_page
from tests.billing.usage_rows import NOW, build_record, make_record, make_records, minutes_before
from tests.factories import make_token

pytestmark = [pytest.mark.money, pytest.mark.django_db]
DAY = timedelta(days=1)


@pytest.fixture
def token(alice):
    return make_token(alice)


@pytest.fixture(params=["rows", "roll-ups"])
def rolled(request):
    """Sums from rows alone, or from roll-ups as far as they reach."""

    def roll():
        if request.param == "roll-ups":
            roll_up_usage(now=NOW)

    return roll


def enter(user, at, amount=10**9, kind="top_up", **fields):
    return LedgerEntry.objects.create(
        wallet=user.wallet,
        kind=kind,
        amount=amount,
        balance_after=amount,
        idempotency_key=f"test:{LedgerEntry.objects.count()}",
        created_at=at,
        **fields,
    )


def told(lines):
    return [(line.day.isoformat(), line.kind, line.amount) for line in lines]


def walk(user, **filters):
    """All pages downwards, then upwards again; both as lists of pages."""
    pages = [statement_page(user, zone=UTC, **filters)]
    while pages[-1].older:
        pages.append(statement_page(user, zone=UTC, older=pages[-1].older, **filters))
    back = [pages[-1]]
    while back[-1].newer:
        back.append(statement_page(user, zone=UTC, newer=back[-1].newer, **filters))
    return pages, back


def test_a_day_of_usage_stands_above_the_entries_of_its_day(token, alice, rolled):
    enter(alice, NOW - DAY - timedelta(hours=2))
    enter(alice, NOW - DAY)
    yesterday = make_records(token, minutes_before(NOW - DAY, 3, step=200))
    today = make_records(token, minutes_before(NOW, 2))
    rolled()
    page = statement_page(alice, zone=UTC)
    assert told(page.lines) == [
        ("2026-03-18", USAGE, -sum(row.charge for row in today)),
        ("2026-03-17", USAGE, -sum(row.charge for row in yesterday)),
        ("2026-03-17", "top_up", 10**9),
        ("2026-03-17", "top_up", 10**9),
    ]
    assert [line.requests for line in page.lines] == [2, 3, 0, 0]
    assert (page.newer, page.older) == (None, None)


def test_every_line_is_on_one_page_both_ways(token, alice, rolled):
    rows = [build_record(token, at=NOW - number * DAY) for number in range(0, 500, 3)]
    type(rows[0]).objects.bulk_create(reversed(rows))
    for number in reversed(range(0, 500, 2)):
        enter(alice, NOW - number * DAY - timedelta(hours=1))
    rolled()
    pages, back = walk(alice)
    lines = [line for page in pages for line in page.lines]
    assert len(lines) == 250 + 167
    assert [line.place for line in lines] == sorted((line.place for line in lines), reverse=True)
    assert len({(line.day, line.entry and line.entry.pk) for line in lines}) == len(lines)
    assert told(back[-1].lines) == told(pages[0].lines)
    assert back[-1].newer is None
    assert [told(page.lines) for page in back[:-1]] == [told(page.lines) for page in reversed(pages[1:])]


def test_a_short_way_up_ends_on_the_newest_page(alice):
    entries = [enter(alice, NOW - number * timedelta(minutes=1)) for number in reversed(range(60))]
    near_the_top = statement_page(alice, zone=UTC, newer=Cut(entries[-5].pk, NOW.date()))
    assert len(near_the_top.lines) == statement.PAGE_SIZE
    assert near_the_top.lines[0].entry == entries[-1]
    assert near_the_top.newer is None


def test_years_without_usage_are_skipped(token, alice, rolled, django_assert_max_num_queries):
    make_record(token, at=NOW)
    make_record(token, at=NOW - 3000 * DAY)
    rolled()
    with django_assert_max_num_queries(12):
        lines = statement_page(alice, zone=UTC).lines
    assert [line.day for line in lines] == [NOW.date(), (NOW - 3000 * DAY).date()]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "Asia/Kolkata", "America/New_York"])
def test_days_are_those_of_the_readers_clock(token, alice, zone):
    here = ZoneInfo(zone)
    moments = [datetime(2026, 3, 17, hour, 10, tzinfo=UTC) for hour in range(24)]
    rows = make_records(token, moments)
    by_day = {}
    for row in rows:
        day = row.created_at.astimezone(here).date()
        by_day[day] = by_day.get(day, 0) - row.charge
    lines = statement_page(alice, zone=here).lines
    assert {line.day: line.amount for line in lines} == by_day


def test_usage_that_cost_nothing_is_no_line(token, alice):
    make_record(token, at=NOW, status="failed")
    assert statement_page(alice, zone=UTC).lines == []


def test_what_an_operator_wrote_beside_a_refund_stays_with_them(alice):
    enter(alice, NOW, kind="refund", reference="TOP1", reason="looks like fraud")
    enter(alice, NOW, kind="refund", reason="Debt of an earlier refund")
    enter(alice, NOW, kind="adjustment", reason="for your patience")
    assert [line.note for line in statement_page(alice, zone=UTC).lines] == [
        "for your patience",
        "Debt of an earlier refund",
        "",
    ]
    assert "fraud" not in "".join(statement_csv(alice, zone=UTC))


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_shown_alone(token, alice, kind):
    for each in KINDS:
        if each != USAGE:
            enter(alice, NOW, kind=each)
    make_record(token, at=NOW)
    assert [line.kind for line in statement_page(alice, zone=UTC, kind=kind).lines] == [kind]


def test_nobody_sees_the_statement_of_another(token, alice, bob):
    enter(alice, NOW)
    make_record(token, at=NOW)
    assert statement_page(bob, zone=UTC).lines == []
    assert statement_page(bob, zone=UTC, newer=Cut(0, date(2000, 1, 1))).lines == []


@pytest.mark.parametrize(
    "text", ["", "x", "1", "1.", ".20260318", "1.2026031", "-1.20260318", "1.00010101", "1.99991231", "9" * 30, "1.2.3"]
)
def test_what_is_no_cut_is_none(text):
    assert Cut.parse(text) is None


def test_a_cut_survives_the_address():
    assert Cut.parse(str(Cut(12, date(2026, 3, 18)))) == Cut(12, date(2026, 3, 18))


def test_the_page_costs_the_same_however_long_the_statement_is(token, alice):
    def statements():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            statement_page(alice, zone=UTC)
        return len(captured)

    make_records(token, [NOW - number * DAY for number in range(100)])
    for number in range(60):
        enter(alice, NOW - number * DAY)
    few = statements()
    make_records(token, [NOW - number * DAY for number in range(100, 900)])
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            wallet=alice.wallet,
            kind="grant",
            amount=1,
            balance_after=1,
            idempotency_key=f"many:{number}",
            created_at=NOW,
        )
        for number in range(1_000)
    )
    assert statements() <= few


def test_the_export_has_every_line_and_runs_no_formula(token, alice, monkeypatch):
    monkeypatch.setattr(statement, "EXPORT_CHUNK", 40)
    enter(alice, NOW - DAY, amount=-4_200_000, kind="adjustment", reason="=1+1", reference="@order")
    for number in range(100):
        enter(alice, NOW - number * timedelta(seconds=1))
    row = make_record(token, at=NOW)
    pieces = list(statement_csv(alice, zone=ZoneInfo("Asia/Shanghai")))
    assert len(pieces) == 4
    rows = list(csv.DictReader("".join(pieces).lstrip("\ufeff").splitlines()))
    assert len(rows) == 102
    usage, latest = rows[:2]
    assert (usage["time"], usage["kind"], usage["requests"]) == ("2026-03-18", "usage", "1")
    assert usage["amount_usd"] == f"-0.{row.charge:09d}".rstrip("0")
    assert (latest["time"], latest["balance_after_usd"]) == ("2026-03-18T18:28:21+08:00", "1")
    (odd,) = [row for row in rows if row["kind"] == "adjustment"]
    assert (odd["amount_usd"], odd["note"], odd["reference"]) == ("-0.0042", "'=1+1", "'@order")
