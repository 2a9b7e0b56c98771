"""Ways to pay that ask nobody: by hand, and for nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from orders.providers.base import (
    Account,
    Charge,
    GatewayRefused,
    Malformed,
    Money,
    PaymentStatus,
    RefundCall,
    RefundSupport,
    Webhook,
)
from orders.providers.free import Free
from orders.providers.manual import Manual

ACCOUNT = Account(1, {"instructions": "IBAN XY00 1234, quote the order's number."}, {})


def charge_of(minor, currency="CNY"):
    return Charge(
        reference="TOP202611210930ABCD",
        order_no="TOP202611210930ABCD",
        title="Starter",
        amount=Money(minor, currency),
        notify_url="https://shop.example/pay/notify/1",
        return_url="https://shop.example/pay/TOP202611210930ABCD",
        expires_at=datetime.now(UTC) + timedelta(days=3),
    )


@pytest.fixture(params=[Manual(), Free()], ids=["manual", "free"])
def provider(request):
    return request.param


@pytest.mark.parametrize(("provider", "minor"), [(Manual(), 2990), (Manual(), 1), (Free(), 0)])
def test_the_buyer_stays_on_our_page(provider, minor):
    charge = charge_of(minor)
    checkout = provider.create(ACCOUNT, charge)
    assert (checkout.url, checkout.expires_at) == ("", charge.expires_at)
    assert (checkout.qrcode, checkout.provider_ref) == ("", "")


@pytest.mark.parametrize(("provider", "minor"), [(Manual(), 0), (Manual(), -1), (Free(), 1), (Free(), -1)])
def test_by_hand_something_is_paid_and_for_nothing_is_nothing(provider, minor):
    with pytest.raises(GatewayRefused):
        provider.create(ACCOUNT, charge_of(minor))


@pytest.mark.parametrize(("provider", "least", "most"), [(Manual(), 1, 10**12), (Free(), 0, 0)])
def test_what_it_can_do(provider, least, most):
    able = provider.capabilities(ACCOUNT)
    assert (able.least_minor, able.most_minor, able.refund) == (least, most, RefundSupport.NONE)
    assert (able.query, able.close, able.confirms) == (False, False, False)
    assert able.currencies == frozenset(), "every one"


def test_by_hand_needs_instructions():
    assert Manual().check_config(ACCOUNT) == []
    for options in ({}, {"instructions": "  "}):
        assert Manual().check_config(Account(1, options, {})) == ["Say how to pay."]
    assert [option.name for option in Manual.options] == ["instructions"]


def test_for_nothing_needs_no_settings():
    assert Free().check_config(Account(1, {}, {})) == []
    assert Free.options == ()


def test_no_message_is_genuine(provider):
    with pytest.raises(Malformed):
        provider.parse_webhook(ACCOUNT, Webhook("POST", {}, "", b"{}"))
    assert provider.reply(ACCOUNT, accepted=False).status == 404


def test_there_is_nobody_to_ask(provider):
    state = provider.query(ACCOUNT, reference="TOP202611210930ABCD", provider_ref="")
    assert state.status is PaymentStatus.UNKNOWN
    provider.close(ACCOUNT, reference="TOP202611210930ABCD", provider_ref="")


def test_nobody_gives_back(provider):
    amount = Money(1, "CNY")
    call = RefundCall("TOP202611210930ABCD", "", "", amount, amount, "refund:1", "asked for")
    with pytest.raises(GatewayRefused):
        provider.refund(ACCOUNT, call)
