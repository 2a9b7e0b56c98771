"""The official client understands what chat completions are made into: whole, streamed, accumulated, parsed."""

import asyncio
import json

import openai
import orjson
import pytest
from pydantic import BaseModel

from config.kernel.errors import UpstreamFailed
from relay.dialects.responses import CONVERSION
from tests.relay.dialects.wire import serving

PAYLOAD = {"model": "gpt-x", "input": "Weather?", "tools": [{"type": "function", "name": "look", "parameters": {}}]}
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 1}}
CITY = '{"city":"Rome"}'


class City(BaseModel):
    city: str


def client(base_url):
    return openai.OpenAI(base_url=base_url, api_key="sk-test", max_retries=0)


def whole(message, finish="stop"):
    chat = {"created": 1, "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": USAGE}
    return orjson.dumps(CONVERSION.answer(chat, payload=PAYLOAD, model="gpt-x", request_id="r"))


def streamed(*deltas, finish="stop", error=None):
    stream = CONVERSION.stream(payload=PAYLOAD, model="gpt-x", request_id="r")
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    raw = b"".join(stream.chunk({"created": 1, "choices": [choice]}) for choice in choices)
    if error:
        return raw + stream.error(error)
    return raw + stream.chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}) + stream.finish(USAGE)


def call(index, id, arguments):
    return {"tool_calls": [{"index": index, "id": id, "function": {"name": "look", "arguments": arguments}}]}


def more(index, arguments):
    return {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}


STREAM = streamed(
    {"role": "assistant", "reasoning_content": "Hm."},
    {"content": "Loo"},
    {"content": "king."},
    call(0, "c1", '{"city":'),
    call(1, "c2", '{"city":'),
    more(0, '"Rome"}'),
    more(1, '"Oslo"}'),
    finish="tool_calls",
)


def test_a_whole_answer():
    message = {"reasoning_content": "Hm.", "content": "Sunny.", "tool_calls": call(0, "c1", CITY)["tool_calls"]}
    with serving(whole(message)) as (base_url, asked):
        response = client(base_url).responses.create(model="gpt-x", input="Weather?", store=False)
    assert response.output_text == "Sunny."
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call"]
    assert response.output[2].call_id == "c1"
    assert (response.usage.total_tokens, response.usage.output_tokens_details.reasoning_tokens) == (13, 1)
    assert CONVERSION.chat_payload(asked[0])["messages"] == [{"role": "user", "content": "Weather?"}]


def test_what_a_client_sends_back_is_understood():
    message = {"reasoning_content": "Hm.", "content": "Looking.", "tool_calls": call(0, "c1", CITY)["tool_calls"]}
    with serving(whole(message)) as (base_url, asked):
        responses = client(base_url).responses
        first = responses.create(model="gpt-x", input="Weather?")
        result = {"type": "function_call_output", "call_id": "c1", "output": "sunny"}
        responses.create(model="gpt-x", input=[{"role": "user", "content": "Weather?"}, *first.output, result])
    said = CONVERSION.chat_payload(asked[1])["messages"]
    assert [message["role"] for message in said] == ["user", "assistant", "tool"]
    assert said[1]["content"] == "Looking."
    assert said[1]["tool_calls"][0]["function"]["arguments"] == CITY


def test_an_answer_is_parsed_into_a_model():
    with serving(whole({"content": CITY})) as (base_url, asked):
        parsed = client(base_url).responses.parse(model="gpt-x", input="Where?", text_format=City)
    assert parsed.output_parsed == City(city="Rome")
    wanted = CONVERSION.chat_payload(asked[0])["response_format"]
    assert wanted["json_schema"]["name"] == "City"
    assert wanted["json_schema"]["strict"] is True


def test_calls_are_parsed_with_the_clients_own_tools():
    tool = openai.pydantic_function_tool(City, name="look")
    message = {"tool_calls": call(0, "c1", CITY)["tool_calls"]}
    with serving(whole(message)) as (base_url, asked):
        parsed = client(base_url).responses.parse(
            model="gpt-x", input="Where?", tools=[tool["function"] | {"type": "function"}]
        )
    assert json.loads(parsed.output[0].arguments) == {"city": "Rome"}
    assert CONVERSION.chat_payload(asked[0])["tools"][0]["function"]["name"] == "look"


def test_a_stream_event_by_event():
    with serving(STREAM, content_type="text/event-stream") as (base_url, asked):
        events = list(client(base_url).responses.create(model="gpt-x", input="Weather?", stream=True))
    assert CONVERSION.chat_payload(asked[0])["stream_options"] == {"include_usage": True}
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "Looking."
    assert events[-1].type == "response.completed"
    assert events[-1].response.usage.total_tokens == 13


def test_the_clients_accumulator():
    with (
        serving(STREAM, content_type="text/event-stream") as (base_url, _asked),
        client(base_url).responses.stream(model="gpt-x", input="Weather?") as stream,
    ):
        snapshots = [event.snapshot for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert snapshots == ["Loo", "Looking."]
    assert final.output_text == "Looking."
    calls = [item.arguments for item in final.output if item.type == "function_call"]
    assert calls == ['{"city":"Rome"}', '{"city":"Oslo"}']


def test_a_stream_parsed_into_a_model():
    raw = streamed({"content": '{"city":'}, {"content": '"Rome"}'})
    with (
        serving(raw, content_type="text/event-stream") as (base_url, _asked),
        client(base_url).responses.stream(model="gpt-x", input="Where?", text_format=City) as stream,
    ):
        assert stream.get_final_response().output_parsed == City(city="Rome")


def test_an_incomplete_stream():
    raw = streamed({"content": "Once upon"}, finish="length")
    with serving(raw, content_type="text/event-stream") as (base_url, _asked):
        events = list(client(base_url).responses.create(model="gpt-x", input="A tale", stream=True))
    assert events[-1].type == "response.incomplete"
    assert events[-1].response.incomplete_details.reason == "max_output_tokens"


def test_a_broken_stream_raises():
    raw = streamed({"content": "Once upon"}, error=UpstreamFailed("The upstream broke off."))
    with serving(raw, content_type="text/event-stream") as (base_url, _asked):
        stream = client(base_url).responses.create(model="gpt-x", input="A tale", stream=True)
        with pytest.raises(openai.APIError, match=r"The upstream broke off\."):
            list(stream)


def test_the_asynchronous_client():
    async def kinds(base_url):
        async with openai.AsyncOpenAI(base_url=base_url, api_key="sk-test", max_retries=0) as one:
            stream = await one.responses.create(model="gpt-x", input="Weather?", stream=True)
            return [event.type async for event in stream]

    with serving(STREAM, content_type="text/event-stream") as (base_url, _asked):
        assert asyncio.run(kinds(base_url))[-1] == "response.completed"
