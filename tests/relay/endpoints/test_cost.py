"""`"usage": {"include": true}`: what the call is charged, in the usage of any answer that is text."""

import json

import pytest

from config.kernel.money import usd
from tests.relay.dialects.wire import events_of
from tests.relay.endpoints.conftest import bill
from tests.relay.odd_upstream import Answer

pytestmark = pytest.mark.live
ASKED = {"usage": {"include": True}}
QUESTIONS = {
    "completions": {"prompt": "Hello there"},
    "responses": {"input": "Hello there"},
    "messages": {"messages": [{"role": "user", "content": "Hello there"}], "max_tokens": 50},
}
RESPONSE = {
    "id": "r1",
    "object": "response",
    "status": "completed",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}],
    "usage": {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9},
}
MESSAGE = {
    "id": "m1",
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": "Hi"}],
    "usage": {"input_tokens": 7, "output_tokens": 2},
}
WHOLE = {"responses": RESPONSE, "messages": MESSAGE}
STREAMS = {
    "responses": [
        {"type": "response.created", "response": {"id": "r1", "usage": None}},
        {"type": "response.output_text.delta", "delta": "Hi"},
        {"type": "response.completed", "response": RESPONSE},
    ],
    "messages": [
        {"type": "message_start", "message": {**MESSAGE, "content": [], "usage": {"input_tokens": 7}}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ],
}


def usages_in(events):
    """Every usage that a stream told, in their order."""
    told = [data for _, data in events if isinstance(data, dict)]
    holders = [*told, *(part for one in told for part in (one.get("response"), one.get("message")) if part)]
    return [one["usage"] for one in holders if one.get("usage")]


def costs_in(events):
    return [usage["cost"] for usage in usages_in(events) if "cost" in usage]


@pytest.mark.parametrize("endpoint", QUESTIONS)
def test_of_an_answer_made_of_a_chat_completion(caller, endpoint):
    alice = caller("sandbox-mini", channel={"provider": "custom", "speaks": ["chat"]})
    question = {"model": "sandbox-mini", **QUESTIONS[endpoint]}
    answer = alice.post({**question, **ASKED}, path=f"/{endpoint}")
    record = bill(alice, answer)
    assert usd(str(answer.json()["usage"]["cost"])) == record.charge > 0
    streamed = alice.post({**question, **ASKED, "stream": True}, path=f"/{endpoint}")
    assert [usd(str(cost)) for cost in costs_in(events_of(streamed.content))] == [alice.records[1].charge]
    assert "cost" not in alice.post(question, path=f"/{endpoint}").json()["usage"]
    assert b'"cost"' not in alice.post({**question, "stream": True}, path=f"/{endpoint}").content


@pytest.mark.parametrize("endpoint", WHOLE)
def test_of_an_answer_that_passes_through(odd, endpoint):
    with odd(endpoint, WHOLE[endpoint], channel_fields={"speaks": [endpoint]}) as ask:
        outcome = ask({**QUESTIONS[endpoint], **ASKED})
    assert usd(str(outcome.response.json()["usage"].pop("cost"))) == outcome.record.charge == 11_000
    assert outcome.counts == ("reported", 7, 2, False)
    assert "usage" not in outcome.upstream.asked[0][2]


@pytest.mark.parametrize("endpoint", STREAMS)
def test_of_a_stream_that_passes_through(odd, endpoint):
    lines = [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in STREAMS[endpoint]]
    answer = Answer(b"".join(lines), headers={"Content-Type": "text/event-stream"})
    with odd(endpoint, answer, channel_fields={"speaks": [endpoint]}) as ask:
        outcome = ask({**QUESTIONS[endpoint], **ASKED, "stream": True})
    events = events_of(outcome.response.content)
    assert [name for name, _ in events] == [one["type"] for one in STREAMS[endpoint]]
    assert [usd(str(cost)) for cost in costs_in(events)] == [outcome.record.charge] == [11_000]
    assert outcome.counts == ("reported", 7, 2, False)


@pytest.mark.parametrize("endpoint", QUESTIONS)
def test_a_question_that_is_none(caller, endpoint):
    alice = caller("sandbox-mini")
    answer = alice.post({"model": "sandbox-mini", **QUESTIONS[endpoint], "usage": 1}, path=f"/{endpoint}")
    assert (answer.status_code, "usage must be an object" in answer.text) == (400, True)
