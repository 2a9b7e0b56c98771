"""The meter sees usage, ends and errors without touching what passes."""

import orjson
import pytest

from billing.pricing import Usage
from relay.dialects.chat import Meter
from relay.dialects.chat.answer import read_answer
from relay.sse import DONE_EVENT, BrokenEvent, data_of, encode


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


def test_many_events_are_counted():
    meter = Meter(show_usage=False)
    for _ in range(5000):
        meter.forward(chunk("word"))
    assert meter.output_estimate == 5000


@pytest.mark.parametrize("data", [b'{"usage": oops', b"[]", b"null", b"word", b'{"a":' * 100_000, b'{"a":"\xff"}'])
def test_data_that_is_no_json_object_is_refused(data):
    meter = Meter(show_usage=False)
    with pytest.raises(BrokenEvent):
        meter.forward(encode(data))
    assert (meter.output_estimate, meter.delivered) == (0, 0)


def test_events_without_a_blank_line_between_them_are_taken_apart():
    meter = Meter(show_usage=False)
    joined = chunk("One ").removesuffix(b"\n") + chunk("two").removesuffix(b"\n") + DONE_EVENT
    assert meter.forward(joined) == chunk("One ") + chunk("two")
    assert meter.output_estimate == 2
    assert meter.is_done


def test_json_over_many_lines_of_data_is_one_event():
    meter = Meter(show_usage=False)
    event = b'data: {"choices":\ndata: [{"delta":{"content":"word"}}]}\n\n'
    assert meter.forward(event) == event
    assert meter.output_estimate == 1


def test_an_answer_has_ended_when_each_choice_has():
    meter = Meter(show_usage=False)
    for index, reason in [(0, None), (1, None), (0, "stop")]:
        meter.forward(encode(orjson.dumps({"choices": [{"index": index, "delta": {}, "finish_reason": reason}]})))
    assert not meter.is_finished
    meter.forward(encode(b'{"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}'))
    assert meter.is_finished


class TestUsage:
    def test_that_cannot_be_charged_is_not_shown(self):
        meter = Meter(show_usage=True)
        assert meter.forward(encode(b'{"choices":[],"usage":{"prompt_tokens":"many"}}')) is None
        assert meter.saw_usage
        assert meter.reported is None

    def test_of_the_middle_is_completed_by_our_own_count(self):
        meter = Meter(show_usage=True)
        meter.forward(chunk("x" * 40))
        meter.forward(USAGE)
        meter.forward(chunk("y" * 40))
        assert meter.reported.usage == Usage(input=9, output=2 + 10)
        assert meter.reported.is_suspect

    def test_beside_the_text_it_counts_is_taken_as_it_is(self):
        meter = Meter(show_usage=True)
        meter.forward(chunk("x" * 40, usage={"prompt_tokens": 9, "completion_tokens": 2}))
        assert meter.reported.usage == Usage(input=9, output=2)
        assert not meter.reported.is_suspect

    def test_that_never_came_is_made_of_what_is_charged(self):
        meter = Meter(show_usage=True)
        meter.forward(chunk("x", id="one", created=3, model="mini"))
        event = orjson.loads(data_of(meter.end(Usage(input=9, cache_read=1, output=2), 7).removesuffix(DONE_EVENT)))
        assert event == {
            "id": "one",
            "created": 3,
            "model": "mini",
            "object": "chat.completion.chunk",
            "choices": [],
            "usage": {
                "prompt_tokens": 10,
                "completion_tokens": 2,
                "total_tokens": 12,
                "prompt_tokens_details": {"cached_tokens": 1},
            },
        }

    def test_that_came_is_not_made_again(self):
        meter = Meter(show_usage=True)
        meter.forward(USAGE)
        assert meter.end(Usage(input=9, output=2), 7) == DONE_EVENT

    def test_that_nobody_asked_for_is_not_made(self):
        assert Meter(show_usage=False).end(Usage(input=9, output=2), 7) == DONE_EVENT

    def test_with_its_cost_waits_for_the_settlement(self):
        meter = Meter(show_usage=True, show_cost=True)
        assert meter.forward(USAGE) is None
        event = orjson.loads(data_of(meter.end(Usage(input=9, output=2), 42_000).removesuffix(DONE_EVENT)))
        assert event["usage"]["cost"] == 0.000042


THOUGHT = {"prompt_tokens": 9, "completion_tokens": 64, "completion_tokens_details": {"reasoning_tokens": 64}}


class TestSecretThoughts:
    def test_that_reached_the_limit_are_an_answer(self):
        meter = Meter(show_usage=False)
        meter.forward(encode(b'{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}'))
        assert not meter.has_content
        meter.forward(encode(orjson.dumps({"choices": [], "usage": THOUGHT})))
        assert meter.has_content

    def test_that_were_broken_off_are_none(self):
        meter = Meter(show_usage=False)
        meter.forward(encode(orjson.dumps({"choices": [], "usage": THOUGHT})))
        assert not meter.has_content

    @pytest.mark.parametrize(("usage", "texts"), [(THOUGHT, 1), ({"prompt_tokens": 9, "completion_tokens": 64}, 0)])
    def test_of_a_whole_answer(self, usage, texts):
        empty = {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "length"}
        assert len(read_answer({"choices": [empty], "usage": usage}).texts) == texts


def test_what_an_upstream_tells_of_itself_is_not_passed_on():
    meter = Meter(show_usage=True)
    told = {"prompt_tokens": 9, "completion_tokens": 2}
    private = {"cost": 0.001, "cost_details": {"upstream_inference_cost": 0.0005}, "is_byok": False}
    first = meter.forward(chunk("Hello", provider="Somebody"))
    last = meter.forward(chunk(finish="stop", provider="Somebody", usage=told | private))
    assert b"Somebody" not in first + last
    assert orjson.loads(data_of(first))["choices"][0]["delta"] == {"content": "Hello"}
    assert orjson.loads(data_of(last))["usage"] == told
    assert meter.reported.usage == Usage(input=9, output=2)


def test_a_word_of_the_same_name_in_a_text_changes_nothing():
    event = chunk('{"provider": "Somebody", "cost": 1}')
    assert Meter(show_usage=True).forward(event) is event
