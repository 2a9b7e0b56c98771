"""The Dashboard as it is served: what it says to whom, and how many statements it takes."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape

from billing.pricing import Usage
from billing.rollups import roll_up_usage
from billing.selectors import Period
from config.templatetags.display import growth, percent
from tests.billing.usage_rows import make_record, make_records, minutes_before
from tests.factories import give, make_price, make_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(alice):
    return make_token(alice, name="alice-prod")


@pytest.fixture
def now():
    return timezone.now()


def text_of(client, address="/dashboard"):
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def statements(client, address):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_strangers_are_asked_to_sign_in(client):
    assert client.get("/dashboard").headers["Location"] == "/accounts/login/?next=/dashboard"


def test_the_figures_of_the_calls_are_there(token, client_of, now):
    give(token.user, "5")
    make_records(token, minutes_before(now, 3), model="deep-model", usage=Usage(input=500_000, output=200_000))
    page = text_of(client_of(token.user), "/dashboard?range=24h")
    for shown in ("$5.00", "$2.70", "2.1M", "deep-model", "alice-prod", "100%", "300 ms"):
        assert shown in page
    assert "Getting started" not in page


@pytest.mark.parametrize("period", [*Period, "nonsense", ""])
def test_every_range_is_drawn_with_its_table(token, client_of, now, period):
    make_records(token, minutes_before(now, 3))
    page = text_of(client_of(token.user), f"/dashboard?range={period}")
    columns = {"24h": 24, "7d": 7, "90d": 90}.get(period, 30)
    assert page.count('class="chart-column"') == columns
    assert page.count('scope="row" class="nowrap"') == columns
    assert 'role="img" aria-labelledby="spend-chart-title' in page


def test_before_the_first_call_the_page_says_what_to_do(alice, client_of):
    page = text_of(client_of(alice))
    assert "Getting started" in page
    assert "No requests in this range" in page
    assert "Choose an amount" in page
    assert "Your balance is used up." not in page
    give(alice, "1")
    assert "Choose an amount" not in text_of(client_of(alice))


def test_after_it_what_was_there_is_used_up(token, client_of, now):
    make_records(token, minutes_before(now, 1))
    assert "Your balance is used up." in text_of(client_of(token.user))


def test_a_low_balance_is_announced(token, client_of, now):
    give(token.user, "0.01")
    make_records(token, minutes_before(now, 5), charge=10**8)
    assert "Low balance." in text_of(client_of(token.user))


def test_bob_sees_nothing_of_alices(token, bob, client_of, now):
    make_price("a model on the price list")  # what bob's quick start calls
    make_records(token, minutes_before(now, 5, step=40), model="alices-model")
    roll_up_usage(now=now)
    page = text_of(client_of(bob))
    for hidden in ("alices-model", "alice-prod", token.public_id):
        assert hidden in text_of(client_of(token.user))
        assert hidden not in page


@pytest.mark.parametrize(
    ("ppm", "shown"), [(124_000, "+12.4%"), (-23_000, "−2.3%"), (9_999_999, "+1,000.0%"), (23_000_000, "×24")]
)
def test_growth_is_readable_however_large(ppm, shown):
    assert growth(ppm) == shown


@pytest.mark.parametrize(
    ("ppm", "shown"),
    [(None, "–"), (0, "0%"), (37_900, "3.7%"), (356_000, "35%"), (999_999, "99.9%"), (1_000_000, "100%")],
)
def test_a_share_is_never_rounded_up_to_the_whole(ppm, shown):
    assert percent(ppm) == shown


def test_names_are_text_and_never_markup(alice, client_of, now):
    name = '<img src=x onerror="alert(1)">'
    make_record(make_token(alice, name=name), at=now - timedelta(minutes=1), model=name)
    page = text_of(client_of(alice))
    assert name not in page
    assert escape(name) in page


def test_nothing_on_the_page_needs_inline_style_or_script(token, client_of, now):
    make_records(token, minutes_before(now, 5))
    page = text_of(client_of(token.user))
    assert "style=" not in page
    assert "<style" not in page
    assert page.count("<script") == page.count("<script src=")


@pytest.mark.parametrize("period", list(Period))
def test_the_number_of_statements_does_not_grow(token, client_of, now, period):
    client, address = client_of(token.user), f"/dashboard?range={period}"
    make_records(token, minutes_before(now, 5, step=70))
    roll_up_usage(now=now)
    few = statements(client, address)
    for number in range(6):
        other = make_token(token.user, name=f"key {number}")
        make_records(other, minutes_before(now, 10, step=60 + number), model=f"model-{number}")
    roll_up_usage(now=now)
    assert statements(client, address) == few
    assert few <= 16
