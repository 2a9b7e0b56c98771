"""A native answer passes unchanged, and what it used is known."""

import orjson
import pytest

from billing.pricing import Usage
from config.kernel.errors import UpstreamFailed
from relay import sse
from relay.dialects.delivered import SEALED
from relay.dialects.messages import MessagesMeter, read_answer
from relay.dialects.messages.native import MESSAGE_STOP

USED = {"input_tokens": 20, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 30, "output_tokens": 1}


def event(type, **fields):
    return b"event: %s\ndata: %s\n\n" % (type.encode(), orjson.dumps({"type": type, **fields}))


def start(**usage):
    return event("message_start", message={"id": "msg_1", "content": [], "model": "m", "usage": {**USED, **usage}})


def said(**delta):
    return event("content_block_delta", index=0, delta=delta)


def end(**usage):
    return event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage=usage)


STOP = event("message_stop")
PING = event("ping")


def metered(*events):
    meter = MessagesMeter()
    for one in events:
        meter.forward(one)
    return meter


def test_a_whole_stream_passes_unchanged_but_for_its_end():
    events = [
        start(),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        PING,
        said(type="text_delta", text="Hello"),
        event("content_block_stop", index=0),
        end(output_tokens=12),
    ]
    meter = MessagesMeter()
    assert [meter.forward(one) for one in events] == events
    assert (meter.is_finished, meter.is_done) == (True, False)
    assert meter.forward(STOP) is None
    assert (meter.is_done, meter.end(Usage(), 0)) == (True, STOP)
    assert meter.reported.usage == Usage(input=20, cache_read=100, cache_write=30, output=12)
    assert not meter.reported.is_suspect
    assert meter.saw_usage
    assert meter.error is None


def test_pings_and_comments_are_no_part_of_the_answer():
    meter = MessagesMeter()
    for alive in (PING, b": hello\n\n", b"event: ping\n\n", b'event: ping\r\ndata: {"type": "ping"}\r\n\r\n'):
        assert meter.forward(alive) == alive
    assert meter.delivered == 0
    meter.forward(start())
    assert meter.delivered == 1


def test_what_one_hour_of_cache_costs_is_told_apart():
    meter = metered(
        start(cache_creation={"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}), end(output_tokens=3)
    )
    assert meter.reported.usage == Usage(input=20, cache_read=100, cache_write=10, cache_write_1h=20, output=3)


def test_later_counts_replace_earlier_ones():
    meter = metered(start(), end(output_tokens=5), end(output_tokens=9, input_tokens=25))
    assert meter.reported.usage == Usage(input=25, cache_read=100, cache_write=30, output=9)


@pytest.mark.parametrize("forgotten", [0, None])
def test_zeros_do_not_replace_what_was_told(forgotten):
    meter = metered(start(), end(output_tokens=5, input_tokens=forgotten, cache_read_input_tokens=forgotten))
    assert meter.reported.usage == Usage(input=20, cache_read=100, cache_write=30, output=5)


def test_usage_told_at_the_end_alone():
    bare = event("message_start", message={"content": []})
    meter = metered(bare, end(input_tokens=7, output_tokens=5))
    assert meter.reported.usage == Usage(input=7, output=5)


def test_counts_that_cannot_be_believed_replace_nothing():
    meter = metered(start(), end(output_tokens=5), end(output_tokens=-1), end(output_tokens="many"))
    assert meter.reported.usage.output == 5


@pytest.mark.parametrize("last", [(), (end(output_tokens="many"),), (end(output_tokens=0),), (end(),)])
def test_output_that_nobody_counted_is_counted_here(last):
    """`message_start` says one token, whatever will follow."""
    meter = metered(start(), said(type="text_delta", text="x" * 400), *last)
    assert meter.reported.usage == Usage(input=20, cache_read=100, cache_write=30, output=100)
    assert meter.reported.is_suspect


def test_nobody_told_anything():
    meter = metered(event("message_start", message={}), said(type="text_delta", text="Hello"))
    assert meter.reported is None
    assert not meter.saw_usage


def test_usage_that_is_none_at_all():
    meter = metered(event("message_start", message={"usage": {"input_tokens": -5}}))
    assert meter.saw_usage
    assert meter.reported is None


@pytest.mark.parametrize(
    ("one", "tokens"),
    [
        (said(type="text_delta", text="12345678"), 2),
        (said(type="thinking_delta", thinking="12345678"), 2),
        (said(type="input_json_delta", partial_json='{"at":1}'), 2),
        (said(type="text_delta", text="好好"), 2),
        (said(type="signature_delta", signature="x" * 400), 1),
        (event("content_block_start", index=0, content_block={"type": "text", "text": "1234"}), 1),
        (event("content_block_start", index=0, content_block={"type": "tool_use", "name": "look", "input": {}}), 1),
        (event("content_block_stop", index=0), 0),
        (start(), 0),
    ],
)
def test_text_is_counted(one, tokens):
    meter = metered(one)
    assert meter.output_estimate == tokens
    assert meter.has_content == (tokens > 0)


def test_an_error_is_kept_back():
    meter = MessagesMeter()
    error = {"type": "overloaded_error", "message": "Overloaded"}
    assert meter.forward(event("error", error=error)) is None
    assert meter.error == error


@pytest.mark.parametrize("error", [{"message": "broken"}, "broken"])
def test_an_error_in_the_words_of_another_dialect(error):
    meter = MessagesMeter()
    assert meter.forward(sse.encode(orjson.dumps({"error": error}))) is None
    assert meter.error == {"message": "broken"}


def test_text_that_talks_of_events_is_only_text():
    meter = MessagesMeter()
    one = said(type="text_delta", text='"message_stop", "error": {}, {"type":"ping"} and "message_delta"')
    assert meter.forward(one) == one
    assert (meter.is_done, meter.error, meter.delivered) == (False, None, 1)


def test_a_tool_that_talks_of_errors_is_only_a_tool():
    meter = MessagesMeter()
    block = {"type": "web_search_tool_result", "content": {"type": "web_search_tool_result_error"}, "error": None}
    one = event("content_block_start", index=0, content_block=block, note="error")
    assert meter.forward(one) == one
    assert meter.error is None


@pytest.mark.parametrize(
    "data", [b"[DONE]", b"[]", b"text", b'{"type":"message_stop"', b'{"type":"content_block_delta']
)
def test_data_that_is_no_json_object(data):
    with pytest.raises(sse.BrokenEvent):
        MessagesMeter().forward(sse.encode(data))


def test_an_error_of_ours():
    assert MessagesMeter().error_event(UpstreamFailed("It broke.")).startswith(b'event: error\ndata: {"type":"error"')


def test_no_usage_is_owed():
    assert MessagesMeter().end(Usage(input=1, output=1), 7) == MESSAGE_STOP


@pytest.mark.parametrize(
    "block",
    [
        {"type": "redacted_thinking", "data": "c2VhbGVk"},
        {"type": "thinking", "thinking": "", "signature": "c2VhbGVk"},
    ],
)
def test_sealed_thoughts_are_an_answer(block):
    assert metered(start(), event("content_block_start", index=0, content_block=block)).output_estimate == 1
    assert read_answer({"content": [block], "usage": USED}).texts == [SEALED]
    assert not metered(start(), event("content_block_start", index=0, content_block={"type": "text"})).has_content


def test_a_signature_counts_as_thoughts():
    assert metered(start(), said(type="signature_delta", signature="c2VhbGVk")).output_estimate == 1


# ── Whole answers ────────────────────────────────────────────────────────────


def test_a_whole_answer():
    content = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "text", "text": "So."},
        {"type": "tool_use", "id": "t", "name": "look", "input": {"at": 1}},
    ]
    found = read_answer({"type": "message", "content": content, "usage": USED})
    assert (found.usage, found.texts, found.problem) == (USED, ["Hm.", "So.", "look", '{"at":1}'], None)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"type": "error", "error": {"type": "api_error", "message": "broken"}}, "broken"),
        ({"error": "broken"}, "broken"),
        ({"choices": []}, "The upstream answered without any content."),
        ({"content": "text"}, "The upstream answered without any content."),
    ],
)
def test_what_is_no_answer(answer, message):
    found = read_answer(answer)
    assert (found.usage, found.texts, found.problem["message"]) == (None, [], message)


def test_an_odd_answer():
    assert read_answer({"content": [None, {"text": 7}, {"input": []}]}).texts == []
