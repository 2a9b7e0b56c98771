"""Stripe with an account, against a stand-in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orders.providers.base import Account, Charge, Money
from orders.providers.stripe import Stripe
from tests.orders.providers.stripe.signing import SECRET
from tests.orders.providers.stripe.standin import KEY, standing_in


@pytest.fixture
def stripe():
    return Stripe()


@pytest.fixture(scope="module")
def served():
    with standing_in() as standin:
        yield standin


@pytest.fixture
def standin(served, settings):
    """An empty stand-in, which requests may reach."""
    settings.EGRESS_ALLOW = ["127.0.0.1"]
    base_url = served.base_url
    served.__init__()
    served.base_url = base_url
    return served


@pytest.fixture
def account(standin):
    options = {"api_base": standin.base_url, "methods": "card, alipay,wechat_pay", "currencies": "CNY USD"}
    return Account(1, options, {"secret_key": KEY, "webhook_secret": SECRET}, live=False)


@pytest.fixture
def charge_of():
    """`charge_of(minutes=45, **fields)`: a charge that ends in so many minutes."""

    def make(minutes=45, **fields):
        charge = Charge(
            reference="TOP202611210930ABCD",
            order_no="TOP202611210930ABCD",
            title="Starter 入门套餐",
            amount=Money(2990, "CNY"),
            notify_url="https://shop.example/pay/notify/1",
            return_url="https://shop.example/pay/TOP202611210930ABCD",
            expires_at=datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=minutes),
        )
        return replace(charge, **fields)

    return make


@pytest.fixture
def paid(stripe, account, standin, charge_of):
    """A paid session of the stand-in."""
    checkout = stripe.create(account, charge_of())
    return standin.complete(checkout.provider_ref)
