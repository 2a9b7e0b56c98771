"""The chunks of a chat completion stream become the events of a message, in the order that its readers rely on."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.kernel.errors import UpstreamFailed
from relay.dialects.messages import CONVERSION
from relay.sse import EventSplitter, data_of
from tests.relay.dialects.messages_reader import read_message

USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
THINKING = {"thinking": {"type": "adaptive"}}


def delta(finish=None, **fields):
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def call(index=0, id=None, name=None, arguments=None):
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {"index": index, "function": function, **({"id": id, "type": "function"} if id is not None else {})}


def calls(*several):
    return delta(tool_calls=list(several))


def converted(chunks, *, usage=USAGE, **payload):
    """The bytes of a stream."""
    stream = CONVERSION.stream(payload=payload, model="claude-x", request_id="r1")
    return b"".join([*map(stream.chunk, chunks), stream.finish(usage)])


def events_of(raw):
    splitter = EventSplitter()
    events = splitter.feed(raw)
    assert splitter.rest() == b""
    found = [orjson.loads(data_of(event)) for event in events]
    assert [event.partition(b"\n")[0].decode() for event in events] == [f"event: {e['type']}" for e in found]
    return found


def message_of(chunks, **options):
    return read_message(events_of(converted(chunks, **options)))


def content_of(chunks, **options):
    return message_of(chunks, **options)["content"]


def test_the_events_of_a_plain_answer():
    chunks = [delta(role="assistant", content=""), delta(content="Hel"), delta(content="lo"), delta("stop")]
    usage = {"input_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 4, "output_tokens": 2}
    assert events_of(converted(chunks)) == [
        {
            "type": "message_start",
            "message": {
                "id": "msg_r1",
                "type": "message",
                "role": "assistant",
                "model": "claude-x",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": dict.fromkeys(usage, 0),
            },
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]


def test_text_leaves_with_its_chunk():
    stream = CONVERSION.stream(payload={}, model="claude-x", request_id="r1")
    assert b'"text":"Hel"' in stream.chunk(delta(content="Hel"))
    assert b'"text":"lo"' in stream.chunk(delta(content="lo"))
    assert stream.chunk(delta()) == b""


@pytest.mark.parametrize("chunks", [[], [delta("stop")], [{"choices": []}]])
def test_a_stream_without_content(chunks):
    types = [event["type"] for event in events_of(converted(chunks))]
    assert types == ["message_start", "message_delta", "message_stop"]


def test_thoughts_then_text_then_a_call():
    chunks = [
        delta(reasoning_content="Six times "),
        delta(reasoning="seven."),
        delta(content="Let me look."),
        calls(call(id="call_1", name="look", arguments="")),
        calls(call(arguments='{"at"')),
        calls(call(arguments=":1}")),
        delta("tool_calls"),
    ]
    message = message_of(chunks, **THINKING)
    assert message["content"] == [
        {"type": "thinking", "thinking": "Six times seven.", "signature": ""},
        {"type": "text", "text": "Let me look."},
        {"type": "tool_use", "id": "call_1", "name": "look", "input": {"at": 1}},
    ]
    assert message["stop_reason"] == "tool_use"


def test_thoughts_are_kept_from_one_who_did_not_ask():
    assert content_of([delta(reasoning_content="Hm."), delta(content="42")]) == [{"type": "text", "text": "42"}]


def test_calls_one_after_the_other_all_leave_at_once():
    stream = CONVERSION.stream(payload={}, model="claude-x", request_id="r1")
    assert b'"call_1"' in stream.chunk(calls(call(0, "call_1", "look", '{"at":1}')))
    second = stream.chunk(calls(call(1, "call_2", "look", "{")))
    assert [event["type"] for event in events_of(second)] == [
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
    ]


LOOKS = [
    {"type": "tool_use", "id": "call_1", "name": "look", "input": {"at": 1}},
    {"type": "tool_use", "id": "call_2", "name": "wait", "input": {"for": 2}},
]
FIRST = [call(0, "call_1", "look", '{"at'), call(0, arguments='":1}')]
SECOND = [call(1, "call_2", "wait", '{"for'), call(1, arguments='":2}')]


@pytest.mark.parametrize(
    "chunks",
    [
        [calls(piece) for piece in (FIRST[0], SECOND[0], FIRST[1], SECOND[1])],
        [calls(piece) for piece in (FIRST[0], SECOND[0], SECOND[1], FIRST[1])],
        [calls(FIRST[0], SECOND[0]), calls(SECOND[1], FIRST[1])],
        [calls(*FIRST, *SECOND)],
    ],
)
def test_interleaved_calls_become_one_block_after_the_other(chunks):
    assert content_of(chunks) == LOOKS


def test_heads_first_arguments_later():
    heads = calls(call(0, "call_1", "look", ""), call(1, "call_2", "wait", ""))
    arguments = [calls(call(1, arguments='{"for":2}')), calls(call(0, arguments='{"at":1}'))]
    assert content_of([heads, *arguments]) == LOOKS


def test_an_odd_order_of_indexes():
    chunks = [calls(call(7, "call_1", "look", '{"at":1}')), calls(call(2, "call_2", "wait", '{"for":2}'))]
    assert content_of(chunks) == LOOKS


@pytest.mark.parametrize("index", [0, None, "one"])
def test_every_call_at_the_same_index(index):
    chunks = [calls(call(index, "call_1", "look", '{"at":1}')), calls(call(index, "call_2", "wait", '{"for":2}'))]
    assert content_of(chunks) == LOOKS


def test_calls_without_index_and_id():
    chunks = [calls(call(None, None, "look", '{"at":1}')), calls(call(None, None, "wait", '{"for":2}'))]
    blocks = content_of(chunks)
    assert [block["input"] for block in blocks] == [{"at": 1}, {"for": 2}]
    assert [block["id"] for block in blocks] == ["toolu_r1_0", "toolu_r1_1"]


@pytest.mark.parametrize("id", ["call_1", None])
def test_a_name_told_again_with_every_chunk_is_one_call(id):
    [block] = content_of([calls(call(0, id, "look", '{"at":')), calls(call(0, id, "look", "1}"))])
    assert block["input"] == {"at": 1}


def test_a_brace_in_the_middle_does_not_end_a_call():
    chunks = [calls(call(0, "call_1", "look", '{"at":{"x":1}')), calls(*SECOND), calls(call(0, arguments="}"))]
    assert [block["input"] for block in content_of(chunks)] == [{"at": {"x": 1}}, {"for": 2}]


def test_arguments_as_an_object():
    assert content_of([calls(call(0, "call_1", "look", {"at": 1}))]) == LOOKS[:1]


def test_arguments_of_no_call_are_dropped():
    assert content_of([calls(call(3, arguments="{}")), delta(content="x")]) == [{"type": "text", "text": "x"}]


def test_text_in_the_middle_of_a_call_waits():
    chunks = [calls(FIRST[0]), delta(content="Wait"), delta(content="ing."), calls(FIRST[1]), calls(*SECOND)]
    assert content_of(chunks) == [LOOKS[0], {"type": "text", "text": "Waiting."}, LOOKS[1]]


def test_a_refusal():
    message = message_of([delta(refusal="I "), delta(refusal="can't."), delta("stop")])
    assert (message["content"], message["stop_reason"]) == ([{"type": "text", "text": "I can't."}], "refusal")


@pytest.mark.parametrize(
    ("finish", "expected"), [("length", "max_tokens"), ("content_filter", "refusal"), ("stop", "end_turn")]
)
def test_why_it_ended(finish, expected):
    chunks = [delta(content="x"), delta(finish), delta(), {"choices": [], "usage": USAGE}]
    assert message_of(chunks)["stop_reason"] == expected


def test_the_stop_text_where_it_is_told():
    end = delta("stop")
    end["choices"][0]["matched_stop"] = "END"
    message = message_of([delta(content="x"), end], stop_sequences=["END"])
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "END")


def test_an_error_is_told_in_an_event_of_its_own():
    stream = CONVERSION.stream(payload={}, model="claude-x", request_id="r1")
    stream.chunk(delta(content="x"))
    assert stream.error(UpstreamFailed("It broke.")) == (
        b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"It broke."},"request_id":"r1"}\n\n'
    )


@pytest.mark.parametrize(
    "chunk",
    [
        {},
        {"choices": {}},
        {"choices": [None]},
        {"choices": [{"delta": "x"}]},
        {"choices": [{"delta": {"content": 7, "reasoning_content": [], "refusal": {}, "tool_calls": {}}}]},
        {"choices": [{"delta": {"tool_calls": [None, {}, {"index": [], "id": 7, "function": {"name": {}}}]}}]},
        {"choices": [{"delta": {}, "finish_reason": {}}]},
    ],
)
def test_an_odd_chunk_says_nothing(chunk):
    assert content_of([chunk, delta(content="x")]) == [{"type": "text", "text": "x"}]


# ── Any stream, cut and mixed in any way ─────────────────────────────────────

WORDS = st.text(max_size=4)
VALUES = st.recursive(WORDS | st.integers(-9, 9), lambda v: st.dictionaries(WORDS, v, max_size=3), max_leaves=4)
ARGUMENTS = st.dictionaries(WORDS, VALUES, max_size=3).map(lambda value: orjson.dumps(value).decode())


@st.composite
def pieces_of(draw, text):
    """A text cut anywhere."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@st.composite
def answers(draw):
    """What a model said, and chunks that say it: parts in order, calls cut and mixed."""
    thought, text = draw(st.text(max_size=8)), draw(st.text(max_size=8))
    arguments = draw(st.lists(ARGUMENTS, max_size=4))
    indexes = draw(st.permutations(range(len(arguments))))
    chunks = [delta(reasoning_content=piece) for piece in draw(pieces_of(thought))]
    chunks += [delta(content=piece) for piece in draw(pieces_of(text))]
    queues = [
        [call(index, f"call_{index}", "look"), *(call(index, arguments=piece) for piece in draw(pieces_of(whole)))]
        for index, whole in zip(indexes, arguments, strict=True)
    ]
    while any(queues):
        several = draw(st.lists(st.sampled_from([queue for queue in queues if queue]), min_size=1, max_size=3))
        chunks.append(calls(*(queue.pop(0) for queue in several if queue)))
    return thought, text, dict(zip(indexes, arguments, strict=True)), [*chunks, delta("stop")]


@given(answers())
def test_any_answer_however_it_is_cut_and_mixed(answer):
    thought, text, arguments, chunks = answer
    blocks = content_of(chunks, **THINKING)
    assert "".join(block["thinking"] for block in blocks if block["type"] == "thinking") == thought
    assert "".join(block["text"] for block in blocks if block["type"] == "text") == text
    inputs = {block["id"]: block["input"] for block in blocks if block["type"] == "tool_use"}
    assert inputs == {f"call_{index}": orjson.loads(whole) for index, whole in arguments.items()}


@given(answers())
def test_a_stream_says_what_the_whole_answer_says(answer):
    thought, text, arguments, chunks = answer
    whole = {
        "reasoning_content": thought,
        "content": text,
        "tool_calls": [call(None, f"call_{index}", "look", given) for index, given in arguments.items()],
    }
    chat = {"choices": [{"message": whole, "finish_reason": "stop"}], "usage": USAGE}
    message = CONVERSION.answer(chat, payload=THINKING, model="claude-x", request_id="r1")
    streamed = message_of(chunks, **THINKING)

    def in_order(found):
        return sorted(found, key=lambda block: block.get("id", ""))

    assert in_order(streamed.pop("content")) == in_order(message.pop("content"))
    assert streamed == message
