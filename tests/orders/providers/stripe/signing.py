"""Webhooks as Stripe sends them, signed by code of our own."""

import hashlib
import hmac
import json
import time

from orders.providers.base import Webhook

SECRET = "whsec_9fKq2ZtW7xLmB4vNc8RjY3pD"
OLDER_SECRET = "whsec_Hd5TgQ1sVw6UyEo0ZbXk7CnM"


def signature(body, secret, at):
    """Of scheme v1: HMAC-SHA256 over the time, a dot and the body."""
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def webhook(body, *, secret=SECRET, at=None, header=None, method="POST"):
    """A request with these bytes, signed now."""
    at = int(time.time()) if at is None else at
    header = f"t={at},v1={signature(body, secret, at)}" if header is None else header
    return Webhook(method, {"content-type": "application/json", "stripe-signature": header}, "", body)


def event(kind, thing, **changes):
    """The body of an event about an object."""
    values = {
        "id": "evt_1Qa2",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1763700123,
        "livemode": False,
        "type": kind,
        "data": {"object": thing},
    }
    return json.dumps({**values, **changes}).encode()


def session(**changes):
    """A paid session of ours."""
    return {
        "id": "cs_test_a1",
        "object": "checkout.session",
        "mode": "payment",
        "status": "complete",
        "payment_status": "paid",
        "payment_intent": "pi_3Q1",
        "amount_total": 2990,
        "currency": "cny",
        "client_reference_id": "TOP202611210930ABCD",
        "metadata": {"order_no": "TOP202611210930ABCD", "reference": "TOP202611210930ABCD"},
        **changes,
    }
