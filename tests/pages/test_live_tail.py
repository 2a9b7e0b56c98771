"""The live tail of the Usage log: what is new since the page was made, of one's own, within the filter."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from playwright.sync_api import expect

from billing.models import UsageRecord
from config.kernel.ids import uuid7
from tests.billing.usage_rows import make_record, make_records, minutes_before
from tests.factories import make_token

pytestmark = pytest.mark.django_db
ROW = re.compile(r'<tr data-id="([0-9a-f-]{36})"')


@pytest.fixture
def token(alice):
    return make_token(alice, name="alice-prod")


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def tail(client_of, token):
    """`tail("newer=…")`: the ids and the text of what is new to alice."""

    def tail(query="", *, user=token.user):
        response = client_of(user).get(f"/usage/live?{query}")
        assert response.status_code == 200
        assert "no-store" in response.headers["Cache-Control"]
        text = response.content.decode()
        return ROW.findall(text), text

    return tail


def test_strangers_are_asked_to_sign_in(client):
    assert client.get("/usage/live").headers["Location"].startswith("/accounts/login/")


def test_only_what_is_newer_comes_newest_first(token, tail, now):
    first, second, shown, old = make_records(token, [now - timedelta(minutes=n) for n in (1, 2, 3, 4)])
    ids, text = tail(f"newer={shown.pk}")
    assert ids == [str(first.pk), str(second.pk), str(shown.pk)]  # what the page shows tells it from what is new
    assert str(old.pk) not in text
    assert "log-header" in text


def test_a_request_committed_late_is_not_lost(token, tail, now):
    shown = make_record(token, at=now)
    late = make_record(token, at=now - timedelta(seconds=2))
    assert str(late.pk) in tail(f"newer={shown.pk}")[0]


def test_nothing_new_is_an_empty_answer(token, tail, now):
    make_record(token, at=now - timedelta(minutes=1))
    ids, text = tail(f"newer={uuid7()}")
    assert ids == []
    assert "log-header" not in text


def test_a_running_request_of_the_page_is_told_again(token, tail, now):
    running = make_record(token, at=now - timedelta(hours=1), status=UsageRecord.Status.OPEN)
    shown = make_record(token, at=now - timedelta(minutes=1))
    query = f"newer={shown.pk}&running={running.pk}&running=nonsense"
    ids, text = tail(query)
    assert ids == [str(shown.pk), str(running.pk)]
    assert "data-running" in text
    UsageRecord.objects.filter(pk=running.pk).update(status=UsageRecord.Status.SETTLED)
    assert "data-running" not in tail(query)[1]


def test_the_filter_holds(token, tail, now):
    wanted = make_record(token, at=now - timedelta(minutes=1), model="m1")
    make_record(token, at=now - timedelta(minutes=1), model="m2")
    assert tail("model=m1&range=24h")[0] == [str(wanted.pk)]
    assert tail("status=failed")[0] == []


def test_a_malformed_filter_is_refused(token, client_of):
    assert client_of(token.user).get("/usage/live?newer=1").status_code == 400


@pytest.mark.parametrize("newer", ["ffffffff-ffff-ffff-ffff-ffffffffffff", "00000000-0000-0000-0000-000000000000"])
def test_any_id_may_be_asked_about(tail, newer):
    tail(f"newer={newer}")


def test_bob_sees_nothing_of_alices(token, bob, tail, now):
    row = make_record(token, at=now, status=UsageRecord.Status.OPEN)
    assert tail(f"running={row.pk}&newer={row.pk}", user=bob)[0] == []


def test_the_number_of_statements_does_not_grow(token, client_of, now):
    client = client_of(token.user)
    shown = make_record(token, at=now - timedelta(hours=2))

    def statements():
        running = "".join(f"&running={row.pk}" for row in UsageRecord.objects.filter(status="open"))
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"/usage/live?newer={shown.pk}{running}").status_code == 200
        return len(captured)

    make_records(token, minutes_before(now, 2), status="open")
    few = statements()
    make_records(token, minutes_before(now, 60))
    make_records(token, minutes_before(now, 20), status="open")
    assert statements() == few <= 8


@pytest.mark.parametrize(
    ("query", "is_live"),
    [("", True), ("?range=24h&model=m", True), ("?older=01980000-0000-7000-8000-000000000000", False)],
)
def test_the_switch_is_on_the_newest_page_alone(token, client_of, query, is_live):
    assert ("data-live=" in client_of(token.user).get(f"/usage{query}").content.decode()) == is_live


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_rows_appear_and_are_brought_up_to_date(token, client_of, new_page, live_server, now):
    running = make_record(token, at=now - timedelta(minutes=1), status="open")
    page = new_page(base_url=live_server.url)
    session = client_of(token.user).cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page.goto("/usage")
    expect(page.locator(".records tbody")).to_contain_text("Running")
    page.get_by_role("switch", name="Live").check()
    new = make_record(token, at=timezone.now(), model="brand-new")
    UsageRecord.objects.filter(pk=running.pk).update(status="settled")
    expect(page.locator(f'.records tbody tr:first-child[data-id="{new.pk}"]')).to_contain_text("brand-new")
    expect(page.locator(".records tbody")).not_to_contain_text("Running")
    page.locator(f'[data-id="{new.pk}"] a').click()
    expect(page.get_by_role("dialog")).to_contain_text("brand-new")
    page.get_by_role("button", name="Close").click()
    page.get_by_label("Model").select_option("test-model")
    expect(page.locator(".records tbody tr")).to_have_count(1)
    expect(page.get_by_role("switch", name="Live")).to_be_checked()
    other = make_record(token, at=timezone.now(), model="test-model")
    expect(page.locator(f'[data-id="{other.pk}"]')).to_have_count(1)
