"""Slow and dead names: given up in time, remembered for a while, asked for by one thread."""

import asyncio
import threading
from contextlib import suppress

import pytest

from config.egress.errors import NameUnresolved
from config.egress.names import DEAD_SECONDS, Names
from tests.egress import zone


class Clock:
    now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def names(clock):
    return Names(zone.lookup, patience=0.5, clock=clock)


@pytest.fixture
def silence():
    """A name server that does not answer until the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def ask(names, host):
    return asyncio.run(names.addresses_soon(host))


def both_fail(names, host, reason):
    with pytest.raises(NameUnresolved, match=reason):
        names.addresses(host)
    with pytest.raises(NameUnresolved, match=reason):
        ask(names, host)


def at_last(names, host):
    """The answer, as soon as the look-up that is under way has it; the clock stands still meanwhile."""
    while True:
        with suppress(NameUnresolved):
            return names.addresses(host)
        threading.Event().wait(0.001)


def test_an_answer_is_an_answer(names):
    host = zone.name(["1.1.1.1", "1.0.0.1"])
    assert names.addresses(host) == ask(names, host) == ["1.1.1.1", "1.0.0.1"]


def test_a_slow_name_is_given_up(names, silence):
    both_fail(names, zone.name(silence), "could not be looked up within 0.5 s")


def test_a_name_and_a_connection_have_five_seconds_each(settings):
    assert 0 < settings.EGRESS_LOOKUP_TIMEOUT <= 5
    assert 0 < settings.RELAY_CONNECT_TIMEOUT <= 5


def test_a_slow_name_has_one_look_up_however_many_wait(names, clock, silence):
    host = zone.name(silence)
    for _ in range(5):
        both_fail(names, host, "within")
        clock.now += DEAD_SECONDS + 1
    assert zone.asked[host] == 1


def test_other_names_do_not_wait_for_slow_ones(names, silence):
    async def many():
        slow = [names.addresses_soon(zone.name(silence)) for _ in range(60)]
        quick = [names.addresses_soon(zone.name(["1.1.1.1"])) for _ in range(20)]
        return await asyncio.gather(*slow, *quick, return_exceptions=True)

    outcomes = asyncio.run(many())
    assert all(isinstance(outcome, NameUnresolved) for outcome in outcomes[:60])
    assert outcomes[60:] == [["1.1.1.1"]] * 20


def test_a_name_that_was_only_slow_works_as_soon_as_it_answers(names, silence):
    host = zone.name(silence, ["1.1.1.1"])
    both_fail(names, host, "within")
    silence.set()
    assert at_last(names, host) == ["1.1.1.1"]


def test_a_dead_name_is_not_asked_for_again_until_a_while_has_passed(names, clock):
    host = zone.name(zone.unknown(), ["1.1.1.1"])
    for _ in range(3):
        both_fail(names, host, "This host name is unknown: host")
    assert zone.asked[host] == 1
    clock.now += DEAD_SECONDS
    assert names.addresses(host) == ["1.1.1.1"]


@pytest.mark.parametrize("trouble", [UnicodeError("label too long"), OSError(5, "Input/output error"), KeyError("bug")])
def test_whatever_breaks_in_a_look_up_is_told_to_those_who_wait(names, trouble):
    both_fail(names, zone.name(trouble), "host name is unknown")


def test_one_caller_who_leaves_does_not_take_the_answer_from_the_others(clock, silence):
    patient = Names(zone.lookup, patience=10, clock=clock)
    host = zone.name(silence, ["1.1.1.1"])

    async def two():
        leaver, stayer = (asyncio.create_task(patient.addresses_soon(host)) for _ in range(2))
        await asyncio.sleep(0)
        leaver.cancel()
        await asyncio.sleep(0)
        silence.set()
        return await stayer

    assert asyncio.run(two()) == ["1.1.1.1"]
    assert zone.asked[host] == 1 + 1  # the event's answer, and the one after it: a single look-up


def test_a_loop_that_has_ended_is_no_trouble(names, silence, caplog):
    host = zone.name(silence, ["1.1.1.1"])
    with pytest.raises(NameUnresolved):
        ask(names, host)
    silence.set()
    assert at_last(names, host)
    assert caplog.records == []
