"""Tools and JSON answers of the sandbox, through the official SDK."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI
from pydantic import BaseModel

from relay.sandbox import tokens
from tests.relay.sandbox_server import SandboxServer, running_sandbox

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer", "minimum": 2},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city"],
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "clock"}}
ARGUMENTS = {"city": "sample city", "days": 2, "unit": "celsius"}
ASKING = [{"role": "user", "content": "Please get weather for Oslo."}]


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with running_sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def client(server: SandboxServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.base_url, api_key="anything", max_retries=0) as sdk:
        yield sdk


def ask(client: OpenAI, messages: Any = ASKING, **options: Any) -> Any:
    options = {"model": "sandbox-mini", "tools": [CLOCK, WEATHER], **options}
    return client.chat.completions.create(messages=messages, **options)


def called(answer: Any) -> list[str]:
    return [call.function.name for call in answer.choices[0].message.tool_calls or []]


def test_a_tool_named_in_the_question_is_called(client: OpenAI) -> None:
    answer = ask(client)

    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == ARGUMENTS
    assert answer.choices[0].message.content is None
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.usage.completion_tokens == 1 + tokens.count(call.function.arguments)
    assert ask(client).choices == answer.choices


def test_the_list_of_tools_counts_as_its_compact_json(client: OpenAI) -> None:
    with_tools, without = ask(client), ask(client, tools=[])

    listed = json.dumps([CLOCK, WEATHER], separators=(",", ":"))
    assert with_tools.usage.prompt_tokens == without.usage.prompt_tokens + tokens.count(listed)


@pytest.mark.parametrize(
    ("question", "choice", "expected"),
    [
        ("Hello", "auto", []),
        ("Hello", "required", ["clock"]),
        ("Use get_weather", "none", []),
        ("Use GET_WEATHER", "required", ["get_weather"]),
        ("Use get_weather and the clock", "auto", ["clock", "get_weather"]),
        ("Hello", {"type": "function", "function": {"name": "get_weather"}}, ["get_weather"]),
    ],
)
def test_tool_choice(client: OpenAI, question: str, choice: Any, expected: list[str]) -> None:
    assert called(ask(client, [{"role": "user", "content": question}], tool_choice=choice)) == expected


def test_one_call_at_a_time_on_request(client: OpenAI) -> None:
    messages = [{"role": "user", "content": "Use get_weather and the clock"}]

    assert called(ask(client, messages, parallel_tool_calls=False)) == ["clock"]


def test_tool_calls_stream_one_token_per_chunk(client: OpenAI) -> None:
    messages = [{"role": "user", "content": "Use get_weather and the clock"}]
    whole = ask(client, messages)

    chunks = list(ask(client, messages, stream=True, stream_options={"include_usage": True}))

    deltas = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or []]
    for index, call in enumerate(whole.choices[0].message.tool_calls):
        mine = [delta for delta in deltas if delta.index == index]
        assert (mine[0].id, mine[0].type, mine[0].function.name) == (call.id, "function", call.function.name)
        assert "".join(delta.function.arguments for delta in mine) == call.function.arguments
    assert len(deltas) == whole.usage.completion_tokens
    assert chunks[-1].usage == whole.usage
    assert chunks[-2].choices[0].finish_reason == "tool_calls"


def test_a_tool_call_can_run_into_the_limit(client: OpenAI) -> None:
    answer = ask(client, max_tokens=3)

    assert answer.choices[0].message.tool_calls[0].function.arguments == '{"'
    assert answer.choices[0].finish_reason == "length"


def test_the_result_of_a_tool_is_quoted(client: OpenAI) -> None:
    call = ask(client).choices[0].message
    result = {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": "Rain, 7 °C"}

    answer = ask(client, [*ASKING, call, result])

    assert "“Rain, 7 °C”" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"


def test_past_tool_calls_count(client: OpenAI) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "clock", "arguments": '{"zone":"UTC"}'}}
    assistant = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "call_1", "content": "noon"}

    answer = ask(client, [assistant, result], tools=[])

    # role, name, { " zone " : " UTC " }     role, noon
    assert answer.usage.prompt_tokens == (1 + 1 + 9) + (1 + 1)


def test_json_object(client: OpenAI) -> None:
    answer = ask(client, tools=[], response_format={"type": "json_object"})

    value = json.loads(answer.choices[0].message.content)
    assert value["sandbox"] is True
    assert "“Please get weather for Oslo.”" in value["answer"]


class Guest(BaseModel):
    name: str
    age: int | None
    tags: list[str]


class Party(BaseModel):
    host: Guest
    guests: list[Guest]
    open_air: bool


def test_a_json_schema_is_filled_in(client: OpenAI) -> None:
    answer = client.chat.completions.parse(model="sandbox-mini", messages=ASKING, response_format=Party)  # type: ignore[arg-type]

    message = answer.choices[0].message
    guest = Guest(name="sample name", age=1, tags=["sample tags"])
    assert message.parsed == Party(host=guest, guests=[guest], open_air=True)
    assert message.content is not None
    assert answer.usage is not None
    assert answer.usage.completion_tokens == tokens.count(message.content)
