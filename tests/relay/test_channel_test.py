"""Testing a channel: a real call, its times, and reasons for failure in which no key shows."""

import pytest

from config.kernel.errors import DomainError
from relay.models import Channel
from relay.probe import MAX_LIST_BYTES, MAX_MODELS, NO_MODEL_LIST, list_upstream_models
from relay.services import probe_channel
from tests.factories import make_channel, make_price, make_target
from tests.relay.odd_upstream import Answer, chat, error, models, odd_upstream
from tokens.config_version import current_versions

KEY = "Qm3v8Wd1/Zx9-4f9c2ab17d-end"

FAULTS = {
    "sandbox-error-401": "does not accept this key (status 401)",
    "sandbox-error-429": "status 429",
    "sandbox-error-500": "status 500",
    "sandbox-cut": "refused or lost",
    "sandbox-eof": "stopped before it was complete",
    "sandbox-error-stream": "broke this answer off",
    "sandbox-error-midstream": "broke this answer off",
    "sandbox-html": "not answer with a chat completion",
    "sandbox-badjson": "not answer with a chat completion",
    "sandbox-empty": "not answer with a chat completion",
    "no-such-model": "status 404",
}


@pytest.fixture
def channel_to(db):
    """`channel_to(base_url)`: a channel that serves `test-model` there."""

    def channel_to(base_url, **fields):
        return make_channel(base_url, **{"secret": KEY, **fields})

    return channel_to


def outcome_of(channel_to, **answers):
    with odd_upstream(**answers) as upstream:
        return probe_channel(channel=channel_to(upstream.base_url)), upstream


# ── Against the sandbox ──────────────────────────────────────────────────────


def test_a_working_channel_passes_and_remembers_its_times(sandbox, channel_to):
    channel = channel_to(sandbox, models=["sandbox-mini"])
    outcome = probe_channel(channel=channel)
    assert outcome.ok
    assert 0 <= outcome.first_byte_ms <= outcome.total_ms
    stored = Channel.objects.get()
    assert (stored.test_ok, stored.test_ms, stored.test_error) == (True, outcome.total_ms, "")
    assert stored.tested_at is not None


@pytest.mark.parametrize(("model", "reason"), FAULTS.items())
def test_a_fault_is_told_and_remembered(sandbox, channel_to, model, reason):
    outcome = probe_channel(channel=channel_to(sandbox, models=[model]))
    stored = Channel.objects.get()
    assert reason in outcome.error
    assert (stored.test_ok, stored.test_ms, stored.test_error) == (False, None, outcome.error)
    assert "sk-" not in outcome.error
    assert "acct_" not in outcome.error


def test_a_passed_test_clears_the_failure_before_it(sandbox, channel_to):
    channel = channel_to(sandbox, models=["sandbox-eof", "sandbox-mini"])
    assert not probe_channel(channel=channel, model="sandbox-eof").ok
    assert probe_channel(channel=channel, model="sandbox-mini").ok
    assert Channel.objects.get().test_error == ""


def test_the_first_priced_model_is_asked_for_unless_one_is_named(sandbox, channel_to):
    channel = channel_to(sandbox, models={"a-embedding": "sandbox-error-400", "b-chat": "sandbox-mini"})
    assert probe_channel(channel=channel).model == "a-embedding"
    make_price("b-chat")
    assert probe_channel(channel=channel).model == "b-chat"
    assert probe_channel(channel=channel, model="a-embedding").model == "a-embedding"


def test_a_model_the_channel_does_not_serve_is_not_asked_for(sandbox, channel_to):
    outcome = probe_channel(channel=channel_to(sandbox, models=["sandbox-mini"]), model="sandbox-pro")
    assert outcome.error == "The channel does not serve this model."


def test_a_test_makes_no_process_reload_its_routing(sandbox, channel_to):
    channel = channel_to(sandbox, models=["sandbox-mini"])
    before = current_versions()
    probe_channel(channel=channel)
    assert current_versions() == before


# ── Against odd answers ──────────────────────────────────────────────────────


def test_the_call_is_small_and_carries_the_key(channel_to):
    outcome, upstream = outcome_of(channel_to, chat=chat())
    [(path, headers, body)] = upstream.asked
    assert outcome.ok
    assert (path, headers["Authorization"]) == ("/v1/chat/completions", f"Bearer {KEY}")
    assert (body["model"], body["max_tokens"]) == ("test-model", 16)


def test_a_channel_without_a_key_sends_none(channel_to):
    with odd_upstream(chat=chat()) as upstream:
        assert probe_channel(channel=channel_to(upstream.base_url, secret="")).ok
    assert upstream.keys == [None]


def test_newer_models_are_asked_again_with_the_limit_they_want(channel_to):
    refusal = error(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
    outcome, upstream = outcome_of(channel_to, chat=[refusal, chat()])
    assert outcome.ok
    assert [list(body)[-1] for _path, _headers, body in upstream.asked] == ["max_tokens", "max_completion_tokens"]


@pytest.mark.parametrize(
    "text",
    [
        f"Key {KEY} is wrong",
        f"Incorrect API key: '{KEY[:14]}'.",
        f"...{KEY[-12:]} was revoked",
        "Key Qm3v8Wd1%2FZx9-4f9c2ab17d-end is wrong",
        f"line one\n{KEY}\x1b[31m",
    ],
)
def test_no_part_of_the_key_comes_back_in_an_error(channel_to, text):
    outcome, _ = outcome_of(channel_to, chat=error(401, text))
    for start in range(len(KEY) - 8):
        assert KEY[start : start + 8] not in outcome.error
    assert outcome.error.isprintable()


def test_a_redirect_is_never_followed(channel_to):
    with odd_upstream(chat=chat()) as other:
        elsewhere = Answer(status=307, headers={"Location": f"{other.base_url}/chat/completions"})
        outcome, _ = outcome_of(channel_to, chat=elsewhere)
    assert "redirects elsewhere (status 307)" in outcome.error
    assert other.asked == []


def test_proxies_of_the_environment_are_not_used(channel_to, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    outcome, _ = outcome_of(channel_to, chat=chat())
    assert outcome.ok


@pytest.mark.parametrize(
    "body",
    [
        {"choices": []},
        {"choices": "many"},
        {"choices": [None]},
        ["a list"],
        b"",
        b"null",
        b'data: {"choices": [{"delta": {}}]}\n\n',
        b'data: {"choices": []}\n\ndata: [DONE]\n\n',
        {"error": {"message": "The account is suspended."}, "choices": [{"finish_reason": "stop"}]},
        b"x" * (1024 * 1024 + 1),
    ],
)
def test_what_is_no_complete_answer_fails(channel_to, body):
    outcome, _ = outcome_of(channel_to, chat=Answer(body))
    assert not outcome.ok
    assert outcome.error


def test_nobody_there(channel_to):
    outcome = probe_channel(channel=channel_to("http://127.0.0.1:9/v1"))
    assert outcome.error == "The connection to the upstream was refused or lost."


def test_a_host_that_does_not_exist(channel_to):
    assert "host name is unknown" in probe_channel(channel=channel_to("http://no-such-host.invalid/v1")).error


def test_a_key_sealed_to_another_row_is_not_sent(channel_to):
    with odd_upstream(chat=chat()) as upstream:
        channel, other = channel_to(upstream.base_url), channel_to(upstream.base_url)
        channel.keys.update(sealed=other.keys.get().sealed)
        assert "cannot be opened" in probe_channel(channel=channel).error
    assert upstream.asked == []


# ── The list of models ───────────────────────────────────────────────────────


def listed(answer):
    with odd_upstream(models=answer) as upstream:
        return list_upstream_models(make_target(upstream.base_url, secret=KEY))


def test_models_come_in_the_upstreams_order_and_once():
    assert listed(models("b", "a", "b")) == ["b", "a"]


def test_a_bare_list_will_do():
    assert listed(Answer([{"id": "a"}, {"id": "b"}])) == ["a", "b"]


def test_names_that_cannot_be_names_are_left_out():
    strange = [{"id": "ok"}, {"id": 7}, {"id": ""}, {"id": "a b"}, {"id": "x" * 121}, {"id": "a\nb"}, "text", None, {}]
    assert listed(Answer({"data": strange})) == ["ok"]


def test_only_so_many_models_are_read():
    assert len(listed(models(*(f"m{number}" for number in range(MAX_MODELS + 5))))) == MAX_MODELS


@pytest.mark.parametrize("answer", [Answer(status=404), Answer(status=405), Answer({"data": "x"}), Answer(b"<html>")])
def test_an_upstream_without_a_list_is_told_apart(answer):
    with pytest.raises(DomainError) as raised:
        listed(answer)
    assert raised.value.code == NO_MODEL_LIST


@pytest.mark.parametrize("answer", [error(401, "no"), error(500, "broken"), Answer(b" " * (MAX_LIST_BYTES + 1))])
def test_other_failures_are_failures(answer):
    with pytest.raises(DomainError) as raised:
        listed(answer)
    assert raised.value.code != NO_MODEL_LIST
