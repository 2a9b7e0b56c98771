"""Channels that limit, fail or refuse: who is tried, who is left alone, and what the caller is told."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from config.kernel.money import usd
from relay.health import FAILURES_IN_A_ROW, FIRST_PAUSE, Health
from relay.models import Channel
from relay.runtime import current
from tests.relay.conftest import chat
from tests.relay.odd_upstream import Answer, error, odd_upstream
from tests.relay.odd_upstream import chat as answer
from tests.relay.test_leaving import wait_for

pytestmark = pytest.mark.live

LIMITED = Answer({"error": {"message": "Slow down."}}, status=429, headers={"Retry-After": "7"})
REFUSED = error(401, "No such key.")
BROKEN = error(500, "Oh no.")


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def upstreams():
    """`upstreams(answers, …)`: one odd upstream for each list of answers."""
    with ExitStack() as stack:
        yield lambda *plans: [stack.enter_context(odd_upstream(chat=plan)) for plan in plans]


@pytest.fixture
def house_of(caller_of):
    """`house_of(upstream, …)`: a caller, one channel to each, the first preferred; and the clock of their health."""

    def house_of(*upstreams, **fields):
        channels = [
            {"base_url": upstream.base_url, "name": f"channel {number}", "priority": -number, **fields}
            for number, upstream in enumerate(upstreams)
        ]
        alice, clock = caller_of(models=["house"], channels=channels), Clock()
        current().health = Health(clock)
        return alice, clock

    return house_of


def ask(alice, **fields):
    return alice.post(chat("house", **fields))


def tried(record):
    return [(attempt["channel"], attempt["status"]) for attempt in record.attempts]


def nothing_is_held(alice):
    assert alice.wallet.held == 0
    assert alice.wallet.balance == usd("1") - sum(record.charge for record in alice.records)


# ── Limits of the upstream ───────────────────────────────────────────────────


def test_a_limited_channel_is_left_alone_as_long_as_it_said(upstreams, house_of):
    first, second = upstreams([LIMITED, answer()], answer())
    alice, clock = house_of(first, second)
    assert [ask(alice).status_code for _ in range(3)] == [200, 200, 200]
    assert (len(first.asked), len(second.asked)) == (1, 3)
    clock.now += 7
    assert ask(alice).status_code == 200
    assert (len(first.asked), len(second.asked)) == (2, 3)
    assert [tried(record) for record in alice.records] == [
        [("channel 0", 429), ("channel 1", 200)],
        [("channel 1", 200)],
        [("channel 1", 200)],
        [("channel 0", 200)],
    ]
    nothing_is_held(alice)


def test_while_all_are_limited_the_caller_is_told_at_once_for_how_long(upstreams, house_of):
    sooner = Answer({"error": {"message": "Slow down."}}, status=429, headers={"Retry-After": "3"})
    first, second = upstreams(LIMITED, sooner)
    alice, clock = house_of(first, second)
    response = ask(alice)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "3")
    clock.now += 1
    response = ask(alice)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "2")
    assert response.json()["error"]["code"] == "rate_limit_exceeded"
    assert (len(first.asked), len(second.asked)) == (1, 1)
    assert alice.records[1].attempts == []
    nothing_is_held(alice)


def test_another_key_of_a_limited_channel_takes_over(upstreams, house_of):
    (upstream,) = upstreams([LIMITED, answer(), answer()])
    alice, _clock = house_of(upstream, secret=["key-one", "key-two"])
    assert [ask(alice).status_code for _ in range(2)] == [200, 200]
    limited, other, again = upstream.keys
    assert {limited, other} == {"Bearer key-one", "Bearer key-two"}
    assert again == other


# ── Circuits ─────────────────────────────────────────────────────────────────


def test_a_channel_that_keeps_failing_is_left_alone(upstreams, house_of):
    first, second = upstreams(BROKEN, answer())
    alice, _clock = house_of(first, second)
    assert {ask(alice).status_code for _ in range(FAILURES_IN_A_ROW + 3)} == {200}
    assert len(first.asked) == FAILURES_IN_A_ROW
    assert tried(alice.records[-1]) == [("channel 1", 200)]


def test_while_every_circuit_is_open_the_caller_is_told_at_once(upstreams, house_of):
    (upstream,) = upstreams([BROKEN] * (FAILURES_IN_A_ROW + 1) + [answer(), answer()])
    alice, clock = house_of(upstream)
    assert {ask(alice).status_code for _ in range(FAILURES_IN_A_ROW)} == {502}
    response = ask(alice)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "no_available_channel")
    assert response.headers["Retry-After"] == str(int(FIRST_PAUSE))
    assert len(upstream.asked) == FAILURES_IN_A_ROW
    clock.now += FIRST_PAUSE
    assert ask(alice).status_code == 502  # the one request that tries it
    assert ask(alice).status_code == 503
    clock.now += FIRST_PAUSE * 2
    assert [ask(alice).status_code for _ in range(2)] == [200, 200]
    nothing_is_held(alice)


def test_a_channel_whose_streams_break_off_is_left_alone(caller_of):
    cut = {"name": "cut", "models": {"house": "sandbox-cut"}, "priority": 9}
    alice = caller_of(models=["house"], channels=[cut, {"name": "whole", "models": {"house": "sandbox-mini"}}])
    told = [ask(alice, stream=True).text for _ in range(8)]
    assert ["[DONE]" in text for text in told] == [False] * 6 + [True] * 2
    assert tried(alice.records[-1]) == [("whole", 200)]


def test_bad_requests_open_no_circuit(upstreams, house_of):
    (upstream,) = upstreams(error(400, "No such parameter."))
    alice, _clock = house_of(upstream)
    assert {ask(alice).status_code for _ in range(FAILURES_IN_A_ROW + 2)} == {400}


# ── Refused keys ─────────────────────────────────────────────────────────────


def test_a_refused_key_disables_its_channel_and_the_caller_never_knows(upstreams, house_of):
    first, second = upstreams(REFUSED, answer())
    alice, _clock = house_of(first, second)
    assert ask(alice).status_code == 200
    wait_for(lambda: Channel.objects.get(name="channel 0").status == "auto_disabled")
    channel = Channel.objects.get(name="channel 0")
    assert channel.status_reason == "status 401 No such key."
    assert ask(alice).status_code == 200
    assert len(first.asked) == 1


def test_alone_it_is_a_failure_of_ours(upstreams, house_of):
    (upstream,) = upstreams(error(402, "Pay first."))
    alice, _clock = house_of(upstream)
    response = ask(alice)
    assert (response.status_code, response.json()["error"]["code"]) == (502, "upstream_error")
    assert "Pay" not in response.text
    response = ask(alice)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "no_available_channel")
    assert len(upstream.asked) == 1
    nothing_is_held(alice)


def test_another_key_takes_over_and_only_the_refused_one_is_disabled(upstreams, house_of):
    (upstream,) = upstreams([REFUSED, answer(), answer()])
    alice, _clock = house_of(upstream, secret=["key-one", "key-two"])
    assert [ask(alice).status_code for _ in range(2)] == [200, 200]
    channel = Channel.objects.get()
    wait_for(lambda: sorted(channel.keys.values_list("status", flat=True)) == ["auto_disabled", "enabled"])
    assert Channel.objects.get().status == "enabled"


def test_an_account_without_credit_is_no_mistake_of_the_caller(upstreams, house_of):
    first, second = upstreams(error(400, "Your credit balance is too low."), answer())
    alice, _clock = house_of(first, second)
    assert ask(alice).status_code == 200
    wait_for(lambda: Channel.objects.get(name="channel 0").status == "auto_disabled")


def test_a_channel_without_a_key_has_none_to_disable(upstreams, house_of):
    (upstream,) = upstreams(REFUSED)
    alice, _clock = house_of(upstream, secret="")
    assert {ask(alice).status_code for _ in range(FAILURES_IN_A_ROW)} == {502}
    assert ask(alice).status_code == 503
    assert Channel.objects.get().status == "enabled"


# ── Limits of the channel ────────────────────────────────────────────────────


def test_a_channel_at_its_limit_per_minute_is_skipped(upstreams, caller_of):
    first, second = upstreams(answer(), answer())
    limited = {"base_url": first.base_url, "priority": 1, "requests_per_minute": 2}
    alice = caller_of(models=["house"], channels=[limited, {"base_url": second.base_url, "name": "second"}])
    assert [ask(alice).status_code for _ in range(4)] == [200] * 4
    assert (len(first.asked), len(second.asked)) == (2, 2)
    assert tried(alice.records[-1]) == [("second", 200)]


def test_where_all_are_at_their_limits_the_caller_waits(upstreams, caller_of):
    (upstream,) = upstreams(answer())
    channel = {"base_url": upstream.base_url, "requests_per_minute": 1}
    alice = caller_of(models=["house"], channels=[channel])
    assert ask(alice).status_code == 200
    response = ask(alice)
    assert response.status_code == 429
    assert 1 <= int(response.headers["Retry-After"]) <= 61
    assert len(upstream.asked) == 1
    nothing_is_held(alice)


def test_a_busy_channel_is_skipped_until_its_request_ends(caller_of, settings):
    settings.RELAY_FIRST_BYTE_TIMEOUT = 2
    busy = {"name": "busy", "models": {"house": "sandbox-hang"}, "priority": 9, "max_concurrent": 1}
    alice = caller_of(models=["house"], channels=[busy, {"name": "free", "models": {"house": "sandbox-mini"}}])
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(ask, alice)
        wait_for(lambda: any(exchange._attempts.target for exchange in current().active.values()))
        assert ask(alice).status_code == 200
        assert waiting.result().status_code == 200
    assert ask(alice).status_code == 200
    names = [[name for name, _ in tried(record)] for record in alice.records]
    assert names == [["busy", "free"], ["free"], ["busy", "free"]]


# ── What reaches the upstream ────────────────────────────────────────────────


def test_overrides_and_headers_of_the_channel_reach_it(upstreams, house_of):
    (upstream,) = upstreams(answer())
    alice, _clock = house_of(
        upstream,
        body_overrides={"temperature": 0.2, "user": None},
        header_overrides={"X-Region": "eu"},
    )
    ask(alice, temperature=1, user="alice", seed=7)
    ((_path, headers, body),) = upstream.asked
    assert headers["X-Region"] == "eu"
    assert (body["temperature"], body["seed"], "user" in body) == (0.2, 7, False)


def test_azure_is_asked_by_deployment_with_its_own_header(upstreams, caller_of):
    (upstream,) = upstreams(None)
    upstream.answers["/openai/deployments/house/chat/completions?api-version=2024-10-21"] = answer()
    azure = {"base_url": upstream.base_url.replace("/v1", "/openai"), "provider": "azure"}
    alice = caller_of(models=["house"], channels=[azure])
    assert ask(alice).status_code == 200
    ((_path, headers, _body),) = upstream.asked
    assert (headers["api-key"], headers.get("Authorization")) == ("upstream-secret", None)


def test_requests_with_one_cache_key_go_to_one_channel(upstreams, caller_of):
    three = upstreams(answer(), answer(), answer())
    alice = caller_of(models=["house"], channels=[{"base_url": upstream.base_url} for upstream in three])
    for number in range(6):
        assert ask(alice, content=f"Question {number}", prompt_cache_key="one conversation").status_code == 200
    assert sorted(len(upstream.asked) for upstream in three) == [0, 0, 6]
