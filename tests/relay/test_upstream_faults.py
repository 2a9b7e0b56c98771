"""Upstreams that fail: what the caller sees, what the record says, and that nothing undelivered is charged."""

import openai
import pytest

from config.kernel.money import usd
from relay.sandbox.behaviours import UPSTREAM_ACCOUNT, UPSTREAM_KEY
from tests.relay.conftest import chat

pytestmark = pytest.mark.live


def untouched(alice):
    wallet = alice.wallet
    assert (wallet.balance, wallet.held) == (usd("1"), 0)


def the_record(alice):
    (record,) = alice.records
    return record


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("sandbox-error-400", 400, "invalid_request"),
        ("sandbox-error-401", 502, "upstream_error"),
        ("sandbox-error-402", 502, "upstream_error"),
        ("sandbox-error-403", 502, "upstream_error"),
        ("sandbox-error-404", 404, "model_not_found"),
        ("sandbox-error-429", 429, "rate_limit_exceeded"),
        ("sandbox-error-500", 502, "upstream_error"),
        ("sandbox-error-503", 502, "upstream_error"),
        ("sandbox-html", 502, "upstream_error"),
        ("sandbox-badjson", 502, "upstream_error"),
        ("sandbox-error-stream", 502, "upstream_error"),
    ],
)
def test_an_upstream_that_fails_before_its_answer(caller_of, model, status, code, stream):
    alice = caller_of(models=[model])
    response = alice.post(chat(model, stream=stream))
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert response.headers["Content-Type"] == "application/json"
    record = the_record(alice)
    assert (record.status, record.charge, record.rule, record.http_status) == ("failed", 0, "nothing", status)
    untouched(alice)


def test_the_classic_profile_says_500(caller_of, settings):
    settings.RELAY_ERROR_PROFILE = "classic"
    assert caller_of(models=["sandbox-error-503"]).post(chat("sandbox-error-503")).status_code == 500


def test_an_upstreams_limit_tells_when_to_come_back(caller_of):
    response = caller_of(models=["sandbox-error-429"]).post(chat("sandbox-error-429"))
    assert response.headers["Retry-After"] == "7"


@pytest.mark.parametrize("model", ["sandbox-error-401", "sandbox-error-400"])
def test_the_upstreams_identity_stays_inside(caller_of, model, sandbox):
    alice = caller_of(models=[model])
    response = alice.post(chat(model))
    seen = response.text + repr(response.headers)
    for secret in (UPSTREAM_KEY, UPSTREAM_ACCOUNT, sandbox, "upstream-secret"):
        assert secret not in seen


def test_another_channel_takes_over_before_the_first_byte(caller_of, sandbox):
    broken = {"models": {"house": "sandbox-error-500"}, "priority": 9, "name": "broken"}
    healthy = {"models": {"house": "sandbox-mini"}, "name": "healthy"}
    alice = caller_of(models=["house"], channels=[broken, healthy])
    for stream in (False, True):
        assert alice.post(chat("house", stream=stream)).status_code == 200
    for record in alice.records:
        assert [(a["channel"], a["status"]) for a in record.attempts] == [("broken", 500), ("healthy", 200)]
        assert record.channel_name == "healthy"
        assert record.charge > 0
    assert alice.wallet.held == 0


def test_a_refused_connection_is_failed_over(caller_of):
    dead = {"base_url": "http://127.0.0.1:9/v1", "priority": 9}
    alice = caller_of(channels=[dead, {}])
    assert alice.post(chat()).status_code == 200


def test_the_callers_own_mistake_is_not_tried_elsewhere(caller_of):
    strict = {"models": {"house": "sandbox-error-400"}, "priority": 9}
    alice = caller_of(models=["house"], channels=[strict, {"models": {"house": "sandbox-mini"}}])
    assert alice.post(chat("house")).status_code == 400
    assert len(the_record(alice).attempts) == 1


@pytest.mark.parametrize("model", ["sandbox-cut", "sandbox-eof", "sandbox-error-midstream"])
def test_a_broken_stream_is_never_shown_as_complete(caller_of, model):
    alice = caller_of(models=[model])
    body = alice.post(chat(model, stream=True)).text
    assert "[DONE]" not in body
    assert body.rstrip().rsplit("\n\n", 1)[-1].startswith('data: {"error":')
    record = the_record(alice)
    assert (record.status, record.rule) == ("failed", "delivered")
    assert record.output_tokens > 0
    assert 0 < record.charge < record.hold
    assert alice.wallet.balance == usd("1") - record.charge
    assert alice.wallet.held == 0


def test_the_sdk_raises_on_a_broken_stream(caller_of):
    alice = caller_of(models=["sandbox-cut"])
    with pytest.raises(openai.APIError):
        list(alice.sdk.chat.completions.create(**chat("sandbox-cut"), stream=True))


@pytest.mark.parametrize("model", ["sandbox-cut", "sandbox-eof", "sandbox-empty"])
def test_a_broken_whole_answer_is_free(caller_of, model):
    alice = caller_of(models=[model])
    response = alice.post(chat(model))
    if model == "sandbox-eof":
        assert response.status_code in (200, 502)
    else:
        assert response.status_code == 502
        untouched(alice)


def test_silence_ends_in_a_time_out(caller_of, settings):
    settings.RELAY_FIRST_BYTE_TIMEOUT = 0.3
    alice = caller_of(models=["sandbox-hang"])
    response = alice.post(chat("sandbox-hang"))
    assert (response.status_code, response.json()["error"]["code"]) == (504, "upstream_timeout")
    assert the_record(alice).end_reason == "upstream_timeout"
    untouched(alice)


def test_a_stream_that_falls_silent_is_ended(caller_of, settings):
    settings.RELAY_IDLE_TIMEOUT = 0.3
    alice = caller_of(models=["sandbox-stall"])
    body = alice.post(chat("sandbox-stall", stream=True)).text
    assert "upstream_timeout" in body
    assert "[DONE]" not in body
    record = the_record(alice)
    assert record.end_reason == "upstream_timeout"
    assert 0 < record.charge < record.hold


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["sandbox-no-usage", "sandbox-bad-usage"])
def test_usage_that_is_missing_or_mad_is_counted_here(caller_of, model, stream):
    alice = caller_of(models=[model])
    assert alice.post(chat(model, stream=stream)).status_code == 200
    record = the_record(alice)
    assert (record.status, record.rule) == ("settled", "delivered")
    assert record.is_suspect == (model == "sandbox-bad-usage")
    assert 0 < record.charge <= record.hold
    assert alice.wallet.balance == usd("1") - record.charge
