"""The counts behind a key's limits, in process and in Redis: the same rules, the same answers."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from config.kernel.ids import uuid7
from relay.shared_windows import SharedWindows
from relay.windows import Ask, Limit, LocalWindows

ASK = Ask(key="key_1", id="a", tokens=0, max_requests=None, max_tokens=None, max_concurrent=None)


class Clock:
    """A clock of whole seconds that stands still until it is moved."""

    def __init__(self):
        self.now = 1_000

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def shared():
    if not os.environ.get("REDIS_URL"):
        pytest.skip("this run has no Redis")
    windows = SharedWindows(os.environ["REDIS_URL"], budget=10)
    yield windows
    windows.close()


@pytest.fixture(params=["local", "shared"])
def windows(request, clock):
    return LocalWindows(clock) if request.param == "local" else request.getfixturevalue("shared")


def ask(**fields):
    return replace(ASK, **({"id": str(uuid7())} | fields))


def refusals(windows, asks):
    return [windows.admit(each).refused_by for each in asks]


def test_requests_to_the_last_one(windows):
    asks = [ask(max_requests=3) for _ in range(5)]
    assert refusals(windows, asks) == [0, 0, 0, Limit.REQUESTS, Limit.REQUESTS]
    assert windows.look(asks[0]).requests == 3


def test_tokens_to_the_last_one(windows):
    assert refusals(windows, [ask(max_tokens=10, tokens=6), ask(max_tokens=10, tokens=5)]) == [0, Limit.TOKENS]
    assert windows.admit(ask(max_tokens=10, tokens=4)).tokens == 10


def test_slots_until_they_are_free(windows):
    first, second, third = (ask(max_concurrent=1) for _ in range(3))
    answer = windows.admit(first)
    assert windows.admit(second).refused_by == Limit.CONCURRENT
    windows.end(first, second=answer.second, requests=0, tokens=0)
    assert refusals(windows, [second, third]) == [0, Limit.CONCURRENT]


@pytest.mark.parametrize(
    "limits", [{"max_requests": 1}, {"max_tokens": 5, "tokens": 5}, {"max_concurrent": 1, "tokens": 5}]
)
def test_a_refusal_counts_nothing(windows, limits):
    windows.admit(ask(**limits))
    before = windows.look(ask(**limits))
    refused = windows.admit(ask(**limits))
    assert refused.refused_by != Limit.NONE
    assert refused.retry_after >= 1
    assert windows.look(ask(**limits))[3:] == before[3:] == refused[3:]


def test_each_key_has_its_own(windows):
    assert refusals(windows, [ask(max_requests=1), ask(max_requests=1, key="key_2")]) == [0, 0]


def test_an_estimate_is_put_right(windows):
    asked = ask(max_tokens=100, tokens=90)
    answer = windows.admit(asked)
    windows.end(asked, second=answer.second, requests=0, tokens=-60)
    assert windows.look(asked).tokens == 30
    windows.end(asked, second=answer.second, requests=0, tokens=200)
    assert windows.look(asked).tokens == 230
    assert windows.admit(asked).refused_by == Limit.TOKENS


def test_nothing_falls_below_zero(windows):
    asked = ask(max_requests=5, max_tokens=5, tokens=2)
    answer = windows.admit(asked)
    windows.end(asked, second=answer.second, requests=-7, tokens=-7)
    seen = windows.look(asked)
    assert (seen.requests, seen.tokens) == (0, 0)


def test_what_ends_after_its_minute_takes_nothing_from_now(windows):
    asked = ask(max_requests=5, max_tokens=9, tokens=4)
    answer = windows.admit(asked)
    windows.end(asked, second=answer.second - 100, requests=-1, tokens=-4)
    seen = windows.look(asked)
    assert (seen.requests, seen.tokens) == (1, 4)


def test_a_larger_request_than_the_limit_is_told_to_wait_a_window(windows):
    refused = windows.admit(ask(max_tokens=5, tokens=6))
    assert (refused.refused_by, refused.retry_after) == (Limit.TOKENS, 60)


def test_the_window_slides(clock):
    windows = LocalWindows(clock)
    two = {"max_requests": 2}
    windows.admit(ask(**two))
    clock.now += 30
    windows.admit(ask(**two))
    refused = windows.admit(ask(**two))
    assert (refused.retry_after, refused.requests_reset) == (31, 61)
    clock.now += 30
    assert windows.admit(ask(**two)).refused_by == Limit.REQUESTS
    clock.now += 1
    assert refusals(windows, [ask(**two), ask(**two)]) == [0, Limit.REQUESTS]


def test_seconds_of_redis_age_as_well(shared):
    asked = ask(max_requests=2, max_tokens=9, tokens=4)
    now = shared.admit(asked).second
    for kind, number in (("requests", 1), ("tokens", 4)):
        key = f"tollbooth:{{{asked.key}}}:{kind}"
        shared._redis.delete(key)
        shared._redis.hset(key, mapping={now - 50: number, now - 70: 100})
    seen = shared.look(asked)
    assert (seen.requests, seen.tokens) == (1, 4)
    assert 5 <= seen.requests_reset <= 11


def test_keys_of_redis_expire(shared):
    asked = ask(max_requests=2, max_tokens=9, tokens=4)
    shared.admit(asked)
    kept = list(shared._redis.scan_iter("tollbooth:*"))
    assert len(kept) == 3
    assert all(0 < shared._redis.ttl(key) <= 120 for key in kept)


def test_a_slot_that_nobody_prolongs_runs_out(shared):
    dead, alive, late = (ask(max_concurrent=2) for _ in range(3))
    refusals(shared, [dead, alive])
    slots = f"tollbooth:{{{dead.key}}}:slots"
    shared._redis.zadd(slots, {dead.id: 1, alive.id: 1})  # both ran out long ago; one of them says that it still runs
    shared.prolong([alive, late])
    assert refusals(shared, [late, ask(max_concurrent=2)]) == [0, Limit.CONCURRENT]


def test_a_key_that_rests_is_forgotten(clock):
    windows = LocalWindows(clock)
    asked = ask(max_requests=5, max_concurrent=5)
    windows.admit(asked)
    clock.now += 61
    windows.prolong(())
    assert windows._keys
    windows.end(asked, second=1_000, requests=0, tokens=0)
    windows.prolong(())
    assert not windows._keys


def test_two_hundred_at_once_from_several_connections(shared):
    others = [SharedWindows(os.environ["REDIS_URL"], budget=10) for _ in range(4)]
    asks = [ask(max_requests=50) for _ in range(200)]
    try:
        with ThreadPoolExecutor(4) as pool:
            parts = pool.map(refusals, others, [asks[number::4] for number in range(4)])
            told = Counter(refusal for part in parts for refusal in part)
    finally:
        for other in others:
            other.close()
    assert told == {Limit.NONE: 50, Limit.REQUESTS: 150}
