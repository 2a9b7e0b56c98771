"""Circuits and rests, by a clock that the test turns."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from relay.blame import Blame
from relay.health import (
    FAILURES_IN_A_ROW,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    REFUSED_SECONDS,
    WINDOW_SECONDS,
    Health,
    Standing,
)
from tests.factories import make_target

ONE = make_target("http://localhost", key_id=1)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def health(clock):
    return Health(clock)


def fail(health, times=1, target=ONE):
    for _ in range(times):
        health.fail(target, Blame.CHANNEL, is_probe=health.enter(target))


def opened(health, clock, target=ONE):
    """Open the circuit and let its pause pass."""
    fail(health, FAILURES_IN_A_ROW, target)
    clock.now += FIRST_PAUSE


# ── Circuits ─────────────────────────────────────────────────────────────────


def test_failures_in_a_row_open_the_circuit_for_a_while(health, clock):
    fail(health, FAILURES_IN_A_ROW - 1)
    assert health.is_up(ONE)
    fail(health)
    assert health.look(ONE) == (Standing.OPEN, FIRST_PAUSE)
    clock.now += FIRST_PAUSE - 1
    assert health.look(ONE) == (Standing.OPEN, 1)
    clock.now += 1
    assert health.is_up(ONE)


def test_a_success_between_them_starts_the_row_again(health):
    fail(health, FAILURES_IN_A_ROW - 1)
    health.succeed(ONE)
    fail(health, FAILURES_IN_A_ROW - 1)
    assert health.is_up(ONE)


def test_half_of_many_outcomes_failing_opens_it(health):
    for _ in range(4):
        fail(health)
        health.succeed(ONE)
    assert health.is_up(ONE)
    health.succeed(ONE)
    fail(health)
    assert not health.is_up(ONE)


def test_old_failures_count_no_more(health, clock):
    for _ in range(4):
        fail(health)
        health.succeed(ONE)
    clock.now += WINDOW_SECONDS + 1
    health.succeed(ONE)
    fail(health)
    assert health.is_up(ONE)


def test_one_request_at_a_time_tells_whether_it_works_again(health, clock):
    opened(health, clock)
    assert health.enter(ONE) is True
    assert health.look(ONE).standing is Standing.OPEN
    health.succeed(ONE, is_probe=True)
    assert health.is_up(ONE)
    assert health.enter(ONE) is False


def test_a_probe_that_fails_doubles_the_pause_up_to_a_limit(health, clock):
    opened(health, clock)
    pause = FIRST_PAUSE
    for _ in range(8):
        health.fail(ONE, Blame.CHANNEL, is_probe=health.enter(ONE))
        pause = min(pause * 2, LONGEST_PAUSE)
        assert health.look(ONE).wait == pause
        clock.now += pause


def test_a_probe_that_tells_nothing_makes_room_for_another(health, clock):
    opened(health, clock)
    health.leave(ONE, is_probe=health.enter(ONE))
    assert health.enter(ONE) is True


def test_requests_from_before_it_opened_change_nothing(health, clock):
    opened(health, clock)
    health.succeed(ONE, is_probe=False)
    fail_wait = health.look(ONE)
    health.fail(ONE, Blame.CHANNEL, is_probe=False)
    assert health.look(ONE) == fail_wait
    assert health.enter(ONE) is True


def test_a_bad_request_is_a_sign_of_life(health, clock):
    opened(health, clock)
    health.fail(ONE, Blame.CALLER, is_probe=health.enter(ONE))
    assert health.enter(ONE) is False


def test_a_circuit_is_that_of_a_model(health):
    fail(health, FAILURES_IN_A_ROW)
    assert health.is_up(make_target("http://localhost", model="other", key_id=1))
    assert health.is_up(make_target("http://localhost", channel_id=2, key_id=1))
    assert not health.is_up(make_target("http://localhost", key_id=2))


# ── Rests ────────────────────────────────────────────────────────────────────


def test_a_limited_key_rests_as_long_as_the_upstream_says(health, clock):
    health.fail(ONE, Blame.LIMIT, retry_after=7)
    assert health.look(ONE) == (Standing.RESTING, 7)
    assert health.is_up(make_target("http://localhost", key_id=2))
    assert health.is_up(make_target("http://localhost", key_id=1, model="other"))
    clock.now += 7
    assert health.is_up(ONE)


def test_limits_never_open_a_circuit(health, clock):
    for _ in range(50):
        health.fail(ONE, Blame.LIMIT, retry_after=1)
    clock.now += 1
    assert health.is_up(ONE)


def test_a_limited_probe_is_a_sign_of_life_and_no_more(health, clock):
    opened(health, clock)
    health.fail(ONE, Blame.LIMIT, retry_after=3, is_probe=health.enter(ONE))
    clock.now += 3
    assert health.enter(ONE) is True


def test_a_refused_key_rests_for_all_models_and_is_news_once(health, clock):
    assert health.fail(ONE, Blame.KEY)
    assert not health.fail(ONE, Blame.KEY)
    for model in ("m", "other"):
        assert health.look(make_target("http://localhost", key_id=1, model=model)).standing is Standing.OPEN
    assert health.is_up(make_target("http://localhost", key_id=2))
    clock.now += REFUSED_SECONDS
    assert health.is_up(ONE)
    assert health.fail(ONE, Blame.KEY)


class Traffic(RuleBasedStateMachine):
    """Whatever happens in whatever order, a target comes back by itself and never has two probes."""

    def __init__(self):
        super().__init__()
        self.clock = Clock()
        self.health = Health(self.clock)
        self.running = []

    @precondition(lambda self: self.health.is_up(ONE))
    @rule()
    def begin(self):
        self.running.append(self.health.enter(ONE))

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 99), how=st.sampled_from(["succeed", "leave", *Blame]))
    def end(self, which, how):
        is_probe = self.running.pop(which % len(self.running))
        match how:
            case "succeed":
                self.health.succeed(ONE, is_probe=is_probe)
            case "leave":
                self.health.leave(ONE, is_probe=is_probe)
            case blame:
                self.health.fail(ONE, blame, retry_after=5, is_probe=is_probe)

    @rule(seconds=st.sampled_from([0.5, 1, 5, 30, 120]))
    def wait(self, seconds):
        self.clock.now += seconds

    @invariant()
    def one_probe_at_most(self):
        assert self.running.count(True) <= 1

    @invariant()
    def waits_are_bounded(self):
        verdict = self.health.look(ONE)
        assert (verdict.standing is Standing.READY) == (verdict.wait == 0)
        assert verdict.wait <= LONGEST_PAUSE

    def teardown(self):
        while self.running:
            self.end(0, "leave")
        self.clock.now += LONGEST_PAUSE
        assert self.health.is_up(ONE)


TestTraffic = Traffic.TestCase
TestTraffic.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
