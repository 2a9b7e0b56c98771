"""A first purchase is ordered without an account."""

import re

import pytest

from orders.models import Order
from tests.orders.api.refusals import refused
from tests.orders.shop import make_coupon, make_package

pytestmark = pytest.mark.django_db
PATH = "/api/purchase/orders"


def test_an_order(shop, data):
    told = data(PATH, {"email": "Buyer@Example.com", "planCode": "starter", "sourcePage": "pricing"})
    number = told["orderNo"]
    assert re.fullmatch(r"BUY\d{12}[A-Z0-9]{4}", number)
    assert told == {
        "orderNo": number,
        "amountCents": 2000,
        "contactEmail": "buyer@example.com",
        "payUrl": f"/pricing/pay?orderNo={number}&contactEmail=buyer%40example.com",
    }
    order = Order.objects.get()
    assert (order.kind, order.status, order.user, order.source_page) == ("BUY", "pending", None, "pricing")


def test_a_coupon(shop, data):
    make_coupon()
    told = data(PATH, {"email": "buyer@example.com", "planCode": "starter", "couponCode": "spring10"})
    assert told["amountCents"] == 1800


@pytest.mark.parametrize("plan", ["nothing", "", "topup_100", "retired"])
def test_a_plan_that_is_not_on_sale(shop, call, plan):
    make_package("retired", kind="first_purchase", is_active=False)
    answer = call(PATH, {"email": "buyer@example.com", "planCode": plan})
    assert "not on sale" in refused(answer, 400, "purchase_order_create_failed")


def test_a_coupon_is_refused_by_name(shop, call):
    make_coupon("USEDUP", max_uses=1, uses=1)
    body = {"email": "buyer@example.com", "planCode": "starter"}
    for code in ("NOSUCH", "USEDUP"):
        answer = call(PATH, body | {"couponCode": code})
        assert "coupon" in refused(answer, 400, "purchase_order_create_failed", "couponCode")
    assert not Order.objects.exists()


def test_a_price_that_no_gateway_takes(shop, gateway, call):
    gateway.least_minor = 5000
    answer = call(PATH, {"email": "buyer@example.com", "planCode": "starter"})
    assert "no way to pay" in refused(answer, 400, "purchase_order_create_failed")


def test_a_stranger_gets_nothing_for_nothing(shop, call):
    make_coupon("FREE", off_bps=10_000)
    answer = call(PATH, {"email": "buyer@example.com", "planCode": "starter", "couponCode": "FREE"})
    assert "Sign in" in refused(answer, 400, "purchase_order_create_failed")


@pytest.mark.parametrize("email", ["", "buyer", "a@b", "a b@example.com", "x" * 250 + "@example.com", "a@b\x00.com"])
def test_an_address_that_is_none(shop, call, email):
    refused(call(PATH, {"email": email, "planCode": "starter"}), 400, "invalid_payload", "email")


def test_in_the_buyers_language(shop, call):
    body = {"orderNo": "BUY2026010100002222", "contactEmail": "buyer@example.com"}
    answer = call("/api/purchase/query", body, **{"accept-language": "zh-hans"})
    message = refused(answer, 404, "purchase_order_not_found")
    assert any("\u4e00" <= letter <= "\u9fff" for letter in message)
