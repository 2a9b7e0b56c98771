"""Whatever is signed: an event or a BadWebhook comes out, and nothing of the wrong kind is inside an event."""

import json
import re
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orders.providers.base import Account, BadWebhook, EventKind, Money
from orders.providers.stripe import Stripe
from tests.orders.providers.stripe.signing import SECRET, event, session, webhook
from tests.orders.providers.stripe.test_events import CHARGE, DISPUTE, REFUND

ACCOUNT = Account(1, {}, {"webhook_secret": SECRET}, live=False)
KNOWN = {
    "checkout.session.completed": session(),
    "checkout.session.async_payment_succeeded": session(),
    "checkout.session.async_payment_failed": session(),
    "checkout.session.expired": session(),
    "refund.created": REFUND,
    "refund.failed": REFUND,
    "charge.refunded": CHARGE,
    "charge.dispute.created": DISPUTE,
    "charge.dispute.closed": DISPUTE,
    "charge.dispute.funds_reinstated": DISPUTE,
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)


def events_of(hook):
    """The events; none when the message is refused in the documented way."""
    try:
        return Stripe().parse_webhook(ACCOUNT, hook)
    except BadWebhook as refusal:
        reason = refusal.reason
    assert re.fullmatch(r"[a-z0-9_]+", reason)
    return []


def check(found):
    for text in (found.dedupe_key, found.provider_ref, found.txn_id, found.refund_ref):
        assert re.fullmatch(r"[A-Za-z0-9_]{0,255}", text)
    assert re.fullmatch(r"[A-Za-z0-9]{0,32}", found.reference)
    assert isinstance(found.occurred_at, datetime)
    assert isinstance(found.live, bool)
    if found.amount is not None:
        assert isinstance(found.amount, Money)
        assert type(found.amount.minor) is int
        assert found.amount.minor >= 0
        assert re.fullmatch(r"[A-Z]{3}", found.amount.currency)
    if found.kind is EventKind.PAID:
        assert found.reference
        assert found.txn_id
        assert found.amount is not None


@given(st.binary(max_size=400))
def test_any_bytes(body):
    for found in events_of(webhook(body)):
        check(found)


@given(ANYTHING)
def test_any_json(value):
    for found in events_of(webhook(json.dumps(value).encode())):
        check(found)


@given(st.text(max_size=200))
def test_any_header(header):
    assert events_of(webhook(b"{}", header=header)) == []


@pytest.mark.parametrize("kind", KNOWN)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_known_event_with_anything_in_its_places(kind, data):
    places = data.draw(st.sets(st.sampled_from(sorted(KNOWN[kind])), max_size=3))
    changed = {**KNOWN[kind], **{place: data.draw(ANYTHING) for place in places}}
    envelope = {
        name: data.draw(ANYTHING) for name in data.draw(st.sets(st.sampled_from(["id", "created", "livemode"])))
    }
    for found in events_of(webhook(event(kind, changed, **envelope))):
        check(found)
