"""Killed before every single statement, and done again: one credit, one key, one refund, books that agree."""

import os
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from billing.proof import check_books
from orders import delivering
from orders.models import Coupon, Delivery, Order, Payment, PaymentAttempt, Refund, WebhookEvent
from orders.payments import polling, processing, refunding
from orders.providers.base import PaymentState, PaymentStatus
from tests.factories import make_user
from tests.live import database_url
from tests.orders.shop import CREDIT, balance_of, make_coupon, notify, order_purchase, order_top_up, pay, report
from tests.orders.victim import victims_on
from tests.provision.plugin import SEED
from tokens.models import Token

pytestmark = [pytest.mark.money, pytest.mark.django_db(transaction=True)]
MOST_STATEMENTS = 150


@pytest.fixture(scope="module")
def victims(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), victims_on(database_url()) as victims:
        yield victims


@pytest.fixture(autouse=True)
def _strong_signature(shop, gateway):
    gateway.confirms = True


@pytest.fixture(params=[5, pytest.param(1, marks=pytest.mark.soak)], ids="every_{}".format)
def kill_everywhere(request, victims):
    """Do a deed on a new row, killed before one statement, and on the next row a few statements later, up to its end;
    says how many rows there were."""

    def kill(deed, make_row):
        for count, statement in enumerate(
            range(1 + int(os.environ[SEED]) % request.param, MOST_STATEMENTS, request.param), start=1
        ):
            if not victims.dies(deed, make_row(), statement):
                return count
        raise AssertionError("it never ends")

    return kill


def test_while_a_payment_is_started(shop, kill_everywhere):
    assert kill_everywhere("start", lambda: order_top_up().pk) > 1
    for order in Order.objects.all():
        assert (pay(order).number, order.attempts.count()) == (order.number, 1)
    assert set(PaymentAttempt.objects.values_list("state", flat=True)) == {"open"}


@pytest.mark.soak
def test_while_a_report_is_received(shop, kill_everywhere):
    """Killed before the gateway had its answer: it reports once more."""
    rows = kill_everywhere("hear", lambda: pay(order_top_up()).pk)
    assert rows > 5
    for attempt in PaymentAttempt.objects.select_related("order"):
        assert report(shop, attempt).body == "success"
    for event_id in processing.due_events(limit=1000):
        processing.process_event(event_id)
    assert (WebhookEvent.objects.count(), Payment.objects.count()) == (rows, rows)
    assert {balance_of(order) for order in Order.objects.all()} == {CREDIT}
    assert check_books() == []


def test_while_an_unpaid_order_ends(shop, kill_everywhere):
    make_coupon(per_customer=None)

    def order():
        order = order_top_up(coupon="SPRING10")
        pay(order)
        Order.objects.filter(pk=order.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
        return order.pk

    rows = kill_everywhere("expire", order)
    assert rows > 1
    assert check_books() == []
    polling.expire_due(limit=1000)
    assert list(Order.objects.values_list("status", flat=True)) == [Order.Status.EXPIRED] * rows
    assert Coupon.objects.get().uses == 0
    assert check_books() == []


@pytest.mark.parametrize("make_order", [order_top_up, order_purchase])
def test_while_a_payment_is_taken_in(shop, kill_everywhere, make_order):
    def paid_order():
        attempt = pay(make_order())
        _reply, (event_id,) = notify(shop, reference=attempt.number, minor=attempt.amount_minor, txn_id=attempt.number)
        return event_id

    rows = kill_everywhere("process_event", paid_order)
    assert rows > 5
    assert check_books() == []
    for event_id in processing.due_events(limit=1000):
        processing.process_event(event_id)
    assert Payment.objects.filter(state="accepted").count() == Order.objects.count() == rows
    assert {balance_of(order) for order in Order.objects.all()} == {CREDIT}
    assert check_books() == []


def test_while_a_key_is_sent(shop, kill_everywhere):
    def paid_purchase():
        order = order_purchase()
        report(shop, pay(order))
        return order.delivery.pk

    rows = kill_everywhere("deliver", paid_purchase)
    assert rows > 1
    Delivery.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))
    delivering.deliver_due(limit=1000)
    assert set(Order.objects.values_list("status", flat=True)) == {Order.Status.DELIVERED}
    assert len({message.body for message in mail.outbox}) == len(mail.outbox) <= rows
    assert check_books() == []


def test_while_a_refund_is_made(shop, kill_everywhere):
    carol = make_user("carol@example.com", is_staff=True)

    def refund():
        order = order_top_up()
        report(shop, pay(order))
        key = f"form {order.pk}"
        payment = order.payments.get()
        return request(payment, key).pk

    def request(payment, key):
        return refunding.request_refund(
            payment=payment, amount_minor=10_000, reason="asked", actor_id=carol.pk, key=key
        )

    assert kill_everywhere("submit_refund", refund) > 2
    assert check_books() == []
    Refund.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))
    refunding.submit_due(limit=1000)
    assert set(Order.objects.values_list("status", flat=True)) == {Order.Status.REFUNDED}
    assert {balance_of(order) for order in Order.objects.all()} == {0}
    assert check_books() == []


def paid_order(shop):
    order = order_top_up()
    report(shop, pay(order))
    return order


def told(shop, order, **report):
    """A message about an order that nobody has worked on."""
    _reply, (event_id,) = notify(shop, reference=order.attempts.get().number, **report)
    return event_id


@pytest.mark.soak
@pytest.mark.parametrize("deed", ["book_refund", "refund_by_hand"])
def test_while_a_refund_is_booked_that_was_made_already(shop, gateway, kill_everywhere, deed):
    """The gateway is never asked to give the same money back once more."""

    def row():
        order = paid_order(shop)
        number = order.attempts.get().number
        gateway.states[number] = PaymentState(PaymentStatus.PAID, refunded_minor=2_500)
        if deed == "refund_by_hand":
            return order.payments.get().pk
        return told(shop, order, kind="refunded", minor=2_500, refund_ref=f"re {number}")

    rows = kill_everywhere(deed, row)
    assert rows > 1
    assert check_books() == []
    refunding.submit_due(limit=1000)
    assert gateway.refunds == []
    for event_id in processing.due_events(limit=1000):
        processing.process_event(event_id)
    for payment in Payment.objects.filter(refunded_minor=0):
        assert deed == "refund_by_hand"
        refunding.request_refund(
            payment=payment, amount_minor=2_500, reason="", actor_id=None, key=f"form {payment.pk}", by_hand=True
        )
    assert list(Order.objects.values_list("status", "refunded_minor")) == [("partially_refunded", 2_500)] * rows
    assert (Refund.objects.count(), gateway.refunds) == (rows, [])
    assert check_books() == []


@pytest.mark.soak
def test_while_a_dispute_is_won(shop, kill_everywhere):
    def won():
        order = paid_order(shop)
        processing.process_event(told(shop, order, kind="dispute_opened", refund_ref="dp"))
        assert not Token.objects.get(pk=order.token_id).is_enabled
        return told(shop, order, kind="dispute_won", refund_ref="dp")

    rows = kill_everywhere("process_event", won)
    assert rows > 1
    for event_id in processing.due_events(limit=1000):
        processing.process_event(event_id)
    assert list(Order.objects.values_list("status", "is_disputed")) == [("credited", False)] * rows
    assert not Token.objects.filter(is_enabled=False).exists()
    assert check_books() == []
