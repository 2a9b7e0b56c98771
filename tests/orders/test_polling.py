"""Lost reports, late payments and the end of orders: the gateway is asked, and asked once more before the end."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.proof import check_books
from orders.models import Coupon, Order, Payment, PaymentAttempt
from orders.ordering import cancel_order
from orders.payments import polling
from orders.payments.paying import PayFailed
from orders.payments.settling import Received, Verdict, settle, unnamed
from orders.providers.base import GatewayRefused, GatewayUnreachable, Money, PaymentState, PaymentStatus
from tests.orders.shop import CREDIT, balance_of, make_coupon, order_top_up, pay, report

pytestmark = pytest.mark.django_db
State = PaymentAttempt.State


@pytest.fixture(autouse=True)
def _books_agree(shop):
    yield
    assert check_books() == []


def age(order, *, minutes):
    """Let the order have been made that long ago."""
    Order.objects.filter(pk=order.pk).update(expires_at=timezone.now() + timedelta(minutes=30 - minutes))
    PaymentAttempt.objects.filter(order=order).update(
        created_at=timezone.now() - timedelta(minutes=minutes), next_poll_at=timezone.now() - timedelta(seconds=1)
    )
    order.refresh_from_db()


def test_without_any_report_the_poll_credits(gateway):
    order = order_top_up()
    attempt = pay(order)
    gateway.pays(attempt)
    polling.poll_due()
    assert balance_of(order) == 0  # not due yet
    age(order, minutes=1)
    polling.poll_due()
    polling.poll_due()
    assert balance_of(order) == CREDIT


def test_it_is_asked_every_few_seconds_then_ever_more_rarely_then_no_more():
    made = timezone.now()
    assert polling.next_poll(made, made) == made + polling.PAUSE
    plan, now = [], made + polling.WATCHED
    while (following := polling.next_poll(made, now)) is not None:
        plan.append(following - made)
        now = following
    assert plan == list(polling.LATER)


def test_an_unpaid_order_ends_after_one_more_question(gateway):
    make_coupon()
    order = order_top_up(coupon="SPRING10")
    attempt = pay(order)
    age(order, minutes=31)
    polling.expire_due()
    order.refresh_from_db()
    attempt.refresh_from_db()
    assert (order.status, attempt.state, gateway.closed) == (Order.Status.EXPIRED, State.EXPIRED, [attempt.number])
    assert Coupon.objects.get().uses == 0
    polling.expire_due()
    assert Coupon.objects.get().uses == 0


def test_the_last_question_finds_the_payment(gateway):
    order = order_top_up()
    gateway.pays(pay(order))
    age(order, minutes=31)
    polling.expire_due()
    order.refresh_from_db()
    assert (order.status, balance_of(order)) == (Order.Status.CREDITED, CREDIT)


def test_a_gateway_that_is_away_keeps_the_order_for_an_hour(gateway):
    order = order_top_up()
    gateway.is_away(pay(order))
    age(order, minutes=31)
    polling.expire_due()
    order.refresh_from_db()
    assert order.status == Order.Status.PENDING
    age(order, minutes=91)
    polling.expire_due()
    order.refresh_from_db()
    assert order.status == Order.Status.EXPIRED


@pytest.mark.parametrize("is_reported", [False, True])
def test_a_payment_soon_after_the_end_is_honoured_with_its_coupon(shop, gateway, is_reported):
    make_coupon()
    order = order_top_up(coupon="SPRING10")
    attempt = pay(order)
    age(order, minutes=31)
    polling.expire_due()
    order.refresh_from_db()
    assert (order.status, Coupon.objects.get().uses) == (Order.Status.EXPIRED, 0)
    gateway.pays(attempt)
    age(order, minutes=42)
    report(shop, attempt) if is_reported else polling.poll_due()
    order.refresh_from_db()
    assert (order.status, balance_of(order)) == (Order.Status.CREDITED, CREDIT)
    assert (order.coupon_use.state, Coupon.objects.get().uses) == ("used", 1)


def test_a_payment_days_after_the_end_goes_to_a_person(shop, gateway):
    order = order_top_up()
    attempt = pay(order)
    age(order, minutes=31)
    polling.expire_due()
    age(order, minutes=60 * 25)
    gateway.pays(attempt)
    report(shop, attempt)
    order.refresh_from_db()
    assert (order.status, balance_of(order)) == (Order.Status.REVIEW, 0)
    assert Payment.objects.get().state == Payment.State.LATE


def test_a_payment_after_cancelling_goes_to_a_person(shop, gateway):
    order = order_top_up()
    attempt = pay(order)
    assert cancel_order(order)
    assert not cancel_order(order)
    gateway.pays(attempt)
    assert report(shop, attempt).body == "success"
    order.refresh_from_db()
    assert (order.status, balance_of(order)) == (Order.Status.REVIEW, 0)


def test_cancelling_closes_the_attempt_at_the_gateway(gateway):
    order = order_top_up()
    attempt = pay(order)
    cancel_order(order)
    polling.poll_due()
    assert gateway.closed == [attempt.number]


def test_a_paid_order_cannot_be_cancelled(shop, gateway):
    order = order_top_up()
    attempt = pay(order)
    gateway.pays(attempt)
    report(shop, attempt)
    assert not cancel_order(Order.objects.get(pk=order.pk))


def test_an_attempt_that_was_never_answered_is_set_up_by_the_poll(gateway):
    order = order_top_up()
    gateway.checkout = GatewayUnreachable("timed out")
    with pytest.raises(PayFailed):
        pay(order)
    gateway.checkout = None
    age(order, minutes=1)
    polling.poll_due()
    assert order.attempts.get().state == State.OPEN


def test_an_attempt_that_was_never_answered_may_have_been_paid(gateway):
    order = order_top_up()
    gateway.checkout = GatewayUnreachable("timed out after it was done")
    with pytest.raises(PayFailed):
        pay(order)
    gateway.pays(order.attempts.get())
    age(order, minutes=1)
    polling.poll_due()
    assert len(gateway.created) == 2
    assert balance_of(order) == CREDIT


def test_paid_without_an_amount_is_not_believed(gateway):
    order = order_top_up()
    attempt = pay(order)
    gateway.states[attempt.number] = PaymentState(PaymentStatus.PAID, txn_id="t1")
    age(order, minutes=1)
    polling.poll_due()
    assert not Payment.objects.exists()
    with pytest.raises(GatewayRefused):
        polling.take_in(attempt)


def test_a_payment_found_without_its_transaction_is_the_one_that_is_reported(shop, gateway):
    order = order_top_up()
    attempt = pay(order)
    gateway.states[attempt.number] = PaymentState(PaymentStatus.PAID, Money(10_000, "CNY"))
    polling.take_in(attempt)
    gateway.pays(attempt, txn_id="t1")
    report(shop, attempt, txn_id="t1")
    report(shop, attempt, txn_id="t1", dedupe="again")
    assert (Payment.objects.get().txn_id, balance_of(order)) == ("t1", CREDIT)
    gateway.pays(attempt, txn_id="t2")
    report(shop, attempt, txn_id="t2")
    assert Payment.objects.get(txn_id="t2").state == Payment.State.OVERPAID


def test_a_report_may_be_faster_than_the_poll_that_learns_no_transaction(shop, gateway):
    order = order_top_up()
    attempt = pay(order)
    gateway.states[attempt.number] = PaymentState(PaymentStatus.PAID, Money(10_000, "CNY"))
    real = gateway.query

    def reported_meanwhile(account, *, reference, provider_ref):
        gateway.query = real
        report(shop, attempt, txn_id="t1")
        return real(account, reference=reference, provider_ref=provider_ref)

    gateway.query = reported_meanwhile
    polling.take_in(attempt)
    received = Received(unnamed(attempt), Money(10_000, "CNY"), timezone.now())
    assert settle(attempt, received) is Verdict.DUPLICATE
    assert (Payment.objects.get().txn_id, balance_of(order)) == ("t1", CREDIT)


def test_closed_at_the_gateway_is_closed_here(gateway):
    order = order_top_up()
    attempt = pay(order)
    gateway.states[attempt.number] = PaymentState(PaymentStatus.CLOSED)
    age(order, minutes=1)
    polling.poll_due()
    attempt.refresh_from_db()
    assert attempt.state == State.CLOSED


def test_another_amount_found_by_the_poll_goes_to_a_person(gateway):
    order = order_top_up()
    attempt = pay(order)
    gateway.pays(attempt, minor=1)
    age(order, minutes=1)
    polling.poll_due()
    order.refresh_from_db()
    assert (order.status, balance_of(order)) == (Order.Status.REVIEW, 0)
