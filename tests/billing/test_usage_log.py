"""The Usage log: exact sums for every filter, pages that meet each row once, charges that anybody can work out."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from billing.models import DRAWINGS, TASKS, UsageRecord
from billing.pricing import Usage
from billing.receipt import Verdict, receipt_of
from billing.rollups import roll_up_usage
from billing.spans import Span
from billing.usage_log import LogFilter, log_chunks, log_header, log_page
from config.kernel.ids import first_uuid7_of, uuid7_time
from config.kernel.money import usd
from tests.billing.usage_rows import NOW, make_record, make_records, minutes_before, totals_of
from tests.factories import make_price, make_token

pytestmark = [pytest.mark.money, pytest.mark.django_db]
HOUR = timedelta(hours=1)
WEEK = LogFilter(span=Span(NOW - timedelta(days=7), NOW))


@pytest.fixture
def token(alice):
    return make_token(alice)


# ── Sums ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("is_rolled", [False, True], ids=["rows", "rolled up"])
def test_the_header_is_exact_for_every_filter(token, bob, is_rolled):
    other = make_token(token.user, name="other")
    rows = make_records(token, minutes_before(NOW, 9, step=37), model="m0")
    rows += make_records(other, minutes_before(NOW, 8, step=53), model="m1", is_stream=True, group="vip")
    rows += make_records(token, minutes_before(NOW, 3, step=90), model="m1", status="failed")
    rows += make_records(token, minutes_before(NOW, 7, step=31), model="p0", endpoint="images")
    rows += make_records(token, minutes_before(NOW, 2, step=70), model="p0", endpoint="images", status="failed")
    rows += make_records(other, minutes_before(NOW, 4, step=43), model="e0", endpoint="embeddings")
    rows += make_records(token, minutes_before(NOW, 1, step=95), model="e0", endpoint="rerank")
    make_records(make_token(bob), minutes_before(NOW, 5, step=30), model="m0")
    make_records(make_token(bob), minutes_before(NOW, 5, step=30), model="p0", endpoint="images")
    if is_rolled:
        roll_up_usage(now=NOW)
    drawings = replace(WEEK, endpoints=DRAWINGS)
    filters = {
        "everything": (WEEK, lambda row: True),
        "token": (replace(WEEK, token_id=other.pk), lambda row: row.token_id == other.pk),
        "model": (replace(WEEK, model="m1"), lambda row: row.model == "m1"),
        "group": (replace(WEEK, group="vip"), lambda row: row.group == "vip"),
        "status": (replace(WEEK, status="failed"), lambda row: row.status == "failed"),
        "stream": (replace(WEEK, is_stream=False, model="m1"), lambda row: not row.is_stream and row.model == "m1"),
        "drawings": (drawings, lambda row: row.endpoint == "images"),
        "drawings of a key": (replace(drawings, token_id=other.pk), lambda row: False),
        "drawings that went well": (
            replace(drawings, status="settled"),
            lambda row: row.endpoint == "images" and row.status == "settled",
        ),
        "drawings that failed": (
            replace(drawings, status="failed"),
            lambda row: row.endpoint == "images" and row.status == "failed",
        ),
        "tasks": (replace(WEEK, endpoints=TASKS), lambda row: row.endpoint in TASKS),
        "kind": (replace(WEEK, endpoints=("rerank",)), lambda row: row.endpoint == "rerank"),
        "id": (replace(WEEK, record_id=rows[4].pk), lambda row: row.pk == rows[4].pk),
        "range": (
            LogFilter(span=Span(NOW - timedelta(minutes=200), NOW - timedelta(minutes=80))),
            lambda row: NOW - timedelta(minutes=200) <= row.created_at < NOW - timedelta(minutes=80),
        ),
    }
    for name, (where, matches) in filters.items():
        wanted = [row for row in rows if matches(row)]
        assert log_header(token.user, where).totals == totals_of(wanted), name
        assert {row.pk for row in log_page(token.user, where).records} == {row.pk for row in wanted}, name


def test_averages_are_over_the_minutes_of_the_range(token):
    make_records(token, minutes_before(NOW, 5), usage=Usage(input=60, output=60))
    header = log_header(token.user, LogFilter(span=Span(NOW - timedelta(minutes=10), NOW)))
    assert (header.requests_per_minute, header.tokens_per_minute) == (0.5, 60.0)


def test_a_request_id_is_found_whatever_the_range(token, bob):
    old = make_record(token, at=NOW - timedelta(days=200))
    where = replace(WEEK, record_id=old.pk)
    assert [row.pk for row in log_page(token.user, where).records] == [old.pk]
    assert log_header(token.user, where).requests_per_minute is None
    assert log_page(bob, where).records == ()
    assert log_header(bob, where).totals.requests == 0


# ── Pages ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 100, 137])
def test_paging_meets_every_row_once_in_both_directions(token, bob, count):
    rows = make_records(token, minutes_before(NOW, count))
    make_records(make_token(bob), minutes_before(NOW, 60))
    page = log_page(token.user, WEEK)
    assert page.newer_than is None
    pages = [page]
    while page.older_than:
        page = log_page(token.user, WEEK, older_than=page.older_than)
        pages.append(page)
    assert [row.pk for page in pages for row in page.records] == sorted((row.pk for row in rows), reverse=True)
    back = [page]
    while page.newer_than:
        page = log_page(token.user, WEEK, newer_than=page.newer_than)
        back.append(page)
    assert [page.records for page in reversed(back)] == [page.records for page in pages]
    assert page.newer_than is None


@pytest.mark.parametrize(
    "narrowed",
    [{"model": "rare"}, {"endpoints": DRAWINGS}, {"is_stream": True}, {"model": "rare", "status": "settled"}],
    ids=["model", "endpoint", "stream", "status"],
)
@pytest.mark.parametrize("much", [0, 50_000], ids=["among many", "among few"])
def test_what_is_rare_is_found_page_by_page_in_both_directions(token, monkeypatch, narrowed, much):
    """Roll-ups say where it is: also in the hour of a cursor, at the ends of a range and after the last roll-up."""
    monkeypatch.setattr("billing.usage_log.PAGE_SIZE", 3)
    monkeypatch.setattr("billing.totals._MUCH", much)
    make_records(token, minutes_before(NOW, 60, step=20))
    rare = {"model": "rare", "endpoint": "images", "is_stream": True}
    rows = make_records(token, minutes_before(NOW, 8, step=11) + minutes_before(NOW - 9 * HOUR, 9, step=47), **rare)
    make_records(token, minutes_before(NOW, 9, step=13), **rare, status="failed")
    roll_up_usage(now=NOW)
    rows = sorted((row.pk for row in UsageRecord.objects.filter(**rare)), reverse=True)
    if "status" in narrowed:
        rows = sorted((row.pk for row in UsageRecord.objects.filter(**rare, status="settled")), reverse=True)
    where = replace(LogFilter(span=Span(NOW - 12 * HOUR, NOW)), **narrowed)
    rows = [row for row in rows if uuid7_time(row) >= where.span.start]
    page = log_page(token.user, where)
    pages = [page]
    while page.older_than:
        page = log_page(token.user, where, older_than=page.older_than)
        pages.append(page)
    assert [row.pk for page in pages for row in page.records] == rows
    while page.newer_than:
        page = log_page(token.user, where, newer_than=page.newer_than)
        pages.pop()
        assert page.records == pages[-1].records


def test_what_was_never_called_costs_no_look_at_what_was(token, django_assert_num_queries):
    make_records(token, minutes_before(NOW, 5, step=60))
    roll_up_usage(now=NOW)
    with django_assert_num_queries(4) as asked:
        assert log_page(token.user, replace(WEEK, model="never")).records == ()
    looked_from = asked.captured_queries[-1]["sql"]
    assert first_uuid7_of(NOW - timedelta(minutes=32)).hex in looked_from.replace("-", "")  # the running hour alone
    assert log_page(token.user, replace(WEEK, model="never"), older_than=UUID(int=2**128 - 1)).records == ()


def test_a_request_that_arrives_meanwhile_moves_no_page(token):
    make_records(token, minutes_before(NOW, 60))
    first = log_page(token.user, WEEK)
    second = log_page(token.user, WEEK, older_than=first.older_than)
    newest = make_record(token, at=NOW - timedelta(seconds=1))
    assert log_page(token.user, WEEK, older_than=first.older_than) == second
    assert [row.pk for row in log_page(token.user, WEEK, newer_than=first.records[0].pk).records] == [newest.pk]


def test_an_export_meets_every_row_once(token, monkeypatch):
    monkeypatch.setattr("billing.usage_log.EXPORT_CHUNK", 4)
    rows = make_records(token, minutes_before(NOW, 10))
    chunks = list(log_chunks(token.user, WEEK, ("model", "id")))
    assert [len(chunk) for chunk in chunks] == [4, 4, 2]
    assert [pk for chunk in chunks for _model, pk in chunk] == sorted((row.pk for row in rows), reverse=True)


# ── One request ──────────────────────────────────────────────────────────────


def test_a_charge_is_worked_out_again_line_by_line(token):
    make_price("priced", input="1.25", output="10", cache_read=usd("0.125"), per_call=usd("0.001"))
    row = make_record(token, model="priced", usage=Usage(input=1_001, cache_read=3, output=7), ratio_ppm=280_000)
    receipt = receipt_of(token.user, row.pk)
    assert [(line.name, line.count, line.amount) for line in receipt.lines] == [
        ("Input", 1_001, "$0.00125125"),
        ("Cached input", 3, "$0.000000375"),
        ("Output", 7, "$0.00007"),
        ("Call", 1, "$0.001"),
    ]
    assert (receipt.listed, receipt.exact) == ("$0.002321625", "$0.000650055")
    assert (receipt.total, receipt.verdict) == (row.charge, Verdict.EQUAL)


def test_the_one_rounding_is_shown(token):
    make_price("tiny", input="0.0001")
    row = make_record(token, model="tiny", usage=Usage(input=3), ratio_ppm=333_333)
    receipt = receipt_of(token.user, row.pk)
    assert (receipt.listed, receipt.exact, receipt.total) == ("$0.0000000003", "$0.0000000000999999", 1)
    assert receipt.verdict == Verdict.EQUAL


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ({"status": "open"}, Verdict.RUNNING),
        ({"status": "failed"}, Verdict.FREE),
        ({"charge": 500, "hold": 500}, Verdict.CAPPED),
        ({"charge": 500, "hold": 501}, Verdict.DIFFERENT),
        ({"charge": 1_200_001}, Verdict.DIFFERENT),
        ({"usage": Usage(), "charge": 0}, Verdict.EQUAL),
        ({"usage": Usage(), "charge": 0, "rule": "nothing"}, Verdict.FREE),
    ],
)
def test_the_verdict_says_how_both_charges_compare(token, values, verdict):
    assert receipt_of(token.user, make_record(token, **values).pk).verdict == verdict


def test_customers_see_attempts_and_staff_see_channels(token, carol):
    attempts = [
        {"channel": "secret-a", "status": 429, "error": "rate_limit_exceeded", "ms": 12},
        {"channel": "secret-b", "status": 200, "error": "", "ms": 34},
    ]
    mine = receipt_of(token.user, make_record(token, attempts=attempts).pk)
    assert [(a.number, a.status, a.milliseconds, a.channel, a.error) for a in mine.attempts] == [
        (1, 429, 12, "", ""),
        (2, 200, 34, "", ""),
    ]
    hers = receipt_of(carol, make_record(make_token(carol), attempts=attempts).pk)
    assert [(a.channel, a.error) for a in hers.attempts] == [("secret-a", "rate_limit_exceeded"), ("secret-b", "")]


def test_somebody_elses_request_does_not_exist(token, bob, carol):
    row = make_record(token)
    assert receipt_of(bob, row.pk) is None
    assert receipt_of(carol, row.pk) is None
    assert receipt_of(bob, uuid4()) is None
