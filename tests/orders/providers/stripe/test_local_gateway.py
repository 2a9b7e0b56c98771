"""The whole way with the local gateway, whose Stripe was written by reading Stripe's pages and not our adapter."""

from dataclasses import replace

import pytest

from orders.providers.base import (
    Account,
    BadSignature,
    EventKind,
    GatewayRefused,
    Money,
    PaymentStatus,
    RefundCall,
    RefundStatus,
    Webhook,
)
from tests.orders.gateway.server import running_gateway
from tests.orders.gateway.shop import open_shop

REFERENCE = "TOP202611210930ABCD"


@pytest.fixture(scope="module")
def gateway():
    with running_gateway("--retry-after", "0.02") as server:
        yield server


@pytest.fixture
def shop(gateway):
    gateway.control("/reset")
    with open_shop() as listener:
        gateway.control("/merchants/Demo%20shop", webhook_url=listener.notify_url)
        yield listener


@pytest.fixture
def account(gateway, shop, settings):
    settings.EGRESS_ALLOW = ["127.0.0.1"]
    merchant = gateway.merchant("stripe")
    options = {"api_base": gateway.url, "methods": "card alipay wechat_pay"}
    secrets = {"secret_key": merchant["key"], "webhook_secret": merchant["webhook_secret"]}
    return Account(1, options, secrets, live=False)


@pytest.fixture
def opened(stripe, account, charge_of):
    """The number of an open session."""
    return stripe.create(account, charge_of()).provider_ref


def read(stripe, account, message):
    return stripe.parse_webhook(account, Webhook(message.method, message.headers, "", message.body))


def told(stripe, account, shop, count):
    """The events of what it was told so far."""
    return [event for message in shop.wait_for(count) for event in read(stripe, account, message)]


def test_it_is_a_proper_account(stripe, account):
    assert stripe.check_config(account) == []


def test_paid_and_given_back(stripe, account, gateway, shop, opened):
    assert stripe.query(account, reference=REFERENCE, provider_ref=opened).status is PaymentStatus.WAITING
    gateway.control(f"/payments/{opened}/pay")
    (paid,) = told(stripe, account, shop, 1)
    assert (paid.kind, paid.reference, paid.provider_ref) == (EventKind.PAID, REFERENCE, opened)
    state = stripe.query(account, reference=REFERENCE, provider_ref=opened)
    assert (state.status, state.txn_id, state.amount) == (PaymentStatus.PAID, paid.txn_id, Money(2990, "CNY"))
    assert state.amount == paid.amount

    call = RefundCall(REFERENCE, opened, paid.txn_id, Money(1000, "CNY"), Money(2990, "CNY"), "refund:1", "asked for")
    refund = stripe.refund(account, call)
    assert refund.status is RefundStatus.SUCCEEDED
    assert stripe.refund(account, call) == refund
    assert stripe.query(account, reference=REFERENCE, provider_ref=opened).refunded_minor == 1000
    kinds = {(event.kind, event.refund_ref) for event in told(stripe, account, shop, 3)[1:]}
    assert kinds == {(EventKind.REFUNDED, refund.refund_ref), (EventKind.REFUNDED, "")}


def test_closed(stripe, account, shop, opened):
    stripe.close(account, reference=REFERENCE, provider_ref=opened)
    stripe.close(account, reference=REFERENCE, provider_ref=opened)
    assert stripe.query(account, reference=REFERENCE, provider_ref=opened).status is PaymentStatus.CLOSED
    assert [event.kind for event in told(stripe, account, shop, 1)] == [EventKind.EXPIRED]


def test_repeated(stripe, account, charge_of):
    charge = charge_of(minutes=10)
    assert stripe.create(account, charge) == stripe.create(account, charge)
    with pytest.raises(GatewayRefused):
        stripe.create(account, replace(charge, title="Something else"))


def test_signed_by_somebody_else(stripe, account, gateway, shop, opened):
    gateway.control(f"/payments/{opened}/pay")
    (message,) = shop.wait_for(1)
    stranger = replace(account, secrets={**account.secrets, "webhook_secret": "whsec_9fKq2ZtW7xLmB4vNc8RjY3pD"})
    with pytest.raises(BadSignature):
        read(stripe, stranger, message)
