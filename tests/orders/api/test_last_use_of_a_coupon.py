"""Of two orders at once one gets the last use."""

import pytest
from django.test import Client

from orders.models import Coupon, CouponUse, Order
from tests.orders.shop import make_coupon
from tests.tokens.races import at_once

pytestmark = [pytest.mark.money, pytest.mark.django_db(transaction=True)]


def test_one_order_and_one_refusal(shop):
    make_coupon("LAST", max_uses=1)
    answers = []

    def order(email):
        body = {"email": email, "planCode": "starter", "couponCode": "LAST"}
        answers.append(Client().post("/api/purchase/orders", body, content_type="application/json"))

    at_once(*(lambda n=n: order(f"buyer{n}@example.com") for n in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
    refusals = [answer.json()["error"] for answer in answers if answer.status_code == 400]
    assert {error["code"] for error in refusals} == {"purchase_order_create_failed"}
    assert all("coupon" in error["message"] for error in refusals)
    assert (Order.objects.count(), CouponUse.objects.count(), Coupon.objects.get().uses) == (1, 1, 1)
