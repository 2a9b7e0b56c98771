"""The Usage log as it is served: filters in the address, pages, details, the export; one's own requests alone."""

import csv
import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import AsyncClient
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.pricing import Usage
from billing.rollups import roll_up_usage
from tests.billing.usage_rows import make_record, make_records, minutes_before
from tests.factories import make_price, make_token

pytestmark = pytest.mark.django_db
ROW = re.compile(r'hx-get="/usage/([0-9a-f-]{36})"')
LINK = re.compile(r'href="(/usage\?[^"]*)"[^>]*rel="(next|prev)"')


@pytest.fixture
def token(alice):
    return make_token(alice, name="alice-prod")


@pytest.fixture
def now():
    return timezone.now()


def text_of(client, address="/usage"):
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def ids_of(page):
    return ROW.findall(page)


def links_of(page):
    return {rel: address.replace("&amp;", "&") for address, rel in LINK.findall(page)}


def export(user, address="/usage.csv"):
    """The export as a server sends it: piece by piece."""
    client = AsyncClient()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    async def read():
        response = await client.get(address)
        assert response.status_code == 200
        return response, [piece async for piece in response.streaming_content]

    response, pieces = async_to_sync(read)()
    return response, list(csv.DictReader(b"".join(pieces).decode("utf-8-sig").splitlines()))


# ── The list ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("address", ["/usage", "/usage.csv", "/usage/01980000-0000-7000-8000-000000000000"])
def test_strangers_are_asked_to_sign_in(client, address):
    assert client.get(address).headers["Location"].startswith("/accounts/login/")


def test_a_request_is_there_with_everything_that_matters(token, client_of, now):
    make_price("deep-model", cache_read=10**8)
    row = make_record(
        token,
        at=now - timedelta(minutes=1),
        model="deep-model",
        usage=Usage(input=12_000, cache_read=345, output=678, reasoning=2),
        is_stream=True,
        ratio_ppm=280_000,
    )
    page = text_of(client_of(token.user))
    assert ids_of(page) == [str(row.pk)]
    for shown in ("alice-prod", "deep-model", "0.28x", "300 ms", "1.20 s", "12,345", "(345)", "680", "Completed"):
        assert shown in page


def test_pages_lead_both_ways_and_keep_the_filter(token, client_of, now):
    rows = make_records(token, minutes_before(now, 120), model="m&m")
    make_records(token, minutes_before(now, 30))
    client = client_of(token.user)
    page = text_of(client, "/usage?range=24h&model=m%26m")
    walked, pages = ids_of(page), [page]
    while "next" in links_of(page):
        page = text_of(client, links_of(page)["next"])
        walked += ids_of(page)
        pages.append(page)
    assert walked == sorted((str(row.pk) for row in rows), reverse=True)
    while "prev" in links_of(page):
        page = text_of(client, links_of(page)["prev"])
    assert ids_of(page) == ids_of(pages[0])


def test_each_filter_is_a_word_in_the_address(token, client_of, now):
    make_records(token, minutes_before(now, 3), model="m0")
    other = make_token(token.user, name="other")
    wanted = make_record(other, at=now - timedelta(minutes=9), model="m1", group="vip", is_stream=True, status="failed")
    client = client_of(token.user)
    since = (now - timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M")
    until = (now - timedelta(minutes=7)).strftime("%Y-%m-%dT%H:%M")
    for query in (
        f"token={other.public_id}",
        "model=m1",
        "group=vip",
        "status=failed",
        "stream=yes",
        f"id={wanted.pk}",
        f"id={wanted.pk.hex.upper()}",
        f"range=custom&since={since}&until={until}",
    ):
        assert ids_of(text_of(client, f"/usage?{query}")) == [str(wanted.pk)], query
    assert len(ids_of(text_of(client, "/usage"))) == 4
    assert len(ids_of(text_of(client, "/usage?stream=no"))) == 3


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("id=nonsense", "This is not a request id."),
        ("id=%00", "This is not a request id."),
        ("older=1", "valid UUID"),
        ("range=1000y", "Select a valid choice"),
        ("status=great", "Select a valid choice"),
        ("token=key_nobody", "You have no such token."),
        ("model=%00", "Null characters"),
        ("range=custom&since=yesterday", "valid date/time"),
        ("range=custom&since=0001-01-01T00:00", "Please choose a date after 2000."),
        ("range=custom&since=9999-12-31T23:59", "Please choose a date after 2000."),
        ("range=custom&since=2026-02-02T00:00&until=2026-02-01T00:00", "The end must be after the beginning."),
    ],
)
def test_a_malformed_filter_gets_words_and_no_error_page(token, client_of, now, query, said):
    make_records(token, minutes_before(now, 3))
    page = text_of(client_of(token.user), f"/usage?{query}")
    assert said in page
    assert ids_of(page) == []
    assert client_of(token.user).get(f"/usage.csv?{query}").status_code == 400


def test_a_range_of_ones_own_begins_a_week_ago_until_its_beginning_is_chosen(token, client_of, now):
    (record,) = make_records(token, minutes_before(now, 1))
    page = text_of(client_of(token.user), "/usage?range=custom&since=&until=")
    assert ids_of(page) == [str(record.pk)]
    assert re.search(r'name="since" value="\d{4}-\d\d-\d\dT\d\d:\d\d"', page)


def test_an_empty_log_says_what_to_do(alice, client_of):
    assert "Quick start" in text_of(client_of(alice))
    assert "Clear filters" in text_of(client_of(alice), "/usage?status=failed")


@pytest.mark.parametrize(
    ("zone", "shown"),
    [("Asia/Kolkata", "03-18 16:00:00"), ("UTC", "03-18 10:30:00"), ("Mars/Olympus", "03-18 10:30:00")],
)
def test_times_are_in_the_users_zone(token, client_of, zone, shown):
    token.user.time_zone = zone
    token.user.save()
    row = make_record(token, at=datetime(2026, 3, 18, 10, 30, tzinfo=UTC))
    assert shown in text_of(client_of(token.user), f"/usage?id={row.pk}")


def test_a_range_is_read_in_the_users_zone(token, client_of):
    token.user.time_zone = "Asia/Shanghai"
    token.user.save()
    row = make_record(token, at=datetime(2026, 3, 17, 16, 30, tzinfo=UTC))
    day = "/usage?range=custom&since=2026-03-{}T00:00&until=2026-03-{}T00:00"
    assert ids_of(text_of(client_of(token.user), day.format(18, 19))) == [str(row.pk)]
    assert ids_of(text_of(client_of(token.user), day.format(17, 18))) == []


def test_the_number_of_statements_does_not_grow(token, client_of, now):
    client = client_of(token.user)

    def statements(address):
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        return len(captured)

    make_records(token, minutes_before(now, 5, step=70))
    roll_up_usage(now=now)
    addresses = ["/usage", "/usage?range=90d&status=settled", "/usage?model=test-model&range=24h"]
    few = [statements(address) for address in addresses]
    make_records(token, minutes_before(now, 60, step=23))
    roll_up_usage(now=now)
    assert [statements(address) for address in addresses] == few
    assert max(few) <= 13


# ── One request ──────────────────────────────────────────────────────────────


def test_details_are_a_page_and_for_htmx_a_part(token, client_of, now):
    row = make_record(token, at=now)
    client = client_of(token.user)
    page = text_of(client, f"/usage/{row.pk}")
    assert "<html" in page
    assert "Both are the same." in page
    assert "Charged by the upstream&#x27;s token counts" in page
    part = client.get(f"/usage/{row.pk}", headers={"HX-Request": "true"})
    assert "<html" not in part.content.decode()
    assert "Both are the same." in part.content.decode()
    assert "HX-Request" in part.headers["Vary"]


def test_channels_are_for_staff(token, carol, client_of, now):
    attempts = [{"channel": "hidden-channel", "status": 200, "error": "", "ms": 12}]
    row = make_record(token, at=now, channel_name="hidden-channel", attempts=attempts)
    hers = make_record(make_token(carol), at=now, channel_name="hidden-channel", attempts=attempts)
    page = text_of(client_of(token.user), f"/usage/{row.pk}")
    assert "1 attempt" in page
    assert "hidden-channel" not in page
    assert "hidden-channel" in text_of(client_of(carol), f"/usage/{hers.pk}")
    _response, exported = export(token.user)
    assert "hidden-channel" not in str(exported)


def test_bob_finds_nothing_of_alices(token, bob, client_of, now):
    row = make_record(token, at=now - timedelta(minutes=1), model="alices-model")
    make_record(token, at=now - timedelta(hours=3), model="alices-model")
    roll_up_usage(now=now)
    client = client_of(bob)
    assert client.get(f"/usage/{row.pk}").status_code == 404
    assert client.get(f"/usage/{row.pk}", headers={"HX-Request": "true"}).status_code == 404
    queries = ["", f"id={row.pk}", "status=settled", f"newer={row.pk}", f"older={uuid4()}", f"token={token.public_id}"]
    for query in queries:
        page = text_of(client, f"/usage?{query}")
        assert ids_of(page) == []
        assert "alice-prod" not in page
        assert "$0.0012" not in page
    assert "You have no such token." in page
    assert export(bob)[1] == []


# ── The export ───────────────────────────────────────────────────────────────


def test_the_export_is_the_filtered_log(token, client_of, now, monkeypatch):
    monkeypatch.setattr("billing.usage_log.EXPORT_CHUNK", 20)
    make_records(token, minutes_before(now, 5), model="other")
    make_records(token, minutes_before(now, 45, step=13), model="m1", usage=Usage(input=5, output=1))
    page = text_of(client_of(token.user), "/usage?range=24h&model=m1")
    response, rows = export(token.user, "/usage.csv?range=24h&model=m1")
    assert [row["request_id"] for row in rows] == ids_of(page)
    assert {row["charge_usd"] for row in rows} == {"0.000007"}
    assert response.headers["Content-Disposition"].startswith('attachment; filename="usage-')
    assert "/usage.csv?range=24h&amp;model=m1" in page


def test_the_export_comes_in_pieces(token, now, monkeypatch):
    monkeypatch.setattr("billing.usage_log.EXPORT_CHUNK", 2)
    make_records(token, minutes_before(now, 6))
    client = AsyncClient()
    client.force_login(token.user, backend="django.contrib.auth.backends.ModelBackend")

    async def count():
        response = await client.get("/usage.csv")
        return sum([1 async for _piece in response.streaming_content])

    assert async_to_sync(count)() == 4  # the head, and three chunks


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_is_a_formula(alice, now, name):
    make_record(make_token(alice, name=name), at=now - timedelta(minutes=1), model=f"{name} model")
    _response, (row,) = export(alice)
    assert row["token"].startswith("'")
    assert row["model"].startswith("'")


def test_missing_counts_are_empty_and_not_nought(token, now):
    make_record(token, at=now - timedelta(minutes=1), status="failed")
    make_record(token, at=now - timedelta(minutes=2), usage=Usage(input=0, output=3))
    _response, rows = export(token.user)
    assert [(row["input_tokens"], row["output_tokens"], row["charge_usd"]) for row in rows] == [
        ("", "", "0"),
        ("0", "3", "0.000006"),
    ]
