"""The loop over the targets of one request, with real health and limits and attempts that a test writes."""

import asyncio

import pytest

from config.kernel.errors import RateLimited, UpstreamFailed
from relay.attempts import MAX_ATTEMPTS, Attempts
from relay.blame import Blame
from relay.health import FAILURES_IN_A_ROW, FIRST_PAUSE, Health
from relay.limits import Limiter
from relay.routing import Route
from relay.upstream import Failure
from tests.factories import make_target


class Keeper:
    """A process with a clock of its own, which remembers the keys that were reported."""

    def __init__(self):
        self.now = 1000.0
        self.health = Health(lambda: self.now)
        self.limiter = Limiter()
        self.reported = []

    def report_refused(self, target, failure):
        self.reported.append(target.key_id)


@pytest.fixture
def keeper():
    return Keeper()


def channel(number, *, keys=(None,), **fields):
    return [
        make_target("http://localhost", channel_id=number, channel_name=f"c{number}", key_id=key, **fields)
        for key in keys
    ]


def failed(status, *, retry_after=None):
    if status == 429:
        return Failure(RateLimited("slow", retry_after=retry_after), may_fail_over=True, upstream_status=429)
    return Failure(UpstreamFailed("no"), may_fail_over=True, upstream_status=status)


def attempts(keeper, *channels, id="r1"):
    targets = tuple(target for keys in channels for target in keys)
    return Attempts(Route("default", 1_000_000, targets), keeper=keeper, id=id)


def run(tries, *outcomes):
    """Run them; each outcome is raised or returned, in turn. Returns what came out, or the Failure's error."""
    left = list(outcomes)

    async def attempt(_target):
        outcome = left.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    try:
        return asyncio.run(tries.run(attempt))
    except Failure as failure:
        return failure.error


def statuses(tries):
    return [(record["channel"], record["status"]) for record in tries.records]


def test_no_more_than_three_attempts(keeper):
    tries = attempts(keeper, *(channel(number) for number in range(6)))
    error = run(tries, *[failed(500)] * 6)
    assert (error.code, len(tries.records)) == ("upstream_error", MAX_ATTEMPTS)


def test_no_attempt_begins_when_the_time_is_over(keeper, settings):
    settings.RELAY_FAILOVER_SECONDS = 0
    tries = attempts(keeper, channel(1), channel(2))
    assert run(tries, failed(500), "never").code == "upstream_error"
    assert statuses(tries) == [("c1", 500)]


def test_other_keys_of_a_failed_channel_are_not_tried(keeper):
    tries = attempts(keeper, channel(1, keys=(1, 2, 3)), channel(2, keys=(4,)))
    assert run(tries, failed(503), "answer") == "answer"
    assert [statuses(tries), tries.target.key_id] == [[("c1", 503), ("c2", 200)], 4]


@pytest.mark.parametrize("status", [429, 401])
def test_other_keys_of_a_limited_or_refused_one_are(keeper, status):
    tries = attempts(keeper, channel(1, keys=(1, 2)), channel(2, keys=(3,)))
    assert run(tries, failed(status, retry_after=5), "answer") == "answer"
    assert tries.target.key_id == 2
    assert keeper.reported == ([1] if status == 401 else [])


def test_what_no_other_channel_can_mend_is_told(keeper):
    final = Failure(UpstreamFailed("bad"), may_fail_over=False, upstream_status=400)
    tries = attempts(keeper, channel(1), channel(2))
    assert run(tries, final, "never").message == "bad"
    assert final.blame is Blame.CALLER


def test_a_failure_is_told_before_a_limit(keeper):
    error = run(attempts(keeper, channel(1), channel(2)), failed(500), failed(429, retry_after=3))
    assert error.status == 502


def test_the_shortest_wait_is_told_tried_or_not(keeper):
    run(attempts(keeper, channel(1)), failed(429, retry_after=9))
    keeper.now += 7
    error = run(attempts(keeper, channel(1), channel(2)), failed(429, retry_after=5))
    assert (error.status, error.retry_after) == (429, 2)


def test_open_circuits_are_told_at_once(keeper):
    for _ in range(FAILURES_IN_A_ROW):
        run(attempts(keeper, channel(1)), failed(500))
    tries = attempts(keeper, channel(1))
    error = run(tries)
    assert (error.status, error.code, error.retry_after) == (503, "no_available_channel", FIRST_PAUSE)
    assert (tries.records, tries.target) == ([], None)


@pytest.mark.parametrize("interruption", [asyncio.CancelledError, ZeroDivisionError])
def test_a_probe_that_is_broken_off_leaves_its_place(keeper, interruption):
    for _ in range(FAILURES_IN_A_ROW):
        run(attempts(keeper, channel(1)), failed(500))
    keeper.now += FIRST_PAUSE
    with pytest.raises(interruption):
        run(attempts(keeper, channel(1)), interruption())
    assert run(attempts(keeper, channel(1)), "answer") == "answer"


def test_a_slot_is_free_after_a_failure_and_after_leaving(keeper):
    def begun(id):
        return attempts(keeper, channel(1, max_concurrent=1), id=id)

    assert run(begun("a"), failed(500)).status == 502
    running = begun("b")
    assert run(running, "answer") == "answer"
    assert run(begun("c"), "never").status == 429
    asyncio.run(running.leave())
    asyncio.run(running.leave())
    assert run(begun("d"), "answer") == "answer"


def test_an_answer_that_broke_off_counts_against_its_channel(keeper):
    for _ in range(6):
        tries = attempts(keeper, channel(1))
        run(tries, "answer")
        tries.broke_off()
    assert run(attempts(keeper, channel(1)), "never").code == "no_available_channel"
