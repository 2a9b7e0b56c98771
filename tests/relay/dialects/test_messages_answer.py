"""A whole chat completion becomes a message."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.usage import from_anthropic, from_openai
from relay.dialects.messages import CONVERSION, parse

THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
NO_USAGE = {
    "input_tokens": 0,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 0,
}


def answer_to(chat, **payload):
    return CONVERSION.answer(chat, payload=payload, model="claude-x", request_id="r1")


def completion(finish="stop", usage=None, choice=None, **said):
    choices = [{"index": 0, "message": {"role": "assistant", **said}, "finish_reason": finish, **(choice or {})}]
    return {"id": "chatcmpl-9", "object": "chat.completion", "model": "upstream-7", "choices": choices, "usage": usage}


def call(id="call_1", name="look", arguments='{"at":1}'):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_a_plain_answer():
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    assert answer_to(completion(content="Hello!", usage=usage)) == {
        "id": "msg_r1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [{"type": "text", "text": "Hello!"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {**NO_USAGE, "input_tokens": 9, "output_tokens": 2},
    }


def test_an_answer_of_nothing():
    assert answer_to(completion(content=None))["content"] == []


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thoughts_come_first_for_one_who_asked_for_them(name):
    chat = completion(content="42", **{name: "Six times seven."})
    assert answer_to(chat, **THINKING)["content"] == [
        {"type": "thinking", "thinking": "Six times seven.", "signature": ""},
        {"type": "text", "text": "42"},
    ]


@pytest.mark.parametrize(
    "payload", [{}, {"thinking": {"type": "disabled"}}, {"thinking": {"type": "adaptive", "display": "omitted"}}]
)
def test_thoughts_are_kept_from_one_who_reads_the_first_block_as_the_answer(payload):
    chat = completion(content="42", reasoning_content="Six times seven.")
    assert answer_to(chat, **payload)["content"] == [{"type": "text", "text": "42"}]


def test_calls():
    message = answer_to(completion("tool_calls", content="So.", tool_calls=[call(), call("call_2", arguments="")]))
    assert message["content"] == [
        {"type": "text", "text": "So."},
        {"type": "tool_use", "id": "call_1", "name": "look", "input": {"at": 1}},
        {"type": "tool_use", "id": "call_2", "name": "look", "input": {}},
    ]
    assert message["stop_reason"] == "tool_use"


def test_calls_without_an_id_get_one_each():
    blocks = answer_to(completion(tool_calls=[call(None), call("")]))["content"]
    assert [block["id"] for block in blocks] == ["toolu_r1_0", "toolu_r1_1"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"at": 1}, {"at": 1}),
        ('{"at":', {"invalid_arguments": '{"at":'}),
        ("[1]", {"invalid_arguments": "[1]"}),
        (None, {}),
        (" ", {}),
    ],
)
def test_arguments_are_always_an_object(arguments, expected):
    assert answer_to(completion(tool_calls=[call(arguments=arguments)]))["content"][0]["input"] == expected


@pytest.mark.parametrize(
    ("finish", "said", "expected"),
    [
        ("stop", {"content": "x"}, "end_turn"),
        (None, {"content": "x"}, "end_turn"),
        ("what?", {"content": "x"}, "end_turn"),
        (["stop"], {"content": "x"}, "end_turn"),
        ("length", {"content": "x"}, "max_tokens"),
        ("length", {"tool_calls": [call()]}, "max_tokens"),
        ("tool_calls", {"tool_calls": [call()]}, "tool_use"),
        ("stop", {"tool_calls": [call()]}, "tool_use"),
        ("tool_calls", {"content": "x"}, "end_turn"),
        ("content_filter", {"content": None}, "refusal"),
        ("stop", {"refusal": "I can't."}, "refusal"),
    ],
)
def test_why_it_ended(finish, said, expected):
    message = answer_to(completion(finish, **said))
    assert (message["stop_reason"], message["stop_sequence"]) == (expected, None)


@pytest.mark.parametrize("name", ["stop_reason", "matched_stop"])
def test_the_stop_text_where_it_is_told(name):
    chat = completion(content="x", choice={name: "END"})
    message = answer_to(chat, stop_sequences=["STOP", "END"])
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "END")
    assert answer_to(chat)["stop_reason"] == "end_turn"


def test_arguments_nested_deeper_than_can_be_written_stay_text():
    for depth in (200, 249, 250, 251, 252, 253, 254, 1000):
        arguments = '{"a":' * depth + "1" + "}" * depth
        message = answer_to(completion(tool_calls=[call(arguments=arguments)]))
        assert orjson.loads(orjson.dumps(message)) == message
        assert ("invalid_arguments" in message["content"][0]["input"]) == (depth > 250)


def test_a_refusal_can_be_read():
    assert answer_to(completion(refusal="I can't."))["content"] == [{"type": "text", "text": "I can't."}]


def test_content_in_parts():
    chat = completion(content=[{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}])
    assert answer_to(chat)["content"] == [{"type": "text", "text": "Hello"}]


def test_the_input_leaves_the_cache_out():
    details = {"cached_tokens": 60, "cache_creation_input_tokens": 30}
    usage = {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": details}
    assert answer_to(completion(content="x", usage=usage))["usage"] == {
        "input_tokens": 10,
        "cache_creation_input_tokens": 30,
        "cache_read_input_tokens": 60,
        "output_tokens": 5,
    }


@given(prompt=st.integers(0, 10**6), cached=st.integers(0, 10**6), written=st.integers(0, 10**6), out=st.integers(0, 9))
def test_converted_usage_costs_the_same(prompt, cached, written, out):
    details = {"cached_tokens": cached, "cache_creation_input_tokens": written}
    usage = {"prompt_tokens": prompt, "completion_tokens": out, "prompt_tokens_details": details}
    assert from_anthropic(answer_to(completion(usage=usage))["usage"]).usage == from_openai(usage).usage


@pytest.mark.parametrize(
    "chat",
    [
        {},
        {"choices": None},
        {"choices": [None]},
        {"choices": [{"message": "Hello"}]},
        {"choices": [{"message": {"content": 7, "tool_calls": [None, {"function": 7}], "refusal": {}}}]},
        {"choices": [{}], "usage": "none"},
    ],
)
def test_an_odd_completion_is_still_a_message(chat):
    message = answer_to(chat)
    assert message["type"] == "message"
    assert message["usage"] == NO_USAGE
    assert {block["type"] for block in message["content"]} <= {"tool_use"}


def test_an_answer_comes_back_as_history_in_the_words_of_the_upstream():
    said = {"role": "assistant", "content": "So.", "tool_calls": [call("functions.look:0", arguments='{"at":"é"}')]}
    answer = answer_to(completion("tool_calls", reasoning_content="Hm.", **said), **THINKING)
    turns = [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": answer["content"]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "functions.look:0", "content": "A cat"}]},
    ]
    question = {"model": "claude-x", "max_tokens": 64, "messages": turns}
    chat = CONVERSION.chat_payload(parse(orjson.dumps(question)).payload)
    assert chat["messages"][1:] == [said, {"role": "tool", "tool_call_id": "functions.look:0", "content": "A cat"}]
