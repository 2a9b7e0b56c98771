"""OpenAI's client for Python at `/v1/responses`: made of chat completions, or passed through where a channel has it."""

import asyncio

import openai
import pytest
from pydantic import BaseModel

from tests.sdk import answers
from tests.sdk.conftest import bill, priced, settled
from tests.sdk.upstream import Ending, streamed, whole

pytestmark = pytest.mark.live

NATIVE = ("chat", "responses")
LOOK = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {"at": {}}}, "strict": False}
QUESTION = {"model": "model-x", "input": "Hello?"}


class City(BaseModel):
    name: str
    people: int


# ── Made of chat completions ─────────────────────────────────────────────────


def test_a_whole_answer(caller_of, openai_of):
    alice = caller_of()
    answer = openai_of(alice).responses.create(model="sandbox-pro", instructions="Be brief.", input="Hello there")
    record = bill(alice)
    usage = answer.usage
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    assert "Hello there" in answer.output_text
    assert (usage.input_tokens, usage.output_tokens) == (
        record.input_tokens + record.cache_read_tokens,
        record.output_tokens + record.reasoning_tokens,
    )
    assert (record.endpoint, record.rule) == ("responses", "reported")


def test_a_stream_says_the_same(caller_of, openai_of):
    alice = caller_of()
    client = openai_of(alice)
    told = client.responses.create(model="sandbox-mini", input="Hello there").output_text
    with client.responses.stream(model="sandbox-mini", input="Hello there") as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(deltas) == final.output_text == told
    first, second = settled(alice)
    assert first.charge == second.charge
    assert final.usage.output_tokens == second.output_tokens


def test_an_answer_by_a_schema(caller_of, openai_of):
    alice = caller_of()
    client = openai_of(alice)
    parsed = client.responses.parse(model="sandbox-mini", input="Where?", text_format=City).output_parsed
    with client.responses.stream(model="sandbox-mini", input="Where?", text_format=City) as stream:
        assert stream.get_final_response().output_parsed == parsed
    assert isinstance(parsed, City)
    assert len(settled(alice)) == 2


def test_tools_and_what_they_returned(caller_of, openai_of):
    alice = caller_of()
    create = openai_of(alice).responses.create
    asked = [{"role": "user", "content": "Please look."}]
    first = create(model="sandbox-mini", input=asked, tools=[LOOK])
    (call,) = [item for item in first.output if item.type == "function_call"]
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "A cat."}
    second = create(model="sandbox-mini", input=[*asked, *first.output, result], tools=[LOOK])
    assert "A cat." in second.output_text
    assert len(settled(alice)) == 2


def test_the_asynchronous_client(caller_of):
    alice = caller_of()

    async def kinds():
        async with openai.AsyncOpenAI(base_url=alice.base_url, api_key=alice.key, max_retries=0) as client:
            stream = await client.responses.create(model="sandbox-mini", input="Hello", stream=True)
            return [event.type async for event in stream]

    assert asyncio.run(kinds())[-1] == "response.completed"
    assert bill(alice).charge > 0


def test_a_stream_that_breaks_raises(caller_on, upstream, openai_of):
    alice = caller_on("chat")
    upstream.will(streamed(*answers.chat_events({"content": "Hello there"})[:1], ending=Ending.CUT))
    stream = openai_of(alice).responses.create(**QUESTION, stream=True)
    with pytest.raises(openai.APIError, match="broke off"):
        list(stream)
    assert (bill(alice).end_reason, bill(alice).rule) == ("upstream_error", "delivered")


def test_a_stream_that_is_left_early(caller_on, upstream, openai_of):
    alice = caller_on("chat")
    upstream.will(streamed(*answers.chat_events({"content": "Hello there"})[:1], ending=Ending.SILENCE))
    with openai_of(alice).responses.create(**QUESTION, stream=True) as stream:
        assert next(event.delta for event in stream if event.type.endswith("text.delta")) == "Hello there"
    assert (bill(alice).end_reason, bill(alice).output_tokens) == ("client_gone", 3)
    assert upstream.left.wait(10)


@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_the_clients_own(caller_of, openai_of, stream):
    alice = caller_of(models=["sandbox-mini", "sandbox-error-400", "sandbox-error-500"])
    create = openai_of(alice).responses.create
    with pytest.raises(openai.NotFoundError):
        create(model="gpt-nine", input="Hello", stream=stream)
    with pytest.raises(openai.BadRequestError) as caught:
        create(model="sandbox-mini", input="Hello", previous_response_id="resp_1", stream=stream)
    assert caught.value.param == "previous_response_id"
    with pytest.raises(openai.BadRequestError):
        create(model="sandbox-error-400", input="Hello", stream=stream)
    with pytest.raises(openai.InternalServerError):
        create(model="sandbox-error-500", input="Hello", stream=stream)
    assert [record.charge for record in settled(alice)] == [0, 0]


# ── Passed through ───────────────────────────────────────────────────────────


def test_a_native_answer_passes_unchanged(caller_on, upstream, openai_of):
    alice = caller_on(*NATIVE)
    answer = answers.response(answers.said("Hello!"))
    upstream.will(whole(answer))
    hosted = [{"type": "web_search"}, {"type": "code_interpreter", "container": {"type": "auto"}}]
    raw = openai_of(alice).responses.with_raw_response.create(**QUESTION, tools=hosted, store=False)
    (asked,) = upstream.asked
    assert (asked.path, asked.body) == ("/v1/responses", {**QUESTION, "tools": hosted, "store": False})
    assert raw.http_response.json() == answer
    assert bill(alice).charge == priced(bill(alice), input=20, output=7)


def test_a_native_stream_passes_unchanged(caller_on, upstream, openai_of):
    alice = caller_on(*NATIVE)
    events = answers.response_events(answers.said("Hello!"))
    upstream.will(streamed(*events))
    response = alice.post({**QUESTION, "stream": True}, path="/responses")
    assert response.content == b"".join(events)
    with openai_of(alice).responses.stream(**QUESTION) as stream:
        assert stream.get_final_response().output_text == "Hello!"
    first, second = settled(alice)
    assert first.charge == second.charge == priced(second, input=20, output=7)


@pytest.mark.parametrize("stream", [False, True])
def test_sealed_thoughts_are_not_free(caller_on, upstream, openai_of, stream):
    alice = caller_on(*NATIVE)
    ended = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    upstream.will(
        streamed(*answers.response_events(answers.SEALED, **ended))
        if stream
        else whole(answers.response(answers.SEALED, **ended))
    )
    answer = openai_of(alice).responses.create(**QUESTION, stream=stream)
    output = list(answer)[-1].response.output if stream else answer.output
    assert [item.encrypted_content for item in output] == [answers.SEALED["encrypted_content"]]
    assert (bill(alice).charge, bill(alice).rule) == (priced(bill(alice), input=20, output=7), "reported")


def test_a_native_stream_that_tells_of_an_error(caller_on, upstream, openai_of):
    alice = caller_on(*NATIVE)
    *begun, _done, _completed = answers.response_events(answers.said("Hello there, friend"))
    error = answers.named("error", code="server_error", message="It broke.", param=None, sequence_number=9)
    upstream.will(streamed(*begun, error))
    stream = openai_of(alice).responses.create(**QUESTION, stream=True)
    with pytest.raises(openai.APIError, match="It broke"):
        list(stream)
    record = bill(alice)
    assert (record.status, record.rule, record.output_tokens) == ("failed", "delivered", 5)


def test_a_native_stream_that_is_cut(caller_on, upstream, openai_of):
    alice = caller_on(*NATIVE)
    *begun, _done, _completed = answers.response_events(answers.said("Hello there, friend"))
    upstream.will(streamed(*begun, ending=Ending.CUT))
    with pytest.raises(openai.APIError, match="broke off"):
        list(openai_of(alice).responses.create(**QUESTION, stream=True))
    assert bill(alice).rule == "delivered"


def test_a_native_refusal_passes(caller_on, upstream, openai_of):
    alice = caller_on(*NATIVE)
    upstream.will(whole({"error": {"message": "No such tool.", "param": "tools", "code": None}}, status=400))
    with pytest.raises(openai.BadRequestError, match="No such tool") as caught:
        openai_of(alice).responses.create(**QUESTION)
    assert caught.value.param == "tools"
    assert bill(alice).charge == 0
