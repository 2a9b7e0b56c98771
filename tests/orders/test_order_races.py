"""Many at once: reports, orders for one coupon, paying against cancelling. One credit, on both databases."""

import pytest

from billing.proof import check_books
from config.kernel.money import usd
from orders import delivering
from orders.coupons import CouponRefused
from orders.models import Coupon, Delivery, Order, Payment, WebhookEvent
from orders.ordering import cancel_order
from orders.payments import polling, processing
from orders.payments.settling import Received, Verdict, settle
from orders.providers.base import Money
from tests.billing.crew import crew_of
from tests.factories import make_price, make_token, make_user
from tests.live import database_url
from tests.orders.shop import CREDIT, balance_of, make_coupon, notify, order_purchase, order_top_up, pay, report
from tests.tokens.races import at_once

pytestmark = [pytest.mark.money, pytest.mark.django_db(transaction=True)]
CALLERS = 8


@pytest.fixture(autouse=True)
def _books_agree(shop):
    yield
    assert check_books() == []


def test_the_same_report_again_and_again(shop, gateway):
    attempt = pay(order_top_up())
    gateway.pays(attempt)
    told = {"reference": attempt.number, "minor": 10_000, "txn_id": f"t-{attempt.number}"}
    replies = []

    def deliver_many():
        for _ in range(15):
            reply, ids = notify(shop, **told)
            replies.append(reply.body)
            for event_id in ids:
                processing.process_event(event_id)

    at_once(*[deliver_many] * CALLERS)
    assert replies == ["success"] * 15 * CALLERS
    assert (WebhookEvent.objects.count(), Payment.objects.count(), balance_of(attempt.order)) == (1, 1, CREDIT)


@pytest.fixture(scope="module")
def crew(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), crew_of(4, database_url=database_url()) as crew:
        yield crew


def test_a_thousand_reports_to_four_processes(shop, gateway, crew):
    attempt = pay(order_top_up())
    told = {"reference": attempt.number, "minor": 10_000, "txn_id": "t1"}
    assert crew.race(*[("be_notified", {"slug": shop.slug, "told": told, "times": 250})] * 4) == [250] * 4
    assert (WebhookEvent.objects.count(), Payment.objects.count(), balance_of(attempt.order)) == (1, 1, CREDIT)


def test_a_top_up_while_its_key_spends(shop, gateway, crew):
    alice = make_user("alice@example.com", balance="1")
    make_price()
    token = make_token(alice, quota=usd("1"))
    attempt = pay(order_top_up(alice, token=token))
    told = {"reference": attempt.number, "minor": 10_000, "txn_id": "t1"}
    spending = ("spend", {"token_id": token.pk, "times": 30})
    notified = ("be_notified", {"slug": shop.slug, "told": told, "times": 3})
    first, second, *acknowledged = crew.race(spending, spending, notified, notified)
    token.refresh_from_db()
    assert (acknowledged, first > 0, second > 0) == ([3, 3], True, True)
    assert balance_of(attempt.order) == usd("1") + CREDIT - first - second
    assert (token.quota, token.used, token.held) == (usd("1") + CREDIT, first + second, 0)


def test_one_event_worked_on_by_everybody(shop, gateway):
    attempt = pay(order_top_up())
    gateway.pays(attempt)
    _reply, ids = notify(shop, reference=attempt.number, minor=10_000, txn_id=f"t-{attempt.number}")
    at_once(*[lambda: processing.process_event(ids[0])] * CALLERS)
    assert balance_of(attempt.order) == CREDIT


def test_report_poll_and_expiry_meet(shop, gateway):
    attempt = pay(order_top_up())
    gateway.pays(attempt)
    at_once(
        *[lambda: report(shop, attempt)] * 3,
        *[lambda: polling.take_in(attempt)] * 3,
        lambda: polling.expire(attempt.order, attempt.order.expires_at),
    )
    assert balance_of(attempt.order) == CREDIT
    assert Payment.objects.count() == 1


def test_two_transactions_at_once_credit_once(shop, gateway):
    attempt = pay(order_top_up())
    verdicts = []

    def settle_one(number):
        received = Received(f"t{number}", Money(10_000, "CNY"), attempt.created_at)
        verdicts.append(settle(attempt, received))

    at_once(*[lambda number=number: settle_one(number) for number in range(CALLERS)])
    assert sorted(verdicts) == [Verdict.CREDITED] + [Verdict.OVERPAID] * (CALLERS - 1)
    assert balance_of(attempt.order) == CREDIT


def test_one_key_for_one_purchase(shop, gateway):
    attempt = pay(order_purchase("bob@example.com"))
    received = Received("t1", Money(2_000, "CNY"), attempt.created_at)
    at_once(*[lambda: settle(attempt, received)] * CALLERS)
    assert Delivery.objects.count() == 1
    assert balance_of(attempt.order) == CREDIT


def test_two_purchases_of_a_new_buyer_make_one_account(shop, gateway):
    attempts = [pay(order_purchase("bob@example.com")) for _ in range(4)]
    at_once(
        *[
            lambda attempt=attempt: settle(attempt, Received(attempt.number, Money(2_000, "CNY"), attempt.created_at))
            for attempt in attempts
        ]
    )
    assert len(set(Order.objects.values_list("user", flat=True))) == 1
    assert balance_of(attempts[0].order) == 4 * CREDIT


def test_paying_and_cancelling(shop, gateway):
    attempt = pay(order_top_up())
    received = Received("t1", Money(10_000, "CNY"), attempt.created_at)
    at_once(
        *[lambda: settle(attempt, received)] * 4,
        *[lambda: cancel_order(Order.objects.get(pk=attempt.order_id))] * 4,
    )
    status = Order.objects.get().status
    assert (status, balance_of(attempt.order)) in {(Order.Status.CREDITED, CREDIT), (Order.Status.REVIEW, 0)}


def test_many_cancel_and_one_coupon_use_comes_back(shop):
    make_coupon()
    order = order_top_up(coupon="SPRING10")
    at_once(*[lambda: cancel_order(Order.objects.get(pk=order.pk))] * CALLERS)
    assert Coupon.objects.get().uses == 0


def test_the_last_use_of_a_coupon(shop):
    make_coupon(max_uses=3, per_customer=None)
    alice = make_user("alice@example.com")
    refused = []

    def order():
        try:
            order_top_up(alice, coupon="SPRING10")
        except CouponRefused:
            refused.append(1)

    at_once(*[order] * CALLERS)
    assert (Coupon.objects.get().uses, len(refused), Order.objects.count()) == (3, CALLERS - 3, 3)


def test_a_key_is_shown_to_one(shop, gateway):
    gateway.confirms = True
    report(shop, pay(order_purchase()))
    link = delivering.link_token(Delivery.objects.get())
    deliveries = [delivering.delivery_of(link) for _ in range(CALLERS)]
    shown = []
    at_once(*[lambda each=each: shown.append(delivering.reveal_by_link(each)) for each in deliveries])
    assert len([key for key in shown if key]) == 1


def test_paying_starts_one_attempt(shop, gateway):
    order = order_top_up()
    at_once(*[lambda: pay(Order.objects.get(pk=order.pk))] * CALLERS)
    assert order.attempts.count() == 1
