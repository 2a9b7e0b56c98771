"""Plant each bug and see a test of ours, named here, turn red; without the bug the same test is green."""

import pytest

from billing.holds import Settlement
from billing.lots import Lot, commit, place_hold, settle
from billing.pricing import Usage, charge
from billing.proof import check_books
from tests.billing.peer_bugs import bugs
from tests.billing.test_holds import test_a_second_settlement_changes_nothing as a_second_settlement_changes_nothing
from tests.billing.test_usage_counts import (
    test_a_count_that_cannot_be_believed_leaves_nothing_to_charge_by as a_mad_count_is_nothing_to_charge_by,
)
from tests.billing.test_writer import test_closing_finishes_what_was_accepted as closing_finishes_what_was_accepted
from tests.factories import make_hold, make_price, make_token, make_user
from tests.relay.conftest import caller_of, relay, sandbox
from tests.relay.test_upstream_faults import (
    test_an_upstream_that_fails_before_its_answer as a_failing_upstream_costs_nothing,
)

__all__ = ["caller_of", "relay", "sandbox"]  # fixtures
pytestmark = [pytest.mark.money, pytest.mark.live, pytest.mark.django_db(transaction=True)]


def broken_invariants():
    return {violation.invariant for violation in check_books()}


def in_one_lot_the_earlier_holds_win():
    token = make_token(make_user(balance="1"))
    refusals = commit(Lot(holds=[make_hold(token) for _ in range(40)])).refusals
    assert [refusal is None for refusal in refusals] == [True] * 10 + [False] * 30


def test_check_then_act(monkeypatch):
    in_one_lot_the_earlier_holds_win()
    bugs.check_then_act(monkeypatch)
    with pytest.raises(Exception, match="wallet_balance_covers_held"):  # the last line of defence
        in_one_lot_the_earlier_holds_win()


def test_a_hold_that_is_kept_on_error(monkeypatch, caller_of):
    bugs.hold_kept_on_error(monkeypatch)
    with pytest.raises(AssertionError):
        a_failing_upstream_costs_nothing(caller_of, "sandbox-error-500", 502, "upstream_error", False)


def test_negative_usage_that_is_believed(monkeypatch):
    a_mad_count_is_nothing_to_charge_by(-1)
    bugs.negative_usage_is_believed(monkeypatch)
    with pytest.raises(AssertionError):
        a_mad_count_is_nothing_to_charge_by(-1)


def one_call_settled_twice():
    """Beside a call that still runs, so that the wallet holds enough to be given back twice."""
    make_price()
    token = make_token(make_user(balance="1"))
    first, running = make_hold(token), make_hold(token)
    place_hold(first)
    place_hold(running)
    usage = Usage(input=100, output=100)
    ending = Settlement(first.id, "settled", "completed", "reported", usage, charge(usage, first.quote).total)
    settle(ending)
    settle(ending)


def test_a_call_that_is_settled_twice(monkeypatch):
    one_call_settled_twice()
    assert broken_invariants() == set()
    bugs.settled_twice(monkeypatch)
    one_call_settled_twice()
    assert broken_invariants() >= {"balance", "held", "used"}
    with pytest.raises(Exception, match="_negative"):
        a_second_settlement_changes_nothing()


def test_a_lot_that_is_lost_at_shutdown(monkeypatch):
    closing_finishes_what_was_accepted()
    bugs.lot_lost_at_shutdown(monkeypatch)
    with pytest.raises(AssertionError):
        closing_finishes_what_was_accepted()
