"""How a payment stands, asked of Stripe itself."""

from datetime import UTC, datetime

import pytest

from orders.providers.base import GatewayRefused, Money, PaymentState, PaymentStatus

REFERENCE = "TOP202611210930ABCD"


@pytest.fixture
def ask(stripe, account):
    def ask(provider_ref, reference=REFERENCE):
        return stripe.query(account, reference=reference, provider_ref=provider_ref)

    return ask


@pytest.fixture
def opened(stripe, account, standin, charge_of):
    """The number of an open session."""
    return stripe.create(account, charge_of()).provider_ref


def test_an_open_session_waits(ask, opened):
    assert ask(opened) == PaymentState(PaymentStatus.WAITING, provider_ref=opened)


def test_a_paid_one_says_what_arrived(ask, paid):
    assert ask(paid["id"]) == PaymentState(
        PaymentStatus.PAID,
        amount=Money(2990, "CNY"),
        txn_id=paid["payment_intent"],
        provider_ref=paid["id"],
        paid_at=datetime.fromtimestamp(1763700000, UTC),
    )


def test_what_arrived_is_told_and_not_what_was_asked_for(ask, standin, paid):
    standin.intents[paid["payment_intent"]]["amount_received"] = 1
    assert ask(paid["id"]).amount == Money(1, "CNY")


@pytest.mark.parametrize(
    ("refunded", "status"), [(0, "paid"), (1000, "paid"), (2989, "paid"), (2990, "refunded"), (5000, "refunded")]
)
def test_what_was_given_back_is_told(ask, standin, paid, refunded, status):
    standin.intents[paid["payment_intent"]]["latest_charge"]["amount_refunded"] = refunded
    found = ask(paid["id"])
    assert (found.status, found.refunded_minor) == (PaymentStatus(status), refunded)


@pytest.mark.parametrize(
    ("intent", "expected"),
    [
        ("processing", PaymentStatus.WAITING),
        ("requires_action", PaymentStatus.WAITING),
        ("requires_payment_method", PaymentStatus.CLOSED),
        ("canceled", PaymentStatus.CLOSED),
    ],
)
def test_a_method_that_takes_days(ask, standin, opened, intent, expected):
    standin.complete(opened, status=intent)
    assert (ask(opened).status, ask(opened).amount) == (expected, None)


def test_an_expired_one_is_closed(ask, standin, opened):
    standin.sessions[opened]["status"] = "expired"
    assert ask(opened) == PaymentState(PaymentStatus.CLOSED, provider_ref=opened)


def test_nothing_to_pay_is_paid(ask, standin, opened):
    standin.sessions[opened] |= {"status": "complete", "payment_status": "no_payment_required", "amount_total": 0}
    assert (ask(opened).status, ask(opened).amount) == (PaymentStatus.PAID, Money(0, "CNY"))


@pytest.mark.parametrize("provider_ref", ["", "../refunds/re_1", "cs test", "cs_test_a1?expand=x", "é"])
def test_what_is_no_number_of_a_session_is_unknown_without_asking(ask, standin, provider_ref):
    assert ask(provider_ref) == PaymentState(PaymentStatus.UNKNOWN)
    assert standin.asked == []


def test_a_number_that_stripe_does_not_know_is_unknown(ask):
    assert ask("cs_test_nowhere") == PaymentState(PaymentStatus.UNKNOWN)


def test_the_session_of_another_order_proves_nothing(ask, paid):
    with pytest.raises(GatewayRefused, match="does not fit what was asked: reference"):
        ask(paid["id"], reference="TOP202611210930WXYZ")


@pytest.mark.parametrize(("name", "value"), [("livemode", True), ("id", "cs_test_other"), ("status", 5)])
def test_a_session_that_does_not_fit_proves_nothing(ask, standin, paid, name, value):
    standin.sessions[paid["id"]] = {**paid, name: value}
    with pytest.raises(GatewayRefused, match=f"does not fit what was asked: {name}"):
        ask(paid["id"])


@pytest.mark.parametrize("status", [None, "unpaid", "of_a_new_kind"])
def test_only_paid_is_paid(ask, standin, paid, status):
    standin.sessions[paid["id"]]["payment_status"] = status
    assert ask(paid["id"]).status is PaymentStatus.WAITING


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("intent", "amount_received", -1),
        ("intent", "amount_received", "2990"),
        ("intent", "currency", None),
        ("intent", "latest_charge", None),
        ("charge", "amount_refunded", None),
        ("charge", "created", "yesterday"),
    ],
)
def test_a_payment_that_cannot_be_read_proves_nothing(ask, standin, paid, part, name, value):
    intent = standin.intents[paid["payment_intent"]]
    (intent if part == "intent" else intent["latest_charge"])[name] = value
    with pytest.raises(GatewayRefused, match=f"does not fit what was asked: {name}"):
        ask(paid["id"])
