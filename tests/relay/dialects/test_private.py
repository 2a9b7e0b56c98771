"""What an upstream tells of itself is taken out of events of every dialect, and nothing else is touched."""

import orjson
import pytest

from billing.pricing import Usage
from relay.dialects.messages.native import MessagesMeter
from relay.dialects.private import public_event
from relay.dialects.responses.native import ResponsesMeter
from relay.sse import encode

USAGE = {"input_tokens": 9, "output_tokens": 2}
PRIVATE = {"cost": 0.001, "cost_details": {"upstream_inference_cost": 0.0005}, "is_byok": False}


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ({"type": "message_delta", "usage": USAGE | PRIVATE}, {"type": "message_delta", "usage": USAGE}),
        (
            {"type": "message_start", "message": {"id": "m1", "provider": "Somebody", "usage": USAGE | PRIVATE}},
            {"type": "message_start", "message": {"id": "m1", "usage": USAGE}},
        ),
        (
            {"type": "response.completed", "response": {"id": "r1", "usage": USAGE | PRIVATE}},
            {"type": "response.completed", "response": {"id": "r1", "usage": USAGE}},
        ),
    ],
)
def test_it_is_taken_out(told, left):
    raw = b"event: %s\n" % told["type"].encode() + encode(orjson.dumps(told))
    event = public_event(raw, told)
    assert event == b"event: %s\n" % told["type"].encode() + encode(orjson.dumps(left))


@pytest.mark.parametrize(
    "told",
    [
        {"type": "response.completed", "response": {"id": "r1", "usage": USAGE}},
        {"type": "message_start", "message": {"usage": USAGE}},
        {"type": "content_block_delta", "delta": {"text": "provider cost"}},
        {"type": "message_start", "message": "odd"},
    ],
)
def test_an_event_without_it_stays_as_it_came(told):
    raw = encode(orjson.dumps(told))
    assert public_event(raw, told) is raw


@pytest.mark.parametrize(
    ("meter", "told"),
    [
        (MessagesMeter(), {"type": "message_start", "message": {"provider": "Somebody", "usage": USAGE | PRIVATE}}),
        (ResponsesMeter(), {"type": "response.created", "response": {"provider": "Somebody"}}),
        (
            ResponsesMeter(),
            {"type": "response.completed", "response": {"provider": "Somebody", "usage": USAGE | PRIVATE}},
        ),
    ],
)
def test_streams_of_every_dialect_pass_on_the_rest(meter, told):
    passed = meter.forward(encode(orjson.dumps(told))) or meter.end(Usage(), 0)
    assert told["type"].encode() in passed
    assert b"Somebody" not in passed
    assert b"cost" not in passed
