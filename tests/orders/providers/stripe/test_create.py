"""What Stripe is asked for when somebody wants to pay, and what is made of its answer."""

from dataclasses import replace
from datetime import timedelta

import pytest

from orders.providers.base import GatewayRefused, Money


def test_one_thing_at_our_price_and_nothing_that_could_change_it(stripe, account, standin, charge_of):
    charge = charge_of()
    checkout = stripe.create(account, charge)
    (asked,) = standin.asked
    ours = {"order_no": charge.order_no, "reference": charge.reference}
    assert asked.params == {
        "mode": "payment",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {"currency": "cny", "unit_amount": 2990, "product_data": {"name": "Starter 入门套餐"}},
            }
        ],
        "client_reference_id": charge.reference,
        "metadata": ours,
        "payment_intent_data": {"metadata": ours},
        "allowed_payment_method_types": ["card", "alipay", "wechat_pay"],
        "payment_method_options": {"wechat_pay": {"client": "web"}},
        "adaptive_pricing": {"enabled": False},
        "allow_promotion_codes": False,
        "success_url": charge.return_url,
        "cancel_url": charge.return_url,
        "expires_at": int(charge.expires_at.timestamp()),
    }
    assert asked.headers["idempotency-key"] == "attempt:TOP202611210930ABCD:create"
    assert checkout.url.startswith(f"{standin.base_url}/c/pay/{checkout.provider_ref}")
    assert checkout.expires_at == charge.expires_at
    assert (checkout.qrcode, checkout.qrcode_is_image) == ("", False)


def test_cards_alone_unless_the_account_says_more(stripe, account, standin, charge_of):
    stripe.create(replace(account, options={"api_base": standin.base_url}), charge_of())
    (asked,) = standin.asked
    assert asked.params["allowed_payment_method_types"] == ["card"]
    assert "payment_method_options" not in asked.params


def test_a_repetition_is_given_the_same_session(stripe, account, standin, charge_of):
    charge = charge_of()
    assert stripe.create(account, charge) == stripe.create(account, charge)
    assert len(standin.sessions) == 1


@pytest.mark.parametrize("minutes", [1, 15, 30])
def test_a_session_of_less_than_half_an_hour_lasts_that_long_beyond_the_charge(
    stripe, account, standin, charge_of, minutes
):
    charge = charge_of(minutes)
    first = stripe.create(account, charge)
    assert charge.expires_at + timedelta(minutes=30) <= first.expires_at <= charge.expires_at + timedelta(minutes=32)
    assert stripe.create(account, charge) == first


def test_a_session_of_more_than_a_day_lasts_a_day(stripe, account, standin, charge_of):
    charge = charge_of(minutes=3 * 24 * 60)
    assert stripe.create(account, charge).expires_at < charge.expires_at
    assert "expires_at" not in standin.asked[0].params


@pytest.mark.parametrize(("minutes", "had_an_end"), [(10, True), (120, False)])
def test_a_repetition_finds_what_was_asked_for_when_more_time_was_left(
    stripe, account, standin, charge_of, minutes, had_an_end
):
    charge = charge_of(minutes)
    stripe.create(account, charge)
    key, params = standin.asked[0].headers["idempotency-key"], standin.asked[0].params
    end = {"expires_at": int(charge.expires_at.timestamp())} if had_an_end else {}
    earlier = {name: value for name, value in params.items() if name != "expires_at"} | end
    assert earlier != params
    began = standin.began(key, earlier)
    assert stripe.create(account, charge).provider_ref == began["id"]


def test_a_key_of_other_terms_is_refused(stripe, account, charge_of):
    charge = charge_of()
    stripe.create(account, charge)
    with pytest.raises(GatewayRefused, match="was used before"):
        stripe.create(account, replace(charge, amount=Money(2991, "CNY")))


@pytest.mark.parametrize(
    "amount", [Money(399, "CNY"), Money(0, "CNY"), Money(-2990, "CNY"), Money(49, "USD"), Money(10**8, "USD")]
)
def test_what_stripe_does_not_charge_is_refused_without_asking(stripe, account, standin, charge_of, amount):
    with pytest.raises(GatewayRefused, match="does not charge"):
        stripe.create(account, charge_of(amount=amount))
    assert standin.asked == []


def test_a_currency_the_account_does_not_sell_in_is_refused(stripe, account, standin, charge_of):
    with pytest.raises(GatewayRefused, match="does not sell in EUR"):
        stripe.create(account, charge_of(amount=Money(2990, "EUR")))
    assert standin.asked == []


def test_yen_have_no_minor_unit(stripe, account, standin, charge_of):
    stripe.create(
        replace(account, options={**account.options, "currencies": "JPY"}), charge_of(amount=Money(500, "JPY"))
    )
    assert standin.asked[0].params["line_items"][0]["price_data"]["unit_amount"] == 500


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("amount_total", 2989, "amount_total"),
        ("amount_total", 2990.0, "amount_total"),
        ("amount_total", True, "amount_total"),
        ("currency", "usd", "amount_total"),
        ("currency", None, "currency"),
        ("livemode", True, "livemode"),
        ("livemode", "false", "livemode"),
        ("metadata", {"reference": "TOP202611210930WXYZ"}, "reference"),
        ("metadata", None, "reference"),
        ("client_reference_id", "TOP202611210930WXYZ", "reference"),
        ("id", "../refunds", "id"),
        ("id", None, "id"),
        ("expires_at", -1, "expires_at"),
        ("expires_at", 10**15, "expires_at"),
        ("url", None, "url"),
        ("url", ["https://checkout.stripe.com"], "url"),
        ("url", "https://elsewhere.example/c/pay/cs_test_a1", "url"),
        ("url", "javascript:alert(1)", "url"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(stripe, account, standin, charge_of, name, value, complaint):
    proper = standin.open

    def changed(params):
        return {**proper(params), name: value}

    standin.open = changed
    try:
        with pytest.raises(GatewayRefused, match=f"does not fit what was asked: {complaint}"):
            stripe.create(account, charge_of())
    finally:
        del standin.open
