"""Every day's payments are held against the gateway: what we missed is credited, what differs is written down."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.proof import check_books
from orders.models import Order, Payment, PaymentAttempt, Statement
from orders.payments import statements
from orders.providers.base import GatewayUnreachable, Money, PaymentState, PaymentStatus
from tests.orders.shop import CREDIT, balance_of, order_top_up, pay, report

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _books_agree(shop):
    yield
    assert check_books() == []


def yesterday(*attempts):
    for attempt in attempts:
        PaymentAttempt.objects.filter(pk=attempt.pk).update(created_at=timezone.now() - timedelta(days=1))


def lines():
    return [line["what"] for line in Statement.objects.get().differences]


def test_payments_lost_with_a_restored_backup_are_credited_once(shop, gateway):
    attempts = [pay(order_top_up()) for _ in range(3)]
    for attempt in attempts:
        gateway.pays(attempt)
    yesterday(*attempts)
    statements.reconcile_yesterday()
    assert [balance_of(attempt.order) for attempt in attempts] == [CREDIT] * 3
    assert len(lines()) == 3
    statements.reconcile_yesterday()
    assert [balance_of(attempt.order) for attempt in attempts] == [CREDIT] * 3
    assert lines() == []


def test_a_refund_made_at_the_gateway_is_booked(shop, gateway):
    gateway.confirms = True
    attempt = pay(order_top_up())
    report(shop, attempt)
    yesterday(attempt)
    gateway.states[attempt.number] = PaymentState(PaymentStatus.REFUNDED)
    statements.reconcile_yesterday()
    attempt.order.refresh_from_db()
    assert (attempt.order.status, balance_of(attempt.order)) == (Order.Status.REFUNDED, 0)


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (PaymentState(PaymentStatus.WAITING), "paid here, waiting at the gateway"),
        (PaymentState(PaymentStatus.PAID, Money(9_000, "CNY")), "10000 here, 9000 at the gateway"),
    ],
)
def test_what_differs_is_written_down(shop, gateway, state, line):
    gateway.confirms = True
    attempt = pay(order_top_up())
    report(shop, attempt)
    yesterday(attempt)
    gateway.states[attempt.number] = state
    statements.reconcile_yesterday()
    assert lines() == [line]
    assert Payment.objects.count() == 1


def test_what_agrees_is_counted(shop, gateway):
    gateway.confirms = True
    attempt = pay(order_top_up())
    report(shop, attempt)
    gateway.pays(attempt)
    other = pay(order_top_up())
    gateway.is_away(other)
    yesterday(attempt, other)
    statements.reconcile_yesterday()
    found = Statement.objects.get()
    assert (found.checked, found.unanswered, found.differences) == (2, 1, [])


def test_a_gateway_that_is_away_is_asked_only_so_often(shop, gateway, monkeypatch):
    attempts = [pay(order_top_up()) for _ in range(statements.SILENT + 2)]
    yesterday(*attempts)
    asked = []

    def away(_account, *, reference, provider_ref):
        asked.append(reference)
        raise GatewayUnreachable("away")

    monkeypatch.setattr(gateway, "query", away)
    statements.reconcile_yesterday()
    found = Statement.objects.get()
    assert (found.checked, found.unanswered, len(asked)) == (len(attempts), len(attempts), statements.SILENT)


def test_an_attempt_that_breaks_something_does_not_stop_the_comparison(shop, gateway):
    broken, other = (pay(order_top_up()) for _ in range(2))
    yesterday(broken, other)
    gateway.states[broken.number] = RuntimeError("a bug")
    gateway.pays(other)
    statements.reconcile_yesterday()
    assert (Statement.objects.get().unanswered, balance_of(other.order)) == (1, CREDIT)
