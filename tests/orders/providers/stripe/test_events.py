"""What a genuine message of Stripe's says in our words."""

from datetime import UTC, datetime
from typing import Any

import pytest

from orders.providers.base import Event, EventKind, Malformed, Money
from tests.orders.providers.stripe.signing import event, session, webhook

REFERENCE = "TOP202611210930ABCD"
OURS = {"metadata": {"order_no": REFERENCE, "reference": REFERENCE}}
REFUND = {
    "id": "re_3Q1",
    "object": "refund",
    "amount": 1000,
    "currency": "cny",
    "payment_intent": "pi_3Q1",
    "charge": "ch_3Q1",
    "metadata": {},
    "status": "succeeded",
}
DISPUTE = {
    "id": "du_1Q1",
    "object": "dispute",
    "amount": 2990,
    "currency": "cny",
    "payment_intent": "pi_3Q1",
    "charge": "ch_3Q1",
    "metadata": {},
    "status": "needs_response",
}
CHARGE = {
    "id": "ch_3Q1",
    "object": "charge",
    "amount": 2990,
    "amount_refunded": 2990,
    "currency": "cny",
    "payment_intent": "pi_3Q1",
    "refunded": True,
    **OURS,
}


@pytest.fixture
def read(stripe, account):
    """`read(type, object, **changes)`: the event of a message; None when there is none."""

    def read(kind, thing, **changes):
        found = stripe.parse_webhook(account, webhook(event(kind, thing, **changes)))
        assert len(found) < 2
        return found[0] if found else None

    return read


def test_a_paid_session(read):
    assert read("checkout.session.completed", session()) == Event(
        EventKind.PAID,
        "evt_1Qa2",
        reference=REFERENCE,
        provider_ref="cs_test_a1",
        txn_id="pi_3Q1",
        amount=Money(2990, "CNY"),
        occurred_at=datetime.fromtimestamp(1763700123, UTC),
        live=False,
    )


@pytest.mark.parametrize("kind", ["checkout.session.completed", "checkout.session.async_payment_succeeded"])
@pytest.mark.parametrize(
    ("status", "amount", "expected"),
    [
        ("paid", 2990, EventKind.PAID),
        ("unpaid", 2990, EventKind.WAITING),
        ("no_payment_required", 2990, EventKind.OTHER),
        ("no_payment_required", 0, EventKind.PAID),
        ("settled_in_kind", 2990, EventKind.OTHER),
        (None, 2990, EventKind.OTHER),
    ],
)
def test_complete_is_not_paid(read, kind, status, amount, expected):
    found = read(kind, session(payment_status=status, amount_total=amount))
    assert (found.kind, found.amount) == (expected, Money(amount, "CNY") if expected is EventKind.PAID else None)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("checkout.session.async_payment_failed", EventKind.FAILED),
        ("checkout.session.expired", EventKind.EXPIRED),
    ],
)
def test_a_session_that_came_to_nothing(read, kind, expected):
    found = read(kind, session(payment_status="unpaid", payment_intent=None))
    assert (found.kind, found.reference, found.provider_ref) == (expected, REFERENCE, "cs_test_a1")
    assert (found.amount, found.txn_id) == (None, "")


@pytest.mark.parametrize(
    "foreign",
    [
        {"metadata": {}},
        {"metadata": None},
        {"metadata": {"reference": 5}},
        {"metadata": {"reference": "no number' OR 1=1"}},
        {
            "metadata": {},
            "client_reference_id": REFERENCE,
        },  # a payment link, and a customer who wrote his order into it
        {"client_reference_id": "TOP202611210930WXYZ"},
        {"mode": "setup"},
        {"mode": "subscription"},
    ],
)
def test_sessions_of_others_are_none_of_our_business(read, foreign):
    assert read("checkout.session.completed", session(**foreign)) is None


def test_a_connected_account_is_paid_itself(read):
    assert read("checkout.session.completed", session(), account="acct_1Q") is None


def test_a_payment_intent_may_stand_there_whole(read):
    assert read("checkout.session.completed", session(payment_intent={"id": "pi_3Q7"})).txn_id == "pi_3Q7"


@pytest.mark.parametrize("live", [True, False])
def test_whether_money_was_real_is_told(read, live):
    assert read("checkout.session.completed", session(), livemode=live).live is live


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("refund.created", "succeeded", EventKind.REFUNDED),
        ("refund.created", "pending", EventKind.OTHER),
        ("refund.created", "requires_action", EventKind.OTHER),
        ("refund.updated", "succeeded", EventKind.REFUNDED),
        ("refund.updated", "canceled", EventKind.REFUND_FAILED),
        ("refund.failed", "failed", EventKind.REFUND_FAILED),
    ],
)
def test_a_refund(read, kind, status, expected):
    found = read(kind, {**REFUND, "status": status})
    assert found.kind is expected
    assert (found.txn_id, found.refund_ref, found.amount) == ("pi_3Q1", "re_3Q1", Money(1000, "CNY"))
    assert found.reference == ""
    assert read(kind, {**REFUND, **OURS, "status": status}).reference == REFERENCE


def test_a_refunded_charge_tells_no_single_amount(read):
    found = read("charge.refunded", CHARGE)
    assert (found.kind, found.reference, found.txn_id) == (EventKind.REFUNDED, REFERENCE, "pi_3Q1")
    assert (found.amount, found.refund_ref) == (None, "")


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("charge.dispute.created", "needs_response", EventKind.DISPUTE_OPENED),
        ("charge.dispute.created", "warning_needs_response", EventKind.DISPUTE_OPENED),
        ("charge.dispute.funds_withdrawn", "needs_response", EventKind.DISPUTE_OPENED),
        ("charge.dispute.closed", "won", EventKind.DISPUTE_WON),
        ("charge.dispute.closed", "warning_closed", EventKind.DISPUTE_WON),
        ("charge.dispute.closed", "prevented", EventKind.DISPUTE_WON),
        ("charge.dispute.closed", "lost", EventKind.DISPUTE_LOST),
        ("charge.dispute.closed", "under_review", EventKind.OTHER),
        ("charge.dispute.funds_reinstated", "won", EventKind.DISPUTE_WON),
    ],
)
def test_a_dispute(read, kind, status, expected):
    found = read(kind, {**DISPUTE, "status": status})
    assert (found.kind, found.txn_id, found.amount) == (expected, "pi_3Q1", Money(2990, "CNY"))
    assert (found.reference, found.refund_ref) == ("", "du_1Q1")


@pytest.mark.parametrize(
    ("kind", "thing"),
    [("charge.refunded", CHARGE), ("charge.dispute.created", DISPUTE), ("refund.created", REFUND)],
)
def test_what_names_no_payment_is_none_of_our_business(read, kind, thing):
    assert read(kind, {**thing, "metadata": {}, "payment_intent": None}) is None


@pytest.mark.parametrize("kind", ["payment_intent.succeeded", "charge.succeeded", "invoice.paid", "balance.available"])
def test_other_types_are_none_of_our_business(read, kind):
    assert read(kind, {"id": 5, "amount": -1, **OURS}) is None


WRONG: dict[str, list[Any]] = {
    "amount_total": [-1, 29.9, 2990.0, "2990", True, None, [], 10**13],
    "currency": [None, "", "cn", "¥¥¥", 5, "cny "],
    "payment_intent": [None, 5, "", "../refunds"],
    "id": [None, 5, "", "cs test", "é" * 9, "c" * 999],
    "payment_status": [["paid"], 1],
    "mode": [{"payment": 1}, True],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
def test_a_session_with_a_field_of_another_type_is_refused(read, field, value):
    with pytest.raises(Malformed, match=f"^field_{field}$"):
        read("checkout.session.completed", session(**{field: value}))


@pytest.mark.parametrize(
    ("kind", "thing", "field"),
    [
        ("refund.created", {**REFUND, "amount": -1000}, "amount"),
        ("refund.created", {**REFUND, "id": None}, "id"),
        ("refund.updated", {**REFUND, "payment_intent": []}, "payment_intent"),
        ("charge.dispute.created", {**DISPUTE, "amount": "2990"}, "amount"),
        ("charge.dispute.closed", {**DISPUTE, "status": 1}, "status"),
    ],
)
def test_a_field_of_another_type_is_refused(read, kind, thing, field):
    with pytest.raises(Malformed, match=f"^field_{field}$"):
        read(kind, thing)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": None}, "field_id"),
        ({"id": "evt 1"}, "field_id"),
        ({"created": "now"}, "field_created"),
        ({"created": 10**20}, "field_created"),
        ({"created": -1}, "field_created"),
        ({"livemode": None}, "field_livemode"),
        ({"livemode": 0}, "field_livemode"),
        ({"type": ["checkout.session.completed"]}, "field_type"),
        ({"data": None}, "field_data"),
        ({"data": {"object": []}}, "field_object"),
        ({"object": "v2.core.event"}, "not_an_event"),
    ],
)
def test_an_envelope_of_another_shape_is_refused(read, changes, reason):
    with pytest.raises(Malformed, match=f"^{reason}$"):
        read("checkout.session.completed", session(), **changes)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"id": 1e999, "created": ' + b"9" * 5000 + b"}", "not_json"),
        (b'{"object": "event", "object": "event"}', "not_json"),
        (b"[]", "not_an_event"),
        (b"null", "not_an_event"),
        (b"{}", "not_an_event"),
        (b'"\xff"', "not_utf8"),
    ],
)
def test_what_is_no_event_is_refused_however_it_is_signed(stripe, account, body, reason):
    with pytest.raises(Malformed, match=f"^{reason}$"):
        stripe.parse_webhook(account, webhook(body))
