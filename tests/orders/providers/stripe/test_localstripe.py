"""Somebody else's Stripe: requests and webhooks of ours against localstripe, in a process of its own."""

import json
import queue
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from orders.providers.base import Account, BadSignature, Money, RefundCall, RefundStatus, Webhook
from orders.providers.stripe_calls import ask
from tests.live import serving
from tests.orders.providers.stripe.signing import SECRET

SCRIPT = Path(__file__).parent / "serve_localstripe.py"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where it listens."""
    folder = tmp_path_factory.mktemp("localstripe")
    environment = {"TMPDIR": str(folder), "HOME": str(folder), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen([sys.executable, SCRIPT], cwd=folder, env=environment, stdout=subprocess.PIPE) as process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


@pytest.fixture
def theirs(address, settings):
    settings.EGRESS_ALLOW = ["127.0.0.1"]
    key = "sk_test_51RvP0wQz8Lk3Jm2Nb7Yc"
    return Account(1, {"api_base": address}, {"secret_key": key, "webhook_secret": SECRET}, live=False)


@pytest.fixture
def intent(theirs):
    """A payment with a card that works."""
    method = ask(
        theirs,
        lambda api: api.payment_methods.create(
            {"type": "card", "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "314"}}
        ),
    )
    params = {"amount": 2990, "currency": "cny", "payment_method": method["id"], "confirm": True}
    return ask(theirs, lambda api: api.payment_intents.create(params))


def test_it_answers(theirs):
    assert "available" in ask(theirs, lambda api: api.balance.retrieve())


def test_a_payment_is_given_back(stripe, theirs, intent):
    assert intent["status"] == "succeeded"
    call = RefundCall("R1", "", intent["id"], Money(1000, "CNY"), Money(2990, "CNY"), "refund:1", "asked for")
    state = stripe.refund(theirs, call)
    assert state.status is RefundStatus.SUCCEEDED
    refund = ask(theirs, lambda api: api.refunds.retrieve(state.refund_ref))
    assert (refund["amount"], refund["payment_intent"]) == (1000, intent["id"])


@pytest.fixture
def inbox(address):
    """What localstripe sends to us."""
    received = queue.Queue()

    async def application(scope, receive, send):
        message = await receive()
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        received.put(Webhook(scope["method"], headers, "", message.get("body", b"")))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    with serving(application, lifespan="off") as base_url:
        hook = {"url": f"{base_url}/hook", "secret": SECRET, "events": ["payment_intent.succeeded"]}
        requests.post(f"{address}/_config/webhooks/ours", json=hook, timeout=10).raise_for_status()
        yield received


def test_its_signature_is_believed(stripe, theirs, inbox, request):
    request.getfixturevalue("intent")
    message = inbox.get(timeout=60)
    assert json.loads(message.body)["type"] == "payment_intent.succeeded"
    assert stripe.parse_webhook(theirs, message) == []
    with pytest.raises(BadSignature, match="wrong_signature"):
        stripe.parse_webhook(theirs, replace(message, body=message.body + b" "))
