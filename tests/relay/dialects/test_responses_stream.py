"""A chat completion stream becomes a response stream whose events agree with each other, whatever the chunks are."""

import json

import orjson
from hypothesis import given
from hypothesis import strategies as st
from openai._types import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from config.kernel.errors import RateLimited, UpstreamFailed
from relay.dialects.chat.replay import events_of as replayed
from relay.dialects.responses import CONVERSION
from relay.sse import DONE, data_of
from tests.relay.dialects.wire import events_of

EVENT = TypeAdapter(ResponseStreamEvent)
USAGE = {"prompt_tokens": 9, "completion_tokens": 4}
PAYLOAD = {
    "model": "gpt-x",
    "input": "Hello",
    "tools": [{"type": "function", "name": "look", "parameters": {}}, {"type": "custom", "name": "patch"}],
}


def chunk(finish=None, logprobs=None, **delta):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"created": 1700000000, "choices": [{**choice, "logprobs": logprobs} if logprobs else choice]}


def piece(index, arguments="", *, id=None, name=None):
    call = {"function": {"arguments": arguments}}
    if index is not None:
        call["index"] = index
    if id is not None:
        call["id"] = id
    if name is not None:
        call["function"]["name"] = name
    return chunk(tool_calls=[call])


def conversion():
    return CONVERSION.stream(payload=PAYLOAD, model="gpt-x", request_id="r")


def converted(*chunks, usage=USAGE):
    """The events of a finished stream, checked against the official types and the official accumulator."""
    stream = conversion()
    events = checked(b"".join(map(stream.chunk, chunks)) + stream.finish(usage))
    accumulate(events)
    return events


def checked(raw):
    named = events_of(raw)
    events = [event for _name, event in named]
    assert [name for name, _event in named] == [event["type"] for event in events]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    return events


def accumulate(events):
    state = ResponseStreamState(input_tools=omit, text_format=omit)
    for event in events:
        state.handle_event(EVENT.validate_python(event))
    return state


def kinds(events):
    return [event["type"].removeprefix("response.") for event in events]


def output_of(events):
    return events[-1]["response"]["output"]


# ── Golden streams ───────────────────────────────────────────────────────────


def test_text():
    events = converted(chunk(role="assistant", content=""), chunk(content="Hel"), chunk(content="lo"), chunk("stop"))
    assert kinds(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert events[2]["item"] == {
        "id": "msg_r_0",
        "type": "message",
        "status": "in_progress",
        "role": "assistant",
        "content": [],
    }
    assert events[4] == {
        "type": "response.output_text.delta",
        "sequence_number": 4,
        "item_id": "msg_r_0",
        "output_index": 0,
        "content_index": 0,
        "delta": "Hel",
        "logprobs": [],
    }
    assert events[6]["text"] == "Hello"
    part = {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}
    assert events[7]["part"] == part
    assert events[8]["item"]["content"] == [part]
    assert output_of(events) == [events[8]["item"]]
    assert events[-1]["response"]["usage"]["output_tokens"] == 4
    assert events[0]["response"]["status"] == "in_progress"
    assert {event["response"]["id"] for event in events if "response" in event} == {"resp_r"}


def test_thoughts_end_where_the_answer_begins():
    events = converted(
        chunk(reasoning_content="H"), chunk(reasoning_content="m."), chunk(content="Yes."), chunk("stop")
    )
    assert kinds(events)[2:10] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
    ]
    assert events[2]["item"] == {"id": "rs_r_0", "type": "reasoning", "summary": []}
    assert events[6] == {
        "type": "response.reasoning_summary_text.done",
        "sequence_number": 6,
        "item_id": "rs_r_0",
        "output_index": 0,
        "summary_index": 0,
        "text": "Hm.",
    }
    assert [item["type"] for item in output_of(events)] == ["reasoning", "message"]


def test_thoughts_between_two_texts_part_them():
    events = converted(chunk(content="a"), chunk(reasoning="hm"), chunk(content="b"), chunk("stop"))
    assert [item["type"] for item in output_of(events)] == ["message", "reasoning", "message"]


def test_a_refusal_after_text_is_a_part_of_its_own():
    events = converted(chunk(content="Well. "), chunk(refusal="No"), chunk(refusal="."), chunk("stop"))
    assert [part["type"] for part in output_of(events)[0]["content"]] == ["output_text", "refusal"]
    deltas = [event for event in events if event["type"] == "response.refusal.delta"]
    assert [(event["content_index"], event["delta"]) for event in deltas] == [(1, "No"), (1, ".")]
    assert [event["refusal"] for event in events if event["type"] == "response.refusal.done"] == ["No."]


def test_interleaved_calls_keep_their_own_arguments():
    events = converted(
        chunk(content="Looking."),
        piece(0, id="c1", name="look"),
        piece(1, id="c2", name="look"),
        piece(0, '{"a":'),
        piece(1, '{"b":'),
        piece(0, "1}"),
        piece(1, "2}"),
        chunk("tool_calls"),
    )
    calls = output_of(events)[1:]
    assert [(call["call_id"], call["arguments"]) for call in calls] == [("c1", '{"a":1}'), ("c2", '{"b":2}')]
    deltas = [event for event in events if event["type"] == "response.function_call_arguments.delta"]
    assert [event["output_index"] for event in deltas] == [1, 2, 1, 2]
    done = [event for event in events if event["type"] == "response.function_call_arguments.done"]
    assert [event["arguments"] for event in done] == ['{"a":1}', '{"b":2}']
    text_done = kinds(events).index("output_text.done")
    assert text_done < kinds(events).index("function_call_arguments.delta")


def test_calls_that_all_say_index_nought_are_told_apart_by_their_ids():
    events = converted(piece(0, '{"a":1}', id="c1", name="look"), piece(0, "{}", id="c2", name="look"), chunk("stop"))
    assert [(item["call_id"], item["arguments"]) for item in output_of(events)] == [("c1", '{"a":1}'), ("c2", "{}")]


def test_calls_without_an_index_begin_with_a_name():
    events = converted(
        piece(None, '{"a"', name="look"), piece(None, ":1}"), piece(None, "{}", name="look"), chunk("tool_calls")
    )
    assert [item["arguments"] for item in output_of(events)] == ['{"a":1}', "{}"]


def test_an_id_and_a_name_that_are_repeated_begin_nothing():
    events = converted(piece(0, '{"a"', id="c1", name="look"), piece(0, ":1}", id="c1", name="look"))
    assert [item["arguments"] for item in output_of(events)] == ['{"a":1}']


def test_a_custom_tool_is_called_with_its_plain_input():
    events = converted(piece(0, '{"inp', id="c1", name="patch"), piece(0, 'ut":"a\\nb"}'), chunk("tool_calls"))
    assert kinds(events)[2:] == [
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
        "completed",
    ]
    assert (events[3]["delta"], events[4]["input"], events[5]["item"]["input"]) == ("a\nb", "a\nb", "a\nb")
    assert events[2]["item"]["input"] == ""


def test_an_answer_cut_short_is_incomplete():
    stream = conversion()
    events = checked(
        stream.chunk(piece(0, "{}", id="c1", name="look"))
        + stream.chunk(piece(1, '{"a', id="c2", name="look"))
        + stream.chunk(chunk("length"))
        + stream.chunk({"choices": [], "usage": USAGE})
        + stream.finish(USAGE)
    )
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert [item["status"] for item in output_of(events)] == ["completed", "incomplete"]


def test_an_empty_answer():
    events = converted(chunk("stop"), usage={})
    assert kinds(events) == ["created", "in_progress", "completed"]
    assert (output_of(events), events[-1]["response"]["usage"]) == ([], None)


def test_an_answer_without_any_chunk():
    assert kinds(converted()) == ["created", "in_progress", "completed"]


def test_the_first_chunk_brings_the_opening_events_and_others_none():
    stream = conversion()
    assert kinds(event for _name, event in events_of(stream.chunk(chunk(role="assistant")))) == [
        "created",
        "in_progress",
    ]
    assert stream.chunk({"choices": [], "usage": USAGE}) == b""


def test_logprobs_pass_with_their_text():
    rows = [{"token": "Hi", "bytes": [72, 105], "logprob": -0.1, "top_logprobs": []}]
    events = converted(chunk(content="Hi", logprobs={"content": rows}), chunk("stop"))
    assert [event["logprobs"] for event in events if "logprobs" in event] == [rows, rows]
    assert output_of(events)[0]["content"][0]["logprobs"] == rows


def test_a_broken_answer_is_told_twice():
    stream = conversion()
    raw = stream.chunk(chunk(content="Hal")) + stream.error(UpstreamFailed("The upstream broke off.", param="x"))
    events = checked(raw)
    assert kinds(events)[-2:] == ["error", "failed"]
    for event in events:
        EVENT.validate_python(event)
    envelope = {"message": "The upstream broke off.", "type": "upstream_error", "param": "x", "code": "upstream_error"}
    assert events[-2]["error"] == envelope
    assert (events[-2]["code"], events[-2]["message"]) == ("upstream_error", "The upstream broke off.")
    failed = events[-1]["response"]
    assert failed["status"] == "failed"
    assert failed["error"] == {"code": "server_error", "message": "The upstream broke off."}
    assert failed["output"][0]["content"][0]["text"] == "Hal"


def test_an_answer_that_breaks_before_it_begins():
    events = checked(conversion().error(RateLimited("Too many.")))
    assert kinds(events) == ["created", "in_progress", "error", "failed"]
    assert events[-1]["response"]["error"]["code"] == "rate_limit_exceeded"


# ── Any stream ───────────────────────────────────────────────────────────────

WORDS = st.text(min_size=1, max_size=8)
PIECES = st.one_of(
    st.tuples(st.sampled_from(["content", "reasoning_content", "refusal"]), WORDS),
    st.tuples(st.integers(0, 3), st.sampled_from(["look", "patch"]), WORDS),
)


def chunks_of(pieces):
    """Chunks, and the text of each kind and the arguments of each call that they bring."""
    chunks, texts, calls = [], {}, {}
    for said in pieces:
        if len(said) == 2:
            kind, words = said
            chunks.append(chunk(**{kind: words}))
            texts[kind] = texts.get(kind, "") + words
        else:
            index, name, words = said
            first = index not in calls
            calls.setdefault(index, [name, ""])[1] += words
            chunks.append(piece(index, words, **({"id": f"c{index}", "name": name} if first else {})))
    return chunks, texts, calls


def told(output):
    """The same of a response's output."""
    texts, calls = {}, {}
    for item in output:
        match item:
            case {"type": "reasoning"}:
                texts["reasoning_content"] = texts.get("reasoning_content", "") + item["summary"][0]["text"]
            case {"type": "message"}:
                for part in item["content"]:
                    kind = "refusal" if part["type"] == "refusal" else "content"
                    texts[kind] = texts.get(kind, "") + part.get("text", part.get("refusal"))
            case _:
                calls[int(item["call_id"][1:])] = [item["name"], item.get("arguments", item.get("input"))]
    return texts, calls


@given(st.lists(PIECES, max_size=25), st.sampled_from(["stop", "tool_calls", None]))
def test_nothing_is_lost_or_made_up(pieces, finish):
    chunks, texts, calls = chunks_of(pieces)
    assert told(output_of(converted(*chunks, chunk(finish)))) == (texts, calls)


@given(st.lists(PIECES, max_size=25), st.sampled_from(["stop", "length"]))
def test_each_item_grows_into_what_the_response_holds(pieces, finish):
    stream = conversion()
    events = checked(b"".join(map(stream.chunk, [*chunks_of(pieces)[0], chunk(finish)])) + stream.finish({}))
    output = output_of(events)
    added = [event for event in events if event["type"] == "response.output_item.added"]
    done = {event["output_index"]: event["item"] for event in events if event["type"] == "response.output_item.done"}
    assert [event["output_index"] for event in added] == list(range(len(output)))
    assert [done[index] for index in range(len(output))] == output
    for index, item in enumerate(output):
        mine = [event for event in events if event.get("output_index") == index]
        assert mine[0]["type"] == "response.output_item.added"
        assert mine[-1]["type"] == "response.output_item.done"
        assert {event.get("item_id", item["id"]) for event in mine} == {item["id"]}
        deltas = "".join(event["delta"] for event in mine if event["type"].endswith(".delta"))
        whole = [
            value for event in mine for name in ("text", "refusal", "arguments", "input") if (value := event.get(name))
        ]
        assert deltas == "".join(whole)


@given(st.lists(PIECES, max_size=10))
def test_a_stream_and_a_whole_answer_agree(pieces):
    _chunks, texts, calls = chunks_of(pieces)
    tool_calls = [
        {"id": f"c{index}", "type": "function", "function": {"name": name, "arguments": words}}
        for index, (name, words) in calls.items()
    ]
    choice = {"index": 0, "message": {**texts, "tool_calls": tool_calls}, "finish_reason": "stop"}
    chat = {"created": 1700000000, "choices": [choice], "usage": USAGE}
    whole = CONVERSION.answer(chat, payload=PAYLOAD, model="gpt-x", request_id="r")
    chunks = [orjson.loads(data) for event in replayed(chat) if (data := data_of(event)) != DONE]
    assert converted(*chunks)[-1]["response"] == json.loads(json.dumps(whole))


CHUNK_NAMES = ["choices", "delta", "tool_calls", "function", "finish_reason", "logprobs", "created"]
DELTA_NAMES = ["index", "id", "name", "arguments", "content", "reasoning", "refusal"]
NAMES = st.sampled_from([*CHUNK_NAMES, *DELTA_NAMES])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)
ODD_DELTA = st.dictionaries(NAMES, JSON, max_size=6)
ODD_CHUNK = st.one_of(
    st.dictionaries(NAMES, JSON, max_size=4),
    st.builds(lambda delta: {"choices": [{"delta": delta}]}, ODD_DELTA),
    st.builds(lambda call: {"choices": [{"delta": {"tool_calls": [call]}}]}, ODD_DELTA),
)


@given(st.lists(ODD_CHUNK, max_size=6))
def test_odd_chunks_do_no_harm(chunks):
    stream = conversion()
    checked(b"".join(map(stream.chunk, chunks)) + stream.finish({}))
