"""Legacy completions: checked, asked as one message of the user, and turned back into text."""

import openai
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion

from config.kernel.errors import InvalidInput, UpstreamFailed
from relay.dialects.completions import CONVERSION, parse
from tests.relay.dialects.wire import events_of, serving

GOOD = {"model": "gpt-x", "prompt": "Once upon"}
USAGE = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
LOGPROBS = {
    "content": [
        {"token": " a", "logprob": -0.1, "top_logprobs": [{"token": " a", "logprob": -0.1}]},
        {"token": " time", "logprob": -0.2, "top_logprobs": []},
    ]
}


def parsed(**fields):
    return parse(orjson.dumps({**GOOD, **fields}))


def whole(*choices, usage=USAGE, **fields):
    chat = {"created": 7, "model": "private", "choices": list(choices), "usage": usage}
    answer = CONVERSION.answer(chat, payload={**GOOD, **fields}, model="gpt-x", request_id="a-b")
    Completion.model_validate(answer)
    return answer


def said(index, text, finish="stop", **fields):
    return {"index": index, "message": {"content": text}, "finish_reason": finish, **fields}


def chunk(index, finish=None, **delta):
    return {"created": 7, "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def streamed(*chunks, **fields):
    stream = CONVERSION.stream(payload={**GOOD, **fields}, model="gpt-x", request_id="a-b")
    return b"".join(map(stream.chunk, chunks)) + stream.finish(USAGE)


def text_of(events, index=0):
    return "".join(c["text"] for event in events for c in event["choices"] if c["index"] == index)


# ── The request ──────────────────────────────────────────────────────────────


def test_a_request_is_understood():
    request = parsed(prompt=["Once upon"], stream=True, stream_options={"include_usage": True}, max_tokens=9, n=2)
    assert (request.model, request.is_stream, request.wants_usage) == ("gpt-x", True, True)
    assert (request.max_tokens, request.choices) == (9, 2)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"prompt": None}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": ["one", "two"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [[1, 2]]}, "prompt"),
        ({"prompt": {"text": "x"}}, "prompt"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"best_of": 3}, "best_of"),
        ({"suffix": "The end."}, "suffix"),
        ({"logprobs": 21}, "logprobs"),
        ({"logprobs": True}, "logprobs"),
        ({"logprobs": 1, "echo": True}, "echo"),
        ({"echo": "yes"}, "echo"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": []}, "stream_options"),
        ({"max_tokens": -1}, "max_tokens"),
    ],
)
def test_what_is_wrong_is_named(fields, param):
    with pytest.raises(InvalidInput) as refused:
        parsed(**fields)
    assert refused.value.param == param


def test_the_prompt_is_the_users_message_and_everything_else_stays():
    asked = {"temperature": 0.5, "stop": ["\n"], "max_tokens": 9, "n": 2, "top_k": 4}
    body = CONVERSION.chat_payload({**GOOD, **asked, "best_of": 2, "echo": True, "suffix": None})
    assert body == {"model": "gpt-x", "messages": [{"role": "user", "content": "Once upon"}], **asked}


def test_logprobs_are_chats():
    body = CONVERSION.chat_payload({**GOOD, "logprobs": 2})
    assert (body["logprobs"], body["top_logprobs"]) == (True, 2)


def test_a_stream_asks_for_usage_always():
    body = CONVERSION.chat_payload({**GOOD, "stream": True})
    assert body["stream_options"] == {"include_usage": True}


# ── The answer ───────────────────────────────────────────────────────────────


def test_the_whole_shape():
    assert whole(said(0, " a time")) == {
        "id": "cmpl-ab",
        "object": "text_completion",
        "created": 7,
        "model": "gpt-x",
        "choices": [{"text": " a time", "index": 0, "logprobs": None, "finish_reason": "stop"}],
        "usage": USAGE,
    }


def test_every_choice_and_its_end():
    choices = whole(said(0, "a", "length"), said(1, "b", "content_filter"), said(2, "c", "tool_calls"))["choices"]
    assert [choice["finish_reason"] for choice in choices] == ["length", "content_filter", "stop"]
    assert [choice["index"] for choice in choices] == [0, 1, 2]


def test_an_echo_comes_before_each_text():
    choices = whole(said(0, " a"), said(1, " b"), echo=True)["choices"]
    assert [choice["text"] for choice in choices] == ["Once upon a", "Once upon b"]


def test_logprobs_are_four_lists():
    assert whole(said(0, " a time", logprobs=LOGPROBS))["choices"][0]["logprobs"] == {
        "tokens": [" a", " time"],
        "token_logprobs": [-0.1, -0.2],
        "top_logprobs": [{" a": -0.1}, {}],
        "text_offset": [0, 2],
    }


@pytest.mark.parametrize("choices", [[], ["x"], [{"message": 7}], [{"message": {"content": None}}]])
def test_odd_answers_do_no_harm(choices):
    assert all(choice["text"] == "" for choice in whole(*choices, usage=None)["choices"])


# ── The stream ───────────────────────────────────────────────────────────────


def test_a_stream():
    raw = streamed(
        chunk(0, role="assistant", content=""), chunk(0, content=" a"), chunk(0, content=" time"), chunk(0, "stop")
    )
    *events, end = [data for _name, data in events_of(raw)]
    head = {"id": "cmpl-ab", "object": "text_completion", "created": 7, "model": "gpt-x"}
    assert events == [
        {**head, "choices": [{"text": " a", "index": 0, "logprobs": None, "finish_reason": None}]},
        {**head, "choices": [{"text": " time", "index": 0, "logprobs": None, "finish_reason": None}]},
        {**head, "choices": [{"text": "", "index": 0, "logprobs": None, "finish_reason": "stop"}]},
    ]
    assert end == "[DONE]"


def test_usage_is_shown_to_those_who_asked():
    raw = streamed(chunk(0, content=" a"), chunk(0, "stop"), stream=True, stream_options={"include_usage": True})
    *events, _end = [data for _name, data in events_of(raw)]
    assert [event["usage"] for event in events] == [None, None, USAGE]
    assert events[-1]["choices"] == []


def test_an_echo_is_streamed_once_for_each_choice():
    raw = streamed(chunk(0, content=" a"), chunk(1, content=" b"), chunk(0, content="!"), chunk(1, "stop"), echo=True)
    *events, _end = [data for _name, data in events_of(raw)]
    assert (text_of(events, 0), text_of(events, 1)) == ("Once upon a!", "Once upon b")


def test_offsets_go_on_through_a_stream():
    first, second = ({"content": [row]} for row in LOGPROBS["content"])
    chunks = [chunk(0, content=" a"), chunk(0, content=" time")]
    chunks[0]["choices"][0]["logprobs"], chunks[1]["choices"][0]["logprobs"] = first, second
    *events, _end = [data for _name, data in events_of(streamed(*chunks))]
    assert [event["choices"][0]["logprobs"]["text_offset"] for event in events] == [[0], [2]]


def test_an_error_ends_a_stream():
    stream = CONVERSION.stream(payload=GOOD, model="gpt-x", request_id="r")
    ((_name, told),) = events_of(stream.error(UpstreamFailed("It broke off.")))
    assert told["error"]["message"] == "It broke off."


@given(st.lists(st.tuples(st.integers(0, 2), st.text(max_size=6)), max_size=20))
def test_no_text_is_lost_or_made_up(pieces):
    raw = streamed(*(chunk(index, content=text) for index, text in pieces))
    *events, _end = [data for _name, data in events_of(raw)]
    for index in range(3):
        assert text_of(events, index) == "".join(text for at, text in pieces if at == index)


# ── The official client ──────────────────────────────────────────────────────


def client(base_url):
    return openai.OpenAI(base_url=base_url, api_key="sk-test", max_retries=0)


def test_the_client_reads_a_whole_answer():
    with serving(orjson.dumps(whole(said(0, " a time", logprobs=LOGPROBS)))) as (base_url, asked):
        completion = client(base_url).completions.create(model="gpt-x", prompt="Once upon", logprobs=1)
    assert completion.choices[0].text == " a time"
    assert completion.choices[0].logprobs.tokens == [" a", " time"]
    assert completion.usage.total_tokens == 5
    assert CONVERSION.chat_payload(asked[0])["messages"][0]["content"] == "Once upon"


def test_the_client_reads_a_stream():
    raw = streamed(chunk(0, content=" a"), chunk(0, content=" time"), chunk(0, "stop"))
    with serving(raw, content_type="text/event-stream") as (base_url, _asked):
        chunks = list(client(base_url).completions.create(model="gpt-x", prompt="Once upon", stream=True))
    assert "".join(one.choices[0].text for one in chunks) == " a time"
    assert chunks[-1].choices[0].finish_reason == "stop"
