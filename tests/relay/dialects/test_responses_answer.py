"""A chat completion becomes a response with all the fields its official type asks for."""

import pytest
from openai.types.responses import Response

from relay.dialects.responses import CONVERSION

REQUEST_ID = "11111111-2222-3333-4444-555555555555"
BASE = "11111111222233334444555555555555"
USAGE = {
    "prompt_tokens": 30,
    "completion_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 10},
    "completion_tokens_details": {"reasoning_tokens": 5},
}


def response(message=None, *, finish="stop", payload=None, choice=None, **extra):
    chat = {
        "id": "chatcmpl-1",
        "created": 1700000000,
        "model": "private-name",
        "choices": [{"index": 0, "message": message or {}, "finish_reason": finish, **(choice or {})}],
        **extra,
    }
    asked = {"model": "gpt-x", "input": "Hello", **(payload or {})}
    answer = CONVERSION.answer(chat, payload=asked, model="gpt-x", request_id=REQUEST_ID)
    Response.model_validate(answer)
    return answer


def call(id, name, arguments):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_the_whole_shape():
    answer = response({"role": "assistant", "content": "Hello!"}, usage=USAGE, payload={"instructions": "Be kind."})
    assert answer == {
        "id": f"resp_{BASE}",
        "object": "response",
        "created_at": 1700000000,
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": "Be kind.",
        "max_output_tokens": None,
        "metadata": {},
        "model": "gpt-x",
        "output": [
            {
                "id": f"msg_{BASE}_0",
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Hello!", "annotations": [], "logprobs": []}],
            }
        ],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "store": False,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": None,
        "top_p": None,
        "truncation": "disabled",
        "usage": {
            "input_tokens": 30,
            "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 0},
            "output_tokens": 12,
            "output_tokens_details": {"reasoning_tokens": 5},
            "total_tokens": 42,
        },
        "user": None,
    }


def test_the_request_is_echoed():
    tools = [{"type": "function", "name": "look"}, {"type": "custom", "name": "patch"}]
    payload = {
        "tools": tools,
        "tool_choice": {"type": "function", "name": "look"},
        "parallel_tool_calls": False,
        "reasoning": {"effort": "low"},
        "text": {"verbosity": "low"},
        "metadata": {"a": "b"},
        "temperature": 0.2,
        "max_output_tokens": 9,
    }
    answer = response({"content": "x"}, payload=payload)
    assert answer["tools"] == [{**tools[0], "parameters": None, "strict": False}, tools[1]]
    assert answer["reasoning"] == {"effort": "low", "summary": None}
    assert answer["text"] == {"verbosity": "low", "format": {"type": "text"}}
    same = ("tool_choice", "parallel_tool_calls", "metadata", "temperature", "max_output_tokens")
    assert {name: answer[name] for name in same} == {name: payload[name] for name in same}


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thoughts_are_an_item_before_the_message(name):
    output = response({name: "Hm.", "content": "Yes."})["output"]
    assert output[0] == {
        "id": f"rs_{BASE}_0",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "Hm."}],
    }
    assert output[1]["content"][0]["text"] == "Yes."


def test_a_refusal_is_a_part_of_the_message():
    output = response({"content": None, "refusal": "No."})["output"]
    assert output[0]["content"] == [{"type": "refusal", "refusal": "No."}]


def test_parallel_calls_are_items():
    message = {"content": "Looking.", "tool_calls": [call("c1", "look", '{"a":1}'), call("c2", "look", "{}")]}
    output = response(message, finish="tool_calls")["output"]
    assert [item["type"] for item in output] == ["message", "function_call", "function_call"]
    assert output[1] == {
        "id": f"fc_{BASE}_1",
        "type": "function_call",
        "status": "completed",
        "call_id": "c1",
        "name": "look",
        "arguments": '{"a":1}',
    }
    assert output[2]["call_id"] == "c2"


def test_each_kind_of_tool_is_called_as_it_was_declared():
    tools = [
        {"type": "custom", "name": "patch"},
        {"type": "namespace", "name": "crm", "description": "", "tools": [{"type": "function", "name": "find"}]},
    ]
    calls = [call("c1", "patch", '{"input":"*** Begin"}'), call("c2", "crm__find", "{}"), call("c3", "patch", "raw")]
    output = response({"tool_calls": calls}, payload={"tools": tools})["output"]
    assert output[0] == {
        "id": f"ctc_{BASE}_0",
        "type": "custom_tool_call",
        "status": "completed",
        "call_id": "c1",
        "name": "patch",
        "input": "*** Begin",
    }
    assert (output[1]["name"], output[1]["namespace"]) == ("find", "crm")
    assert output[2]["input"] == "raw"


def test_calls_without_an_id_of_their_own_get_one():
    calls = [call("same", "look", "{}"), call("same", "look", "{}"), call(None, "look", "{}")]
    ids = [item["call_id"] for item in response({"tool_calls": calls})["output"]]
    assert ids[0] == "same"
    assert len(set(ids)) == 3


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_an_incomplete_answer_says_why(finish, reason):
    answer = response({"reasoning_content": "Hm", "content": "Yes, b"}, finish=finish)
    assert (answer["status"], answer["incomplete_details"]) == ("incomplete", {"reason": reason})
    assert answer["output"][1]["status"] == "incomplete"


@pytest.mark.parametrize("finish", ["stop", "tool_calls", "eos", None, ["odd"]])
def test_any_other_end_is_complete(finish):
    assert response({"content": "Yes."}, finish=finish)["status"] == "completed"


def test_logprobs_are_those_of_the_text():
    rows = [{"token": "Hi", "bytes": [72, 105], "logprob": -0.1, "top_logprobs": []}]
    output = response({"content": "Hi"}, choice={"logprobs": {"content": rows}})["output"]
    assert output[0]["content"][0]["logprobs"] == rows


@pytest.mark.parametrize("message", [{}, {"content": ""}, {"content": None, "tool_calls": None}])
def test_an_empty_answer_has_no_output(message):
    answer = response(message)
    assert (answer["status"], answer["output"], answer["usage"]) == ("completed", [], None)


@pytest.mark.parametrize(
    "chat",
    [
        {},
        {"choices": None},
        {"choices": ["x"]},
        {"choices": [{"message": "x"}], "usage": "many", "created": "now"},
        {"choices": [{"message": {"content": 7, "tool_calls": [None, {"function": "x"}, {"id": 3}]}, "logprobs": []}]},
    ],
)
def test_odd_answers_do_no_harm(chat):
    answer = CONVERSION.answer(chat, payload={"model": "m", "input": "x"}, model="m", request_id="r")
    Response.model_validate(answer)
