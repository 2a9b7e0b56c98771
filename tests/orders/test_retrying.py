"""A transaction that lost a race is done again; one that failed for another reason is not."""

import pytest
from django.db import IntegrityError, OperationalError

from orders.payments.retrying import TRIES, again_after_races


class Deadlock(Exception):
    sqlstate = "40P01"


class Shutdown(Exception):
    sqlstate = "57P01"


def caused(by, text=""):
    error = OperationalError(text)
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    "error", [IntegrityError("unique"), caused(Deadlock()), OperationalError("database is locked")]
)
def test_a_lost_race_is_run_again(error):
    failures = [error] * (TRIES - 1)

    @again_after_races
    def work():
        if failures:
            raise failures.pop()
        return "done"

    assert work() == "done"


def test_after_so_many_tries_the_error_is_told():
    calls = []

    @again_after_races
    def work():
        calls.append(1)
        raise IntegrityError("unique")

    with pytest.raises(IntegrityError):
        work()
    assert len(calls) == TRIES


@pytest.mark.parametrize("error", [caused(Shutdown()), ValueError("a bug")])
def test_another_failure_is_told_at_once(error):
    calls = []

    @again_after_races
    def work():
        calls.append(1)
        raise error

    with pytest.raises(type(error)):
        work()
    assert len(calls) == 1
