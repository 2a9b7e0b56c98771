"""The stand-in refuses what Stripe refuses, or the tests that use it would prove nothing."""

from urllib.parse import urlencode

import pytest

from tests.orders.providers.stripe import oracle

SESSIONS = "/v1/checkout/sessions"
PROPER = {
    "mode": "payment",
    "line_items[0][quantity]": "1",
    "line_items[0][price_data][currency]": "cny",
    "line_items[0][price_data][unit_amount]": "2990",
    "line_items[0][price_data][product_data][name]": "Starter",
}


def test_proper_parameters_pass():
    values, problems = oracle.read("POST", SESSIONS, urlencode(PROPER))
    assert problems == []
    assert values["line_items"][0]["price_data"]["unit_amount"] == 2990


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("payment_method_types[0]", "card"),  # gone since 2026-09-30.endive
        ("colour", "green"),
        ("line_items[0][price_data][colour]", "green"),
        ("mode", "gift"),
        ("line_items[0][price_data][unit_amount]", "29.9"),
        ("line_items[0][price_data][unit_amount]", "2990.0"),
        ("line_items[0][quantity]", "one"),
        ("adaptive_pricing[enabled]", "False"),
        ("expires_at", "soon"),
        ("payment_method_options[wechat_pay][client]", "desktop"),
        ("allowed_payment_method_types[0]", "barter"),
    ],
)
def test_what_stripe_does_not_know_is_refused(name, value):
    assert oracle.read("POST", SESSIONS, urlencode({**PROPER, name: value}))[1]


@pytest.mark.parametrize(
    ("method", "path", "form"),
    [
        ("GET", "/v1/payment_intents/pi_1", "expand=latest_charge"),
        ("GET", "/v1/payment_intents/pi_1", "limit=3"),
        ("POST", "/v1/refunds", "payment_intent=pi_1&amount=1.5"),
        ("POST", "/v1/refunds", "payment_intent=pi_1&reason=because"),
        ("POST", "/v1/payouts", "amount=1"),
        ("GET", "/v1/refunds", "payment_intent=pi_1&limit=all"),
        ("DELETE", "/v1/refunds/re_1", ""),
    ],
)
def test_other_calls_are_refused(method, path, form):
    assert oracle.read(method, path, form)[1]
