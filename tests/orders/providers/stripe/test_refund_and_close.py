"""Money given back once however often it is asked for, and sessions that nobody can pay any more."""

import json
from dataclasses import replace

import pytest

from orders.providers.base import GatewayRefused, GatewayUnreachable, Money, RefundCall, RefundStatus
from tests.orders.providers.stripe.standin import Raw

REFERENCE = "TOP202611210930ABCD"


@pytest.fixture
def call(paid):
    """A third of what was paid."""
    return RefundCall(
        reference=REFERENCE,
        provider_ref=paid["id"],
        txn_id=paid["payment_intent"],
        amount=Money(1000, "CNY"),
        total=Money(2990, "CNY"),
        idempotency_key="refund:17",
        reason="asked for",
    )


def given_back(standin, call):
    return standin.intents[call.txn_id]["latest_charge"]["amount_refunded"]


def test_a_part_is_given_back(stripe, account, standin, call):
    state = stripe.refund(account, call)
    assert (state.status, state.detail) == (RefundStatus.SUCCEEDED, "succeeded")
    assert standin.refunds[state.refund_ref]["amount"] == given_back(standin, call) == 1000
    asked = standin.asked[-1]
    assert asked.params["metadata"] == {"reference": REFERENCE, "refund": "refund:17", "reason": "asked for"}
    assert asked.headers["idempotency-key"] == "refund:17"


def test_the_same_key_gives_back_once(stripe, account, standin, call):
    assert stripe.refund(account, call) == stripe.refund(account, call)
    assert given_back(standin, call) == 1000


def lost_after_doing(stripe, account, standin, call):
    """The first try reached Stripe; its answer did not reach us."""
    standin.next_answer = Raw(b"<html>Bad Gateway</html>", 502, method="POST")
    with pytest.raises(GatewayUnreachable):
        stripe.refund(account, call)
    assert given_back(standin, call) == 1000


def test_a_repetition_after_an_answer_that_was_lost_gives_back_once(stripe, account, standin, call):
    lost_after_doing(stripe, account, standin, call)
    assert stripe.refund(account, call).status is RefundStatus.SUCCEEDED
    assert given_back(standin, call) == 1000


def test_a_repetition_on_another_day_gives_back_once(stripe, account, standin, call):
    lost_after_doing(stripe, account, standin, call)
    standin.replays.clear()
    assert stripe.refund(account, call).status is RefundStatus.SUCCEEDED
    assert given_back(standin, call) == 1000


def test_refunds_of_others_are_not_taken_for_ours(stripe, account, standin, call):
    for metadata in ({"reference": REFERENCE}, {"refund": "refund:17"}, {"reference": "X", "refund": "refund:17"}):
        standin.give_back({"payment_intent": call.txn_id, "amount": 1, "metadata": metadata})
    state = stripe.refund(account, call)
    assert standin.refunds[state.refund_ref]["amount"] == 1000


@pytest.mark.parametrize(
    "answer", [b'{"data": 5, "error": {}}', b'{"data": [5], "error": {}}', b'{"error": {}}', b"{}"]
)
@pytest.mark.parametrize("status", [200, 401, 404])
def test_without_knowing_what_was_given_back_nothing_is(stripe, account, standin, call, answer, status):
    standin.next_answer = Raw(answer, status, instead=True)
    with pytest.raises(GatewayUnreachable):
        stripe.refund(account, call)
    assert given_back(standin, call) == 0


def test_another_key_gives_back_another_part_but_never_more_than_was_paid(stripe, account, standin, call):
    stripe.refund(account, call)
    stripe.refund(account, replace(call, idempotency_key="refund:18"))
    with pytest.raises(GatewayRefused, match="greater than unrefunded amount"):
        stripe.refund(account, replace(call, idempotency_key="refund:19"))
    assert given_back(standin, call) == 2000


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("pending", RefundStatus.PENDING),
        ("requires_action", RefundStatus.PENDING),
        ("succeeded", RefundStatus.SUCCEEDED),
        ("failed", RefundStatus.FAILED),
        ("canceled", RefundStatus.FAILED),
        ("of_a_new_kind", RefundStatus.PENDING),
    ],
)
def test_how_it_stands(stripe, account, standin, call, status, expected):
    standin.refund_status = status
    assert stripe.refund(account, call).status is expected


def test_a_repetition_says_how_it_stands_now(stripe, account, standin, call):
    standin.refund_status = "pending"
    first = stripe.refund(account, call)
    standin.refunds[first.refund_ref] |= {"status": "failed", "failure_reason": "lost_or_stolen_card"}
    later = stripe.refund(account, call)
    assert (later.status, later.refund_ref) == (RefundStatus.FAILED, first.refund_ref)
    assert later.detail == "lost_or_stolen_card"


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Money(0, "CNY")},
        {"amount": Money(-1, "CNY")},
        {"amount": Money(2991, "CNY")},
        {"amount": Money(1000, "USD")},
        {"txn_id": ""},
        {"txn_id": "pi_1/../../payouts"},
    ],
)
def test_what_makes_no_sense_is_refused_without_asking(stripe, account, standin, call, changes):
    before = len(standin.asked)
    with pytest.raises(GatewayRefused):
        stripe.refund(account, replace(call, **changes))
    assert len(standin.asked) == before


@pytest.mark.parametrize(("name", "value"), [("payment_intent", "pi_other"), ("amount", 999), ("currency", "usd")])
def test_an_answer_about_something_else_settles_nothing(stripe, account, standin, call, name, value):
    proper = standin.refunds[stripe.refund(account, call).refund_ref]
    standin.next_answer = Raw(json.dumps({**proper, name: value}).encode(), method="POST")
    with pytest.raises(GatewayUnreachable, match="does not fit"):
        stripe.refund(account, replace(call, idempotency_key="refund:18"))
    assert stripe.refund(account, replace(call, idempotency_key="refund:18")).status is RefundStatus.SUCCEEDED
    assert given_back(standin, call) == 2000


def test_an_open_session_is_expired(stripe, account, standin, charge_of):
    number = stripe.create(account, charge_of()).provider_ref
    stripe.close(account, reference=REFERENCE, provider_ref=number)
    assert standin.sessions[number]["status"] == "expired"
    stripe.close(account, reference=REFERENCE, provider_ref=number)


def test_a_paid_session_stays_as_it_is(stripe, account, standin, paid):
    stripe.close(account, reference=REFERENCE, provider_ref=paid["id"])
    assert standin.sessions[paid["id"]]["payment_status"] == "paid"


def test_what_does_not_exist_needs_no_closing(stripe, account, standin):
    stripe.close(account, reference=REFERENCE, provider_ref="cs_test_nowhere")
    stripe.close(account, reference=REFERENCE, provider_ref="")
    assert len(standin.asked) == 1


def test_a_session_that_stays_open_is_an_error(stripe, account, standin, charge_of):
    number = stripe.create(account, charge_of()).provider_ref
    refusal = b'{"error": {"type": "invalid_request_error", "message": "not now"}}'
    standin.next_answer = Raw(refusal, 400, instead=True)
    with pytest.raises(GatewayRefused, match="not now"):
        stripe.close(account, reference=REFERENCE, provider_ref=number)
    assert standin.sessions[number]["status"] == "open"
