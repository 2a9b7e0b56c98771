"""A gateway that keeps everybody waiting holds up one turn, not the worker."""

from itertools import count

import pytest

from orders.payments import pacing, polling
from tests.orders.shop import order_top_up, pay
from tests.orders.test_polling import age


@pytest.fixture
def slow_clock(monkeypatch):
    """Each look at the clock is fifteen seconds later."""
    ticks = count(0, 15)
    monkeypatch.setattr(pacing, "monotonic", lambda: next(ticks))


def test_one_row_at_least_and_no_more_than_fit(slow_clock):
    assert list(pacing.for_a_turn(range(10))) == [0, 1]


def test_nothing_is_a_turn_too():
    assert list(pacing.for_a_turn([])) == []


@pytest.mark.django_db
def test_the_next_turn_goes_on_where_this_one_stopped(shop, gateway, slow_clock):
    attempts = [pay(order_top_up()) for _ in range(4)]
    for attempt in attempts:
        age(attempt.order, minutes=1)
    asked = []
    gateway.query = lambda _account, *, reference, provider_ref: (
        asked.append(reference) or polling.PaymentState(polling.PaymentStatus.WAITING)
    )
    polling.poll_due()
    assert len(asked) == 2
    polling.poll_due()
    assert sorted(asked) == sorted(attempt.number for attempt in attempts)
