"""Streams that break off are never shown as complete, and cost what was delivered."""

import pytest

from tests.relay.misbehaviours import ACCOUNT

pytestmark = pytest.mark.live

BROKEN_OFF = {
    "cut-after-the-first": "One ",
    "cut-in-the-middle": "One two three ",
    "cut-before-the-end": "One two three four five.",
    "cut-inside-an-event": "One two ",
    "reset-in-the-middle": "One two three ",
    "a-clean-end-too-early": "One two three ",
    "a-close-too-early": "One two three ",
    "shorter-than-its-length": "One two three ",
    "one-choice-of-two-ends": "One Two ",
    "an-error-in-the-middle": "One two three ",
    "an-error-before-a-word": "",
}
ENDLESS = ["falls-silent", "drips", "comments-for-ever"]


def is_told_of_the_break(told, *, code):
    assert told.status == 200
    assert told.error == code
    assert b"[DONE]" not in told.body
    assert ACCOUNT.encode() not in told.body


@pytest.mark.parametrize("model", BROKEN_OFF)
def test_it_ends_with_an_error_and_costs_what_came(case, model):
    here = case(model)
    told = here.ask(model)
    is_told_of_the_break(told, code="upstream_error")
    assert told.text == BROKEN_OFF[model]
    record = here.bill(told)
    assert record.status == "failed"
    assert record.rule == ("delivered" if told.text else "nothing")


@pytest.mark.parametrize("model", ENDLESS)
def test_silence_between_events_has_a_limit(case, settings, model):
    settings.RELAY_IDLE_TIMEOUT = 0.3
    here = case(model)
    told = here.ask(model)
    is_told_of_the_break(told, code="upstream_timeout")
    assert told.text == "One two three "
    record = here.bill(told)
    assert (record.end_reason, record.rule) == ("upstream_timeout", "delivered")


def test_a_stream_has_a_limit_in_all(case, settings):
    settings.RELAY_TOTAL_TIMEOUT = 0.5
    here = case("words-for-ever")
    told = here.ask("words-for-ever")
    is_told_of_the_break(told, code="upstream_timeout")
    record = here.bill(told)
    assert record.end_reason == "upstream_timeout"
    assert record.charge > 0


def test_an_answer_that_said_why_it_ended_is_complete(case):
    here = case("reset-after-the-reason")
    told = here.ask("reset-after-the-reason")
    assert told.is_complete
    assert told.text == "One two three four five."
    record = here.bill(told)
    assert (record.status, record.end_reason, record.rule) == ("settled", "completed", "delivered")


def test_the_caller_hears_pings_while_the_upstream_thinks(case, monkeypatch):
    monkeypatch.setattr("relay.stream.PING_SECONDS", 0.1)
    here = case("thinks-then-answers")
    told = here.ask("thinks-then-answers")
    before, after = told.body.split(b'"One "')
    assert before.count(b": ping\n\n") >= 1, "none before the first event"
    assert after.count(b": ping\n\n") >= 1, "none between events"
    assert told.is_complete
    assert here.bill(told).rule == "reported"


def test_an_upstream_that_breaks_after_a_ping_ends_in_an_error_event(case, settings, monkeypatch):
    monkeypatch.setattr("relay.stream.PING_SECONDS", 0.1)
    settings.RELAY_FIRST_BYTE_TIMEOUT = 0.5
    here = case("headers-then-silence")
    told = here.ask("headers-then-silence")
    is_told_of_the_break(told, code="upstream_timeout")
    assert here.bill(told).charge == 0
