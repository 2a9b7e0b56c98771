"""A native response stream passes unchanged; its last event and its errors are kept back and noted."""

import orjson
import pytest

from billing.pricing import Usage
from config.kernel.errors import UpstreamFailed
from relay.dialects.base import StreamMeter
from relay.dialects.delivered import SEALED
from relay.dialects.responses import ResponsesMeter, read_answer
from relay.sse import DONE_EVENT, BrokenEvent
from tests.relay.dialects.wire import events_of

BEGUN = {"id": "resp_1", "object": "response", "status": "in_progress", "output": []}
USAGE = {
    "input_tokens": 30,
    "input_tokens_details": {"cached_tokens": 10},
    "output_tokens": 12,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 42,
}


def event(kind, **fields):
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), orjson.dumps({"type": kind, **fields}))


def delta(words, kind="response.output_text.delta"):
    return event(kind, item_id="msg_1", output_index=0, content_index=0, delta=words)


def ended(kind="completed", **fields):
    return event(f"response.{kind}", response={**BEGUN, "status": kind, "usage": USAGE, **fields})


def metered(*events: bytes) -> tuple[StreamMeter, list[bytes | None]]:
    meter = ResponsesMeter()
    return meter, [meter.forward(one) for one in events]


def test_events_pass_unchanged():
    events = [event("response.created", response=BEGUN), delta("Hello"), b": ping\n\n"]
    meter, passed = metered(*events)
    assert all(out is given for out, given in zip(passed, events, strict=True))
    assert meter.delivered == 2
    assert meter.output_estimate == 2
    assert not meter.is_finished


def test_an_opening_is_no_content():
    meter, _ = metered(event("response.created", response=BEGUN), event("response.in_progress", response=BEGUN))
    assert not meter.has_content


@pytest.mark.parametrize("kind", ["completed", "incomplete"])
def test_the_last_event_is_kept_back_with_its_usage(kind):
    meter, passed = metered(delta("Hello"), ended(kind))
    assert passed[1] is None
    assert meter.end(Usage(), 0) == ended(kind)
    assert meter.is_done
    assert meter.is_finished
    assert meter.saw_usage
    assert meter.reported.usage == Usage(input=20, cache_read=10, output=7, reasoning=5)
    assert meter.delivered == 1


def test_an_end_without_usage_reports_none():
    meter, _ = metered(delta("Hello"), ended(usage=None))
    assert (meter.is_done, meter.saw_usage, meter.reported) == (True, False, None)


def test_a_usage_that_cannot_be_read_was_seen():
    meter, _ = metered(delta("Hello"), ended(usage={"input_tokens": -1}))
    assert (meter.saw_usage, meter.reported) == (True, None)


def test_a_failure_is_kept_back_and_noted():
    failed = event("response.failed", response={**BEGUN, "error": {"code": "server_error", "message": "Sorry"}})
    meter, passed = metered(delta("Hel"), failed)
    assert passed[1] is None
    assert meter.error == {"code": "server_error", "message": "Sorry"}
    assert not meter.is_done
    assert meter.end(Usage(), 0) == b""


def test_a_failure_may_still_tell_its_usage():
    meter, _ = metered(ended("failed", error={"message": "Sorry"}))
    assert meter.reported is not None


@pytest.mark.parametrize(
    "broken",
    [
        event("error", code="server_error", message="Sorry", param=None, sequence_number=3),
        event("error", error={"type": "server_error", "message": "Sorry"}),
        event("error", error="Sorry"),
    ],
)
def test_an_error_event_is_kept_back_and_noted(broken):
    meter, passed = metered(broken)
    assert passed == [None]
    assert meter.error["message"] == "Sorry"


def test_a_failure_without_words_is_one():
    meter, _ = metered(event("response.failed"))
    assert meter.error


def test_text_that_talks_of_ends_is_only_text():
    words = '"type":"response.completed" and "type":"error"'
    meter, passed = metered(delta(words))
    assert passed == [delta(words)]
    assert (meter.is_done, meter.error) == (False, None)


@pytest.mark.parametrize("data", [b"data: {oops\n\n", b"data: 7\n\n", DONE_EVENT])
def test_what_is_no_event_of_this_dialect_is_broken(data):
    with pytest.raises(BrokenEvent):
        ResponsesMeter().forward(data)


def test_every_kind_of_delta_is_counted():
    meter, _ = metered(
        delta("1234"),
        delta("思考", "response.reasoning_summary_text.delta"),
        delta("1234", "response.reasoning_text.delta"),
        delta("1234", "response.refusal.delta"),
        event("response.output_item.added", output_index=1, item={"type": "function_call", "name": "look"}),
        event("response.function_call_arguments.delta", output_index=1, delta="1234"),
        event("response.custom_tool_call_input.delta", output_index=2, delta="1234"),
    )
    assert meter.output_estimate == 5 + 1 + 2


def test_what_the_done_events_repeat_is_not_counted_again():
    meter, _ = metered(
        delta("Hello!!!"),
        event("response.output_text.done", text="Hello!!!"),
        ended(output=[{"type": "message", "content": [{"type": "output_text", "text": "Hello!!!"}]}]),
    )
    assert meter.output_estimate == 2


def test_an_answer_that_came_without_deltas_is_counted_at_its_end():
    meter, _ = metered(ended(output=[{"type": "message", "content": [{"type": "output_text", "text": "Hello!!!"}]}]))
    assert meter.output_estimate == 2


def test_a_broken_stream_is_told_in_its_own_numbers():
    meter, _ = metered(event("response.created", response=BEGUN), delta("Hel"))
    events = [data for _name, data in events_of(meter.error_event(UpstreamFailed("It broke off.")))]
    assert [(told["type"], told["sequence_number"]) for told in events] == [("error", 2), ("response.failed", 3)]
    assert events[0]["error"]["message"] == events[0]["message"] == "It broke off."
    assert events[1]["response"]["id"] == "resp_1"
    assert events[1]["response"]["error"] == {"code": "server_error", "message": "It broke off."}


def test_what_never_began_cannot_have_failed():
    named = events_of(ResponsesMeter().error_event(UpstreamFailed("It broke off.")))
    assert [name for name, _data in named] == ["error"]


def test_there_is_no_usage_event_to_make_up():
    assert ResponsesMeter().end(Usage(input=1, output=1), 7) == b""


# ── Whole answers ────────────────────────────────────────────────────────────


def test_a_whole_answer_is_read():
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {
            "type": "message",
            "content": [{"type": "output_text", "text": "Yes."}, {"type": "refusal", "refusal": "No."}],
        },
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "***"},
        None,
    ]
    usage, texts, problem, *_ = read_answer({"status": "completed", "output": output, "usage": USAGE, "error": None})
    assert usage == USAGE
    assert texts == ["Hm.", "Yes.", "No.", "look", "{}", "patch", "***"]
    assert problem is None


def test_an_incomplete_answer_is_one():
    assert read_answer({"status": "incomplete", "output": []}).problem is None


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"choices": []},
        {"status": "queued", "output": []},
        {"status": "failed", "output": [], "error": None},
        {"status": "failed", "output": [], "error": {"code": "server_error", "message": "Sorry"}},
        {"error": "Sorry"},
    ],
)
def test_what_is_no_answer_is_a_problem(answer):
    assert read_answer(answer).problem["message"]


# ── Thoughts that only their provider can read ───────────────────────────────

SEALED_ITEM = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2VhbGVk"}


@pytest.mark.parametrize("item", [SEALED_ITEM, {"type": "reasoning", "id": "rs_1", "summary": []}])
def test_sealed_thoughts_are_an_answer(item):
    meter, _ = metered(event("response.output_item.done", output_index=0, item=item))
    assert (meter.has_content, meter.output_estimate) == (True, 1)
    assert read_answer({"status": "incomplete", "output": [item], "usage": USAGE}).texts == [SEALED]


def test_an_empty_message_is_none():
    empty = {"type": "message", "content": []}
    meter, _ = metered(event("response.output_item.done", output_index=0, item=empty))
    assert not meter.has_content
    assert read_answer({"status": "completed", "output": [empty], "usage": USAGE}).texts == []
