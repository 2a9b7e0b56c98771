"""Making orders: numbers, terms and addresses."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from config.kernel.errors import Conflict, InvalidInput
from orders import ordering
from orders.models import Order, Package
from orders.numbers import attempt_number, order_number
from orders.ordering import Buyer, OrderRefused, place_order
from orders.payments import polling
from tests.orders.shop import balance_of, order_purchase, order_top_up, pay, report

pytestmark = pytest.mark.django_db


def test_numbers_look_as_promised():
    now = datetime(2026, 4, 6, 9, 30, tzinfo=UTC)
    number = order_number("BUY", now)
    assert number.startswith("BUY202604060930")
    assert len(number) == 19
    assert attempt_number(number, 1) == number
    assert attempt_number(number, 12) == f"{number}X12"
    assert len(attempt_number(number, 9_999)) <= 32


def test_a_number_that_is_taken_is_drawn_again(shop, monkeypatch):
    drawn = iter(["TOPtaken", "TOPtaken", "TOPtaken", "TOPfree"])
    monkeypatch.setattr(ordering, "order_number", lambda _kind, _now: next(drawn))
    assert order_top_up().number == "TOPtaken"
    assert order_top_up().number == "TOPfree"


def test_numbers_that_are_all_taken_end_in_an_error(shop, monkeypatch):
    monkeypatch.setattr(ordering, "order_number", lambda _kind, _now: "TOPtaken")
    order_top_up()
    with pytest.raises(Conflict):
        order_top_up()


@pytest.mark.parametrize("code", ["nothing", "starter", ""])
def test_only_packages_of_the_kind_and_on_sale(shop, code):
    with pytest.raises(OrderRefused):
        order_top_up(package=code)


def test_not_what_is_off_sale(shop):
    Package.objects.update(is_active=False)
    with pytest.raises(OrderRefused):
        order_top_up()


def test_the_terms_are_copied(shop):
    order = order_purchase()
    Package.objects.update(price_minor=1, base_quota=1, bonus_quota=1, currency="USD", valid_days=1, name="other")
    order.refresh_from_db()
    assert (order.amount_minor, order.currency, order.package_name, order.valid_days) == (2_000, "CNY", "starter", None)
    assert order.credit == 12_000 * 10**9


@pytest.mark.parametrize(
    "email", ["", "x", "a@b", "a@b.c\n", "a b@example.com", "a@example.com,b@example.com", "x" * 300]
)
def test_an_address_that_is_none_makes_no_order(shop, email):
    with pytest.raises(InvalidInput) as refused:
        place_order(kind=Order.Kind.PURCHASE, buyer=Buyer(email), package_code="starter")
    assert refused.value.code == "invalid_payload"
    assert not Order.objects.exists()


@given(text=st.text(max_size=40))
def test_no_address_breaks_anything(text):
    try:
        ordering.clean_email(text)
    except InvalidInput:
        return
    assert "@" in text


@pytest.mark.parametrize("skew", [timedelta(minutes=-10), timedelta(minutes=10), timedelta(days=400)])
def test_one_clock_decides_what_is_due(shop, gateway, monkeypatch, skew):
    """The servers' clocks may differ: an order made by a wrong one lives as long as any, and is not ended early."""
    real = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: real() + skew)
    order = order_top_up()
    attempt = pay(order)
    polling.expire_due()
    order.refresh_from_db()
    assert order.status == Order.Status.PENDING
    assert timedelta(minutes=29) < order.expires_at - real() <= timedelta(minutes=30)
    gateway.confirms = True
    report(shop, attempt)
    assert balance_of(order) == order.credit
