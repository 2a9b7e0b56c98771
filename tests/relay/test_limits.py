"""Limits of a key at the relay: exact under parallel callers, told in headers, free again whatever ends a request."""

import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import requests

from config.kernel.money import usd
from relay.runtime import current
from tests.factories import make_channel, make_group, make_price, make_user
from tests.relay import test_crash
from tests.relay.conftest import Caller, chat
from tests.relay.test_leaving import hang_up_after, settled, wait_for
from tests.relay.test_limiter import hanging_server
from tokens.services import issue_token

pytestmark = pytest.mark.live
process = test_crash.process


@pytest.fixture(autouse=True)
def patient(settings):
    """A busy machine is no reason to count elsewhere than in Redis."""
    settings.RELAY_LIMITS_BUDGET = 10.0


def told(response):
    return {name: value for name, value in response.headers.items() if name.startswith("x-ratelimit")}


def slots_of(alice):
    """How many slots are taken, from wherever this run counts them."""
    windows = current().limiter._shared
    if windows is not None:
        return windows._redis.zcard(f"tollbooth:{{{alice.token.public_id}}}:slots")
    return sum(len(key.running) for key in current().limiter._local._keys.values())


def at_once(alice, count, urls):
    """Status codes of `count` parallel calls, spread over the servers."""

    def call(number):
        url = f"{urls[number % len(urls)]}/chat/completions"
        headers = {"Authorization": f"Bearer {alice.key}"}
        return requests.post(url, json=chat(max_tokens=5), headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(40) as pool:
        return Counter(pool.map(call, range(count)))


class TestHeaders:
    LIMITS = {"requests_per_minute": 5, "tokens_per_minute": 100_000}

    def test_a_whole_answer(self, caller_of):
        said = told(caller_of(**self.LIMITS).post(chat(max_tokens=100)))
        assert said["x-ratelimit-limit-requests"] == "5"
        assert said["x-ratelimit-remaining-requests"] == "4"
        assert said["x-ratelimit-reset-requests"] == "61s"
        assert said["x-ratelimit-limit-tokens"] == "100000"
        assert 99_000 < int(said["x-ratelimit-remaining-tokens"]) <= 99_900 - len("Hello there") // 4
        assert said["x-ratelimit-reset-tokens"] == "61s"

    def test_a_stream_an_error_and_a_list(self, caller_of):
        alice = caller_of(**self.LIMITS)
        stream = alice.post(chat(stream=True))
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert told(stream)["x-ratelimit-remaining-requests"] == "4"
        assert told(alice.post({"model": "nothing like it"}))["x-ratelimit-remaining-requests"] == "4"
        assert told(alice.get("/models"))["x-ratelimit-remaining-requests"] == "4"

    def test_only_of_the_limits_there_are(self, caller_of):
        said = told(caller_of(requests_per_minute=5).post(chat()))
        assert set(said) == {f"x-ratelimit-{name}-requests" for name in ("limit", "remaining", "reset")}

    def test_none_without_limits_per_minute(self, caller_of):
        assert told(caller_of(concurrent_requests=3).post(chat())) == {}

    def test_none_without_limits(self, caller_of):
        assert told(caller_of().post(chat())) == {}


class TestRefusals:
    @pytest.mark.parametrize(
        ("limits", "named"),
        [({"requests_per_minute": 1}, "1 requests per minute"), ({"tokens_per_minute": 40}, "40 tokens per minute")],
    )
    def test_a_429_names_the_limit_and_when_to_come_back(self, caller_of, limits, named):
        alice = caller_of(**limits)
        assert alice.post(chat(max_tokens=5)).status_code == 200
        refused = alice.post(chat(max_tokens=30))
        error = refused.json()["error"]
        assert (refused.status_code, error["type"], error["code"]) == (429, "rate_limit_error", "rate_limit_exceeded")
        assert named in error["message"]
        assert 1 <= int(refused.headers["Retry-After"]) <= 61
        assert told(refused)
        assert len(alice.records) == 1

    def test_a_request_without_money_is_given_back(self, caller_of):
        alice = caller_of(requests_per_minute=5, tokens_per_minute=10_000, concurrent_requests=1, daily_cap=1)
        refused = alice.post(chat())
        assert (refused.status_code, refused.json()["error"]["code"]) == (402, "key_quota_exhausted")
        assert told(refused)["x-ratelimit-remaining-requests"] == "5"
        assert told(refused)["x-ratelimit-remaining-tokens"] == "10000"
        assert slots_of(alice) == 0

    def test_an_unknown_model_counts_for_nothing(self, caller_of):
        said = told(caller_of(requests_per_minute=5).post(chat("no-such-model")))
        assert said["x-ratelimit-remaining-requests"] == "5"

    def test_tokens_are_corrected_to_what_was_used(self, caller_of):
        alice = caller_of(tokens_per_minute=100_000)
        used = alice.post(chat(max_tokens=50_000)).json()["usage"]["total_tokens"]
        assert told(alice.get("/models"))["x-ratelimit-remaining-tokens"] == str(100_000 - used)


class TestParallelCallers:
    def test_requests_on_one_process(self, caller_of):
        alice = caller_of(requests_per_minute=12)
        assert at_once(alice, 200, [alice.base_url]) == {200: 12, 429: 188}
        assert len(alice.records) == 12
        assert alice.wallet.held == 0

    def test_slots_on_one_process(self, caller_of, sandbox):
        alice = caller_of(models=["sandbox-slow"], concurrent_requests=2)
        with ThreadPoolExecutor(8) as pool:
            codes = Counter(pool.map(lambda _: alice.post(chat("sandbox-slow", max_tokens=5)).status_code, range(8)))
        assert codes == {200: 2, 429: 6}

    def test_requests_on_two_processes(self, served, process):
        if not os.environ.get("REDIS_URL"):
            pytest.skip("this run has no Redis")
        alice = served(requests_per_minute=12)
        urls = [process(RELAY_LIMITS_BUDGET="10")[1] for _ in range(2)]
        assert at_once(alice, 200, urls) == {200: 12, 429: 188}
        assert len(alice.records) == 12


@pytest.fixture
def served(transactional_db, sandbox):
    """Make a caller for servers in processes of their own."""

    def served(**limits):
        for model in ("sandbox-mini", "sandbox-long"):
            make_price(model, input="1", output="2")
        make_channel(sandbox, models=["sandbox-mini", "sandbox-long"])
        user = make_user(balance="1")
        issued = issue_token(user=user, name="test key", group=make_group(), **limits)
        return Caller("", user, issued.token, issued.plain_key)

    return served


class TestSlots:
    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize("model", ["sandbox-mini", "sandbox-error-500", "sandbox-error-400", "sandbox-cut"])
    def test_are_free_when_the_caller_has_the_answer(self, caller_of, model, stream):
        alice = caller_of(models=[model], concurrent_requests=1)
        codes = {alice.post(chat(model, stream=stream)).status_code for _ in range(3)}
        assert 429 not in codes
        assert slots_of(alice) == 0

    @pytest.mark.parametrize("marker", [b"data: ", b""])
    def test_are_free_when_the_caller_left(self, caller_of, marker):
        alice = caller_of(models=["sandbox-long"], concurrent_requests=1)
        hang_up_after(alice, chat("sandbox-long", stream=True), marker=marker)
        settled(alice)
        wait_for(lambda: slots_of(alice) == 0)

    def test_of_a_killed_process_run_out(self, served, process):
        if not os.environ.get("REDIS_URL"):
            pytest.skip("this run has no Redis")
        alice = served(concurrent_requests=1)
        child, alice.base_url = process(RELAY_LIMITS_BUDGET="10")
        response, _pieces = test_crash.open_stream(alice)
        child.send_signal(signal.SIGKILL)
        child.wait()
        response.close()
        _, alice.base_url = process(RELAY_LIMITS_BUDGET="10")
        assert alice.post(chat()).status_code == 429
        with redis.Redis.from_url(os.environ["REDIS_URL"]) as server:
            slots = f"tollbooth:{{{alice.token.public_id}}}:slots"
            ((slot, until),) = server.zrange(slots, 0, -1, withscores=True)
            assert until <= server.time()[0] + 15
            server.zadd(slots, {slot: server.time()[0] - 1})  # fifteen seconds later
        assert alice.post(chat()).status_code == 200


class TestWithoutRedis:
    def test_a_redis_that_hangs_is_left_alone_and_money_is_right(self, caller_of, settings):
        settings.RELAY_LIMITS_BUDGET = 0.1
        with hanging_server() as settings.REDIS_URL:
            alice = caller_of(requests_per_minute=3, concurrent_requests=1)
            codes = [alice.post(chat()).status_code for _ in range(4)]
            assert codes == [200, 200, 200, 429]
            assert current().limiter._shared is not None
        charged = sum(record.charge for record in alice.records)
        assert charged > 0
        assert (alice.wallet.balance, alice.wallet.held) == (usd("1") - charged, 0)

    def test_a_redis_lost_in_the_middle_of_a_stream(self, caller_of):
        alice = caller_of(models=["sandbox-pro"], requests_per_minute=3)
        response = alice.post(chat("sandbox-pro", stream=True), stream=True)
        pieces = response.iter_content(None)
        next(pieces)
        current().limiter._leave_alone("for the test")
        assert b"".join(pieces).endswith(b"data: [DONE]\n\n")
        (record,) = alice.records
        assert (alice.wallet.balance, alice.wallet.held) == (usd("1") - record.charge, 0)
