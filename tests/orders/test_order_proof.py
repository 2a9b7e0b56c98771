"""ledger_check names what does not fit: each invariant of selling, broken by hand."""

import pytest

from billing.models import LedgerEntry, Wallet
from billing.proof import check_books
from orders.history import move
from orders.models import Coupon, CouponUse, Delivery, Order, OrderEvent, Payment, Refund, WebhookEvent
from orders.payments.refunding import request_refund, submit
from tests.factories import make_user
from tests.orders.shop import make_coupon, order_top_up, pay, report

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(shop, gateway):
    gateway.confirms = True
    make_coupon()
    order = order_top_up(coupon="SPRING10")
    report(shop, pay(order))
    order.refresh_from_db()
    assert check_books() == []
    return order


def found():
    return {violation.invariant for violation in check_books()}


def test_another_status_than_the_history_says(order):
    Order.objects.update(status="pending")
    assert "status pending" in found()
    assert "payments" in found()


def test_a_move_that_is_not_allowed(order):
    OrderEvent.objects.create(order=order, what="tampered", from_status="credited", to_status="pending")
    Order.objects.update(status="pending")
    assert "move from credited to pending" in found()


def test_credit_other_than_the_orders_terms(order):
    Order.objects.update(base_credit=1)
    assert found() == {"credit"}


def test_credit_without_a_payment(order):
    Payment.objects.all().delete()
    assert {"credit", "payments"} <= found()


def test_a_refund_that_its_payment_does_not_know(order):
    carol = make_user("carol@example.com", is_staff=True)
    submit(request_refund(payment=order.payments.get(), amount_minor=1, reason="", actor_id=carol.pk, key="k"))
    assert check_books() == []
    Payment.objects.update(refunded_minor=2)
    assert found() == {"refunded"}


def test_a_debt_that_no_refund_explains(order):
    Wallet.objects.filter(user=order.user).update(debt=5)
    assert found() == {"debt"}


def test_credit_taken_back_that_no_refund_explains(order):
    carol = make_user("carol@example.com", is_staff=True)
    refund = request_refund(payment=order.payments.get(), amount_minor=9_000, reason="", actor_id=carol.pk, key="k")
    submit(refund)
    Refund.objects.update(credit=1)
    assert found() == {"debt"}


def test_a_coupon_counted_wrong(order):
    Coupon.objects.update(uses=2)
    assert found() == {"uses"}


def test_a_use_that_an_ended_order_keeps(shop):
    make_coupon()
    order = order_top_up(coupon="SPRING10")
    move(order, start=["pending"], to=Order.Status.EXPIRED, what="expired")
    assert CouponUse.objects.get().state == "reserved"
    assert found() == {"reserved coupon"}


def test_a_paid_order_without_delivery(order):
    Delivery.objects.all().delete()
    assert found() == {"deliveries"}


def test_a_report_that_waits_for_ever(order):
    WebhookEvent.objects.update(state="new", received_at="2020-01-01T00:00:00Z")
    assert found() == {"unfinished"}


def test_a_bonus_entry_that_belongs_to_nobody(order):
    LedgerEntry.objects.create(
        wallet=order.user.wallet, kind="bonus", amount=5, balance_after=5, idempotency_key=f"order:{order.pk}:more"
    )
    assert {"credit", "balance"} <= found()
