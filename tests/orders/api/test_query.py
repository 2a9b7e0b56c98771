"""How an order stands, told to whoever has its number and e-mail."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.delivering import deliver, resend, reveal_on_page
from orders.models import Delivery, Order
from tests.orders.api.refusals import refused
from tests.orders.shop import pay, report

EMAIL = "buyer@example.com"
pytestmark = pytest.mark.django_db
WORDS = {
    "pending": "PENDING",
    "paid": "PAID",
    "delivered": "PAID",
    "credited": "PAID",
    "refund_pending": "PAID",
    "partially_refunded": "PAID",
    "expired": "EXPIRED",
    "cancelled": "CANCELLED",
    "refunded": "REFUNDED",
    "review": "REVIEW",
}


@pytest.fixture
def ask(data):
    """`ask(number)`: what is told of an order."""

    def ask(number):
        path = "/api/purchase/query" if number.startswith("BUY") else "/api/topup/query"
        return data(path, {"orderNo": number, "contactEmail": EMAIL})

    return ask


@pytest.fixture
def paid(shop, gateway):
    """`paid(number)`: the order, paid by now."""

    def paid(number):
        attempt = pay(Order.objects.get(number=number))
        gateway.pays(attempt)
        report(shop, attempt)
        return Order.objects.get(number=number)

    return paid


def test_a_new_purchase(purchase, ask):
    number = purchase()
    state = {"orderNo": number, "status": "PENDING", "deliveryState": "WAITING", "contactEmail": EMAIL}
    assert ask(number) == state


def test_a_purchase_on_its_way(purchase, paid, ask):
    number = purchase()
    order = paid(number)
    state = {"orderNo": number, "contactEmail": EMAIL, "status": "PAID"}
    assert ask(number) == state | {"deliveryState": "WAITING"}
    Delivery.objects.update(state="failed")
    assert ask(number) == state | {"deliveryState": "FAILED"}
    deliver(Delivery.objects.get())
    tail = Delivery.objects.get(order=order).token.key_tail
    assert ask(number) == state | {"deliveryState": "DELIVERED", "maskedKey": f"sk-****{tail}"}


def test_the_key_is_told_for_an_hour_only(purchase, paid, ask):
    number = purchase()
    order = paid(number)
    delivery = Delivery.objects.get()
    deliver(delivery)
    assert reveal_on_page(order)
    assert "maskedKey" in ask(number)
    Delivery.objects.update(sent_at=timezone.now() - timedelta(minutes=61))
    told = ask(number)
    assert told["deliveryState"] == "DELIVERED"
    assert "maskedKey" not in told
    resend(delivery)
    assert "maskedKey" in ask(number)


def test_the_key_of_a_disputed_order_is_not_told(purchase, paid, ask):
    number = purchase()
    paid(number)
    deliver(Delivery.objects.get())
    Order.objects.update(is_disputed=True)
    assert "maskedKey" not in ask(number)


def test_a_top_up(top_up, paid, ask):
    number = top_up()
    assert ask(number) == {"orderNo": number, "status": "PENDING", "credited": False}
    paid(number)
    assert ask(number) == {"orderNo": number, "status": "PAID", "credited": True}
    Order.objects.update(status="partially_refunded")
    assert ask(number) == {"orderNo": number, "status": "PAID", "credited": True}
    Order.objects.update(status="refunded")
    assert ask(number) == {"orderNo": number, "status": "REFUNDED", "credited": False}


@pytest.mark.parametrize("status", Order.Status.values)
def test_every_status_has_a_word(purchase, top_up, ask, status):
    for number in (purchase(), top_up()):
        Order.objects.update(status=status)
        assert ask(number)["status"] == WORDS[status]


def test_spaces_and_small_letters_do_not_matter(purchase, data):
    number = purchase()
    told = data("/api/purchase/query", {"orderNo": f" {number.lower()} ", "contactEmail": " Buyer@Example.COM "})
    assert told["orderNo"] == number


@pytest.mark.parametrize("verb", ["query", "pay"])
def test_a_wrong_pair_and_no_order_are_the_same(
    purchase, top_up, call, verb, django_assert_num_queries, django_assert_max_num_queries
):
    own = {"purchase": purchase(), "topup": top_up()}
    for kind, number in own.items():
        other = own["topup" if kind == "purchase" else "purchase"]
        wrong = [(number, "bob@example.com"), ("BUY2026010100002222", EMAIL), (other, EMAIL), ("", ""), ("x", "y")]
        answers = []
        for order_no, email in wrong:
            with django_assert_num_queries(1):
                answers.append(call(f"/api/{kind}/{verb}", {"orderNo": order_no, "contactEmail": email}))
        refused(answers[0], 404, f"{kind}_order_not_found")
        assert all(answer == answers[0] for answer in answers)
