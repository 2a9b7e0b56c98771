"""Starting to pay: one attempt a gateway, whatever it answers, and however often it is asked."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.proof import check_books
from orders.models import Order, Payment, PaymentAttempt
from orders.ordering import OrderRefused
from orders.payments import polling
from orders.payments.paying import PayFailed
from orders.providers.base import Checkout, GatewayRefused, GatewayUnreachable
from tests.factories import make_user
from tests.orders.shop import (
    CREDIT,
    balance_of,
    make_account,
    make_coupon,
    order_purchase,
    order_top_up,
    pay,
    report,
)

pytestmark = pytest.mark.django_db
State = PaymentAttempt.State


@pytest.fixture(autouse=True)
def _books_agree(shop):
    yield
    assert check_books() == []


@pytest.fixture
def order(shop):
    return order_top_up()


def test_asked_twice_it_is_the_same_attempt(gateway, order):
    assert pay(order).pk == pay(order).pk
    assert len(gateway.created) == 1


def test_the_gateway_learns_our_number_and_addresses_without_a_query(gateway, order):
    pay(order)
    (charge,) = gateway.created
    assert (charge.reference, charge.amount) == (order.number, (10_000, "CNY"))
    assert charge.notify_url.endswith("/api/payments/scripted/notify")
    assert charge.return_url.endswith(f"/pay/return/{order.number}")
    assert "?" not in charge.notify_url + charge.return_url


def test_a_refusal_ends_the_attempt_and_not_the_order(gateway, order):
    gateway.checkout = GatewayRefused("errcode 5: a secret of the gateway")
    with pytest.raises(PayFailed) as refused:
        pay(order)
    assert "secret" not in refused.value.message
    assert (order.attempts.get().state, order.status) == (State.FAILED, Order.Status.PENDING)
    gateway.checkout = None
    assert pay(order).number == f"{order.number}X2"


def test_no_answer_is_asked_again_under_the_same_number(gateway, order):
    gateway.checkout = GatewayUnreachable("timed out")
    with pytest.raises(PayFailed):
        pay(order)
    assert order.attempts.get().state == State.CREATED
    gateway.checkout = None
    assert pay(order).number == order.number
    assert [charge.reference for charge in gateway.created] == [order.number] * 2


def test_a_report_may_be_faster_than_the_answer(shop, gateway, order):
    def paid_at_once(charge):
        attempt = PaymentAttempt.objects.get(number=charge.reference)
        gateway.pays(attempt)
        report(shop, attempt)

    gateway.on_create = paid_at_once
    assert pay(order).state == State.SUCCEEDED
    assert balance_of(order) == CREDIT


def test_two_gateways_paid_credit_once(shop, gateway, order):
    other = make_account("other")
    first, second = pay(order), pay(order, "other")
    assert (first.number, second.number) == (order.number, f"{order.number}X2")
    for account, attempt in ((shop, first), (other, second)):
        gateway.pays(attempt)
        assert report(account, attempt).body == "success"
    assert balance_of(order) == CREDIT
    assert sorted(Payment.objects.values_list("state", flat=True)) == ["accepted", "overpaid"]


def test_one_attempt_paid_twice_credits_once(shop, gateway, order):
    attempt = pay(order)
    gateway.pays(attempt, txn_id="t1")
    report(shop, attempt, txn_id="t1")
    gateway.pays(attempt, txn_id="t2")
    report(shop, attempt, txn_id="t2")
    assert balance_of(order) == CREDIT
    assert sorted(Payment.objects.values_list("state", flat=True)) == ["accepted", "overpaid"]


def test_only_who_takes_the_amount_is_offered(shop, gateway, order):
    gateway.least_minor = 50_000
    with pytest.raises(PayFailed):
        pay(order)
    with pytest.raises(OrderRefused):
        order_top_up()


def test_a_coupon_that_leaves_less_than_anybody_takes_makes_no_order(gateway, shop):
    gateway.least_minor = 400
    coupon = make_coupon("NEARLY", kind="fixed", off_bps=0, off_minor=9_601)
    with pytest.raises(OrderRefused):
        order_top_up(coupon="NEARLY")
    coupon.refresh_from_db()
    assert (coupon.uses, Order.objects.count()) == (0, 0)


def test_a_test_account_takes_nothing_where_things_are_sold(shop, settings):
    shop.is_live = False
    shop.save()
    settings.DEMO = False
    with pytest.raises(OrderRefused):
        order_top_up()


def test_an_order_that_costs_nothing_asks_no_gateway(gateway, shop):
    make_coupon("ALL", off_bps=10_000)
    order = order_top_up(coupon="ALL")
    assert pay(order).state == State.SUCCEEDED
    assert (gateway.created, balance_of(order)) == ([], CREDIT)
    with pytest.raises(PayFailed):
        pay(Order.objects.get(pk=order.pk))


def test_a_stranger_gets_nothing_for_nothing(shop):
    coupon = make_coupon("ALL", off_bps=10_000)
    with pytest.raises(OrderRefused):
        order_purchase(coupon="ALL")
    coupon.refresh_from_db()
    assert coupon.uses == 0


def test_an_order_that_costs_nothing_is_had_once(shop):
    make_coupon("ALL", off_bps=10_000)
    alice = make_user("alice@example.com")
    pay(order_top_up(alice, coupon="ALL"))
    with pytest.raises(OrderRefused.__mro__[1]):
        order_top_up(alice, coupon="ALL")


def test_the_gateways_own_number_and_page_are_kept(gateway, order):
    gateway.checkout = Checkout("https://pay.example/x", qrcode="weixin://x", provider_ref="ref-1")
    attempt = pay(order)
    assert (attempt.state, attempt.checkout_url, attempt.qrcode, attempt.provider_ref) == (
        State.OPEN,
        "https://pay.example/x",
        "weixin://x",
        "ref-1",
    )


def test_a_bank_transfer_has_a_week(order):
    row = make_account("bank", provider="manual", secret="", options={"instructions": "IBAN …"})
    attempt = pay(order, row.slug)
    order.refresh_from_db()
    assert order.expires_at == attempt.expires_at
    assert timedelta(days=6) < order.expires_at - timezone.now() <= timedelta(days=7)
    polling.expire_due()
    order.refresh_from_db()
    assert order.status == Order.Status.PENDING
