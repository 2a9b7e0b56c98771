"""The meter sees usage, ends and errors without touching what passes."""

import orjson

from billing.pricing import Usage
from relay.meter import Meter
from relay.sse import DONE_EVENT, encode


def chunk(content=None, *, finish=None, **extra):
    choice = {"index": 0, "delta": {} if content is None else {"content": content}, "finish_reason": finish}
    return encode(orjson.dumps({"choices": [choice], **extra}))


USAGE = encode(orjson.dumps({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}))


def test_content_passes_unchanged():
    meter = Meter(show_usage=False)
    event = chunk("Hello")
    assert meter.forward(event) is event
    assert meter.output_estimate == 2
    assert meter.has_content


def test_usage_is_noted_and_hidden_from_those_who_did_not_ask():
    meter = Meter(show_usage=False)
    assert meter.forward(USAGE) is None
    assert meter.reported.usage == Usage(input=9, output=2)


def test_usage_is_shown_to_those_who_asked():
    assert Meter(show_usage=True).forward(USAGE) == USAGE


def test_usage_beside_a_choice_is_never_hidden():
    event = chunk("x", usage={"prompt_tokens": 1, "completion_tokens": 1})
    assert Meter(show_usage=False).forward(event) == event


def test_the_last_usage_wins_and_is_not_added():
    meter = Meter(show_usage=True)
    meter.forward(chunk("a", usage={"prompt_tokens": 5, "completion_tokens": 1}))
    meter.forward(chunk("b", usage={"prompt_tokens": 5, "completion_tokens": 2}))
    assert meter.reported.usage == Usage(input=5, output=2)


def test_a_bad_usage_does_not_replace_a_good_one():
    meter = Meter(show_usage=True)
    meter.forward(USAGE)
    meter.forward(encode(b'{"choices":[],"usage":{"prompt_tokens":-5,"completion_tokens":"many"}}'))
    assert meter.reported.usage == Usage(input=9, output=2)


def test_the_end_mark_is_kept_back():
    meter = Meter(show_usage=False)
    assert meter.forward(DONE_EVENT) is None
    assert meter.is_done


def test_a_finish_reason_is_seen():
    meter = Meter(show_usage=False)
    meter.forward(chunk("x"))
    assert not meter.is_finished
    meter.forward(chunk(finish="stop"))
    assert meter.is_finished


def test_an_error_event_is_kept_back():
    meter = Meter(show_usage=False)
    assert meter.forward(encode(b'{"error":{"message":"broken"}}')) is None
    assert meter.error == {"message": "broken"}


def test_text_that_talks_of_errors_and_usage_is_only_text():
    meter = Meter(show_usage=False)
    event = chunk('"error": {"message": "no"} and "usage"')
    assert meter.forward(event) == event
    assert meter.error is None
    assert meter.reported is None


def test_a_comment_passes_and_is_no_content():
    meter = Meter(show_usage=False)
    assert meter.forward(b": keep-alive\n\n") == b": keep-alive\n\n"
    assert meter.delivered == 0


def test_tool_calls_and_reasoning_count_as_delivered():
    meter = Meter(show_usage=False)
    call = {"index": 0, "function": {"name": "look", "arguments": '{"q":"abcd"}'}}
    meter.forward(encode(orjson.dumps({"choices": [{"delta": {"tool_calls": [call]}}]})))
    meter.forward(encode(orjson.dumps({"choices": [{"delta": {"reasoning_content": "思考"}}]})))
    assert meter.output_estimate == 4 + 2


def test_many_unread_events_are_counted_in_bounded_memory():
    meter = Meter(show_usage=False)
    for _ in range(5000):
        meter.forward(chunk("word"))
    assert meter._unread_bytes <= 64 * 1024 + 200
    assert meter.output_estimate == 5000


def test_broken_json_passes_without_harm():
    meter = Meter(show_usage=False)
    event = encode(b'{"usage": oops')
    assert meter.forward(event) == event
    assert meter.output_estimate == 0
