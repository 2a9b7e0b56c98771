"""The limiter beside a Redis that is not there: a breaker leaves it alone, and each process counts for itself."""

import asyncio
import os
import socket
from contextlib import contextmanager

import pytest

from config.kernel.ids import uuid7
from relay import limits
from relay.limits import Limiter
from relay.windows import Ask, Limit


@contextmanager
def hanging_server():
    """Accepts connections (as far as its backlog goes) and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


@contextmanager
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    yield f"redis://127.0.0.1:{port}/0"


def ask(**limits):
    return Ask(**({"max_requests": None, "max_tokens": None, "max_concurrent": None} | limits), **identity())


def identity():
    return {"key": "key_1", "id": str(uuid7()), "tokens": 0}


def with_limiter(url, work, **options):
    async def run():
        limiter = Limiter(url, **options)
        try:
            return await work(limiter)
        finally:
            await limiter.close()

    return asyncio.run(run())


@pytest.mark.parametrize("server", [hanging_server, closed_port])
def test_limits_hold_in_the_process_and_redis_is_left_alone(server, monkeypatch):
    asked = []
    monkeypatch.setattr(limits.SharedWindows, "admit", _noting(asked, limits.SharedWindows.admit))

    async def work(limiter):
        assert limiter.is_shared
        admissions = [await limiter.admit(ask(max_requests=2)) for _ in range(3)]
        assert not limiter.is_shared
        return [admission.answer.refused_by for admission in admissions]

    with server() as url:
        assert with_limiter(url, work) == [Limit.NONE, Limit.NONE, Limit.REQUESTS]
    assert len(asked) == 1


def _noting(asked, admit):
    def noted(self, each):
        asked.append(each)
        return admit(self, each)

    return noted


def test_of_many_that_wait_one_finds_out():
    async def work(limiter):
        admissions = await asyncio.gather(*(limiter.admit(ask(max_requests=5)) for _ in range(40)))
        return [admission.answer.refused_by for admission in admissions].count(Limit.NONE)

    with hanging_server() as url:
        assert with_limiter(url, work) == 5


def test_waiting_for_redis_has_a_budget_below_a_tenth_of_a_second():
    limiter = Limiter("redis://127.0.0.1:1/0")
    options = limiter._shared._redis.connection_pool.connection_kwargs
    assert options["socket_connect_timeout"] + options["socket_timeout"] <= limiter._budget <= 0.1
    assert options["retry"].get_retries() == 0


def test_redis_is_asked_again_after_the_break(monkeypatch):
    url = os.environ.get("REDIS_URL") or pytest.skip("this run has no Redis")

    async def work(limiter):
        limiter._leave_alone("for the test")
        local = await limiter.admit(ask(max_requests=9))
        limiter._away_until = 0.0
        shared = await limiter.admit(ask(max_requests=9))
        return local.windows is limiter._local, shared.windows is limiter._shared

    assert with_limiter(url, work, budget=10) == (True, True)


def test_what_redis_counted_is_not_freed_elsewhere(monkeypatch):
    url = os.environ.get("REDIS_URL") or pytest.skip("this run has no Redis")

    async def work(limiter):
        asked = ask(max_requests=9, max_concurrent=1)
        admission = await limiter.admit(asked)
        limiter._leave_alone("for the test")
        await limiter.end(asked, admission, requests=-1)
        return (await limiter.look(asked)).answer.requests, limiter._running

    assert with_limiter(url, work, budget=10) == (0, {})
