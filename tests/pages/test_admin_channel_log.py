"""What the channel's page says of its latest calls: read from the attempts on their records."""

from datetime import timedelta

import pytest
from django.utils import timezone

from relay.channel_log import LOOK_BACK, channel_log
from tests.billing.usage_rows import make_record
from tests.factories import make_channel, make_token, make_user
from tests.pages.admin_rows import page_url

ANSWERED = {"channel": "main", "status": 200, "error": "", "ms": 9}
DOWN = {"channel": "main", "status": 503, "error": "upstream_error", "ms": 9, "reason": "overloaded"}
SILENT = {"channel": "main", "status": None, "error": "upstream_timeout", "ms": 9}
LIMITED = {"channel": "main", "status": 429, "error": "rate_limit_exceeded", "ms": 9}
REFUSED = {"channel": "main", "status": 400, "error": "invalid_request", "ms": 9}
OTHER = {"channel": "other", "status": 200, "error": "", "ms": 9}


@pytest.fixture
def token(db):
    return make_token(make_user())


@pytest.fixture
def staff(carol, client_of):
    return client_of(carol)


def calls(token, *histories, **values):
    """One call for each list of attempts, a second apart, the last one just now."""
    for age, attempts in zip(range(len(histories), 0, -1), histories, strict=True):
        make_record(token, at=timezone.now() - timedelta(seconds=age), attempts=attempts, **values)


def fared(name="main"):
    return [(row.answered, row.failed, row.limited, row.in_a_row) for row in channel_log(name).models]


def test_failures_count_until_an_answer(token):
    calls(token, [DOWN, OTHER], [SILENT, OTHER], [LIMITED, OTHER])
    assert fared() == [(0, 2, 1, 2)]
    calls(token, [ANSWERED])
    assert fared() == [(1, 2, 1, 0)]
    assert fared("other") == [(3, 0, 0, 0)]


def test_a_refusal_of_the_callers_request_is_no_failure(token):
    calls(token, [DOWN], [REFUSED])
    assert fared() == [(0, 1, 0, 0)]


def test_an_answer_that_broke_off_is_one(token):
    calls(token, [ANSWERED], end_reason="truncated", status="failed")
    assert fared() == [(0, 1, 0, 1)]


def test_the_latest_failures_are_told_newest_first(token):
    calls(token, *[[DOWN]] * 6, [REFUSED])
    failures = channel_log("main").failures
    assert [tried.status for tried in failures] == [400, 503, 503, 503, 503]
    assert failures[1].reason == "overloaded"


def test_five_in_a_row_are_left_alone(token):
    calls(token, *[[SILENT]] * 4)
    assert not channel_log("main").models[0].is_left_alone
    calls(token, [SILENT])
    assert channel_log("main").models[0].is_left_alone


def test_what_is_long_past_is_not_told(token):
    make_record(token, at=timezone.now() - LOOK_BACK - timedelta(seconds=1), attempts=[DOWN])
    assert fared() == []


def test_the_page_shows_it(staff, token):
    channel = make_channel("http://127.0.0.1:9/v1", name="main")
    assert "No call has tried this channel." in staff.get(page_url("relay_channel", channel)).content.decode()
    calls(token, *[[DOWN]] * 5)
    html = staff.get(page_url("relay_channel", channel)).content.decode()
    assert "5 failures in a row" in html
    assert html.count("503 upstream_error overloaded") == 5
