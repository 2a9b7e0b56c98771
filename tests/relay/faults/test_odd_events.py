"""Events spelled in unusual ways reach the caller whole; those that are none are dropped, a few of them forgiven."""

import pytest

from tests.relay.misbehaviours import EXOTIC

pytestmark = pytest.mark.live

SPELLINGS = [
    "crlf",
    "cr",
    "mixed-line-ends",
    "bom",
    "no-space",
    "more-fields",
    "lines-of-data",
    "no-blank-lines",
    "no-last-blank-line",
    "gzip-though-not-asked",
]


@pytest.mark.parametrize("model", SPELLINGS)
def test_any_spelling_gives_the_same_text(case, model):
    here = case(model)
    told = here.ask(model)
    assert (told.text, told.is_complete) == ("One two three four five.", True)
    record = here.bill(told)
    assert (record.rule, record.output_tokens) == ("reported", 5)


@pytest.mark.parametrize("model", ["byte-by-byte", "exotic"])
def test_every_character_arrives(case, model):
    here = case(model)
    told = here.ask(model)
    assert told.text == here.upstream.said[model]
    assert EXOTIC in told.text
    assert EXOTIC.encode("utf-8").replace(b"\x0b", b"\\u000b").replace(b"\x1c", b"\\u001c").replace(
        b"\x00", b"\\u0000"
    ) in (told.body)
    assert here.bill(told).rule == "reported"


def test_three_broken_events_are_forgiven(case):
    here = case("three-broken-events")
    told = here.ask("three-broken-events")
    assert (told.text, told.is_complete) == ("One two.", True)
    assert b"oops" not in told.body
    assert here.bill(told).status == "settled"


def test_a_fourth_is_not(case):
    here = case("four-broken-events")
    told = here.ask("four-broken-events")
    assert (told.text, told.error) == ("One ", "upstream_error")
    assert here.bill(told).rule == "delivered"


def test_json_of_a_hundred_thousand_levels_is_one_broken_event(case):
    here = case("deep-json")
    told = here.ask("deep-json")
    assert (told.text, told.is_complete) == ("One two.", True)
    assert here.bill(told).status == "settled"


def test_a_whole_answer_becomes_the_stream_that_was_asked_for(case):
    here = case("always-whole")
    told = here.ask("always-whole", stream_options={"include_usage": True})
    assert (told.text, told.is_complete) == ("One two three four five.look{}", True)
    assert (told.usage["completion_tokens"], len(told.events)) == (8, 4)
    assert b'"tool_calls":[{"index":0,"id":"t1"' in told.body
    assert b"chat.completion.chunk" in told.body
    record = here.bill(told)
    assert (record.status, record.rule, record.output_tokens) == ("settled", "reported", 8)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("asked", [{}, {"usage": {"include": True}}])
def test_who_the_upstream_is_and_what_it_takes_stay_with_the_operator(case, stream, asked):
    here = case("tells-of-itself")
    told = here.ask("tells-of-itself", stream=stream, **asked)
    assert told.text == "One two three four five."
    assert [word for word in (b"Somebody", b"0.0004", b"cost_details") if word in told.body] == []
    assert here.bill(told).rule == "reported"


def test_a_whole_answer_may_be_compressed(case):
    here = case("gzip-of-a-whole-answer")
    told = here.ask("gzip-of-a-whole-answer", stream=False)
    assert told.text == "One two three four five."
    assert "Content-Encoding" not in told.headers
    assert here.bill(told).rule == "reported"


def test_a_stream_nobody_asked_for_is_failed_over(case):
    first = {"priority": 9, "models": {"house": "always-streamed"}}
    here = case("house", channels=[first, {"models": {"house": "well-behaved"}}])
    told = here.ask("house", stream=False)
    assert told.text == "One two three four five."
    assert here.bill(told, model="always-streamed").rule == "reported"
