"""Coupons: what they take off, when they apply, and that none is used more often than it may be."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from billing.proof import check_books
from orders.coupons import CouponRefused, release
from orders.discounts import amount_off, credit_of_refund, percentage_off
from orders.models import Coupon, Order, Package
from orders.ordering import OrderRefused
from tests.factories import make_user
from tests.orders.shop import make_coupon, make_package, order_purchase, order_top_up, pay, report

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _books_agree(shop):
    yield
    assert check_books() == []


def uses():
    return Coupon.objects.get().uses


def test_ten_percent_off():
    make_coupon("SPRING10")
    order = order_top_up(coupon=" spring10 ")
    assert (order.price_minor, order.discount_minor, order.amount_minor) == (10_000, 1_000, 9_000)


def test_an_amount_off_never_makes_a_price_negative():
    make_coupon("FIVE", kind="fixed", off_bps=0, off_minor=50_000)
    assert order_top_up(coupon="FIVE").amount_minor == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"is_active": False},
        {"starts_at": timezone.now() + timedelta(hours=1)},
        {"starts_at": timezone.now() - timedelta(hours=2), "ends_at": timezone.now() - timedelta(hours=1)},
        {"currency": "USD"},
        {"max_uses": 1, "uses": 1},
    ],
)
def test_a_coupon_that_does_not_apply_makes_no_order(fields):
    coupon = make_coupon("SPRING10", **fields)
    with pytest.raises(CouponRefused):
        order_top_up(coupon="SPRING10")
    assert not Order.objects.exists()
    coupon.delete()


def test_of_other_packages():
    coupon = make_coupon()
    coupon.packages.add(make_package("topup_20"))
    with pytest.raises(CouponRefused):
        order_top_up(coupon="SPRING10")
    assert order_top_up(package="topup_20", coupon="SPRING10").discount_minor == 1_000


def test_the_last_use_is_had_once():
    make_coupon(max_uses=1)
    order_top_up(coupon="SPRING10")
    with pytest.raises(CouponRefused):
        order_top_up(coupon="SPRING10")
    assert uses() == 1


def test_once_a_customer_and_again_after_the_first_order_ended():
    make_coupon(per_customer=1)
    alice = make_user("alice@example.com")
    order = order_top_up(alice, coupon="SPRING10")
    with pytest.raises(CouponRefused):
        order_top_up(alice, coupon="SPRING10")
    release(order)
    release(order)
    assert uses() == 0
    order_top_up(alice, coupon="SPRING10")


def test_what_was_promised_stands_whatever_becomes_of_coupon_and_package(shop, gateway):
    gateway.confirms = True
    coupon = make_coupon()
    order = order_top_up(coupon="SPRING10")
    Coupon.objects.update(is_active=False, ends_at=timezone.now(), off_bps=1)
    Package.objects.update(price_minor=1, base_quota=1, bonus_quota=0)
    attempt = pay(order)
    assert attempt.amount_minor == 9_000
    report(shop, attempt)
    order.refresh_from_db()
    assert order.status == Order.Status.CREDITED
    coupon.refresh_from_db()
    assert coupon.uses == 1


def test_a_package_is_sold_to_one_customer_so_often():
    Package.objects.update(per_customer=1)
    order_purchase("bob@example.com")
    with pytest.raises(OrderRefused):
        order_purchase("BOB@example.com ")
    order_purchase("alice@example.com")


@given(price=st.integers(0, 10**11), bps=st.integers(1, 10_000), off=st.integers(1, 10**12))
def test_a_discount_is_never_more_than_the_price(price, bps, off):
    assert 0 <= percentage_off(price, bps) <= price
    assert 0 <= amount_off(price, off) <= price


@given(granted=st.integers(1, 10**17), parts=st.lists(st.integers(1, 10**6), min_size=1, max_size=20))
def test_the_credit_of_partial_refunds_adds_up_to_what_was_granted(granted, parts):
    paid, refunded, taken = sum(parts), 0, 0
    for part in parts:
        credit = credit_of_refund(granted=granted, paid_minor=paid, refunded_minor=refunded, amount_minor=part)
        assert credit >= 0
        refunded, taken = refunded + part, taken + credit
    assert taken == granted
