"""Webhooks signed by Stripe's library for Node: `npm ci` in the folder `node`."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from orders.providers.base import BadSignature, EventKind
from tests.orders.providers.stripe.signing import OLDER_SECRET, SECRET, event, session, webhook

HERE = Path(__file__).parent / "node"


@pytest.fixture
def sign():
    """`sign(body, secret)`: the header."""
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules").exists():
        pytest.skip("tests/orders/providers/stripe/node has no node_modules")

    def sign(body, secret):
        environment = {"PATH": os.environ["PATH"], "SECRET": secret}
        run = subprocess.run([node, HERE / "sign.js"], input=body, env=environment, capture_output=True, timeout=60)
        assert run.returncode == 0, run.stderr.decode()[-2000:]
        return run.stdout.decode().strip()

    return sign


def test_what_it_signs_is_believed(stripe, account, sign):
    body = event("checkout.session.completed", session(customer_details={"name": "小明 Ünïcode"}))
    (found,) = stripe.parse_webhook(account, webhook(body, header=sign(body, SECRET)))
    assert found.kind is EventKind.PAID


def test_with_another_secret_it_is_not(stripe, account, sign):
    body = event("checkout.session.completed", session())
    with pytest.raises(BadSignature, match="wrong_signature"):
        stripe.parse_webhook(account, webhook(body, header=sign(body, OLDER_SECRET)))
