"""OpenAI's client for Python: chat and legacy completions, models, costs, headers."""

import asyncio
import base64

import openai
import pytest
from pydantic import BaseModel

from config.kernel.money import usd
from tests.relay.conftest import chat
from tests.sdk import answers
from tests.sdk.conftest import bill, priced, settled
from tests.sdk.upstream import Ending, streamed, whole

pytestmark = pytest.mark.live

PIXEL = "data:image/png;base64," + base64.b64encode(b"\x89PNG" + b"\0" * 60).decode()
SHOW_COST = {"usage": {"include": True}}


class City(BaseModel):
    name: str
    people: int


class GetWeather(BaseModel):
    """Tells the weather."""

    city: str


WEATHER = openai.pydantic_function_tool(GetWeather, name="get_weather")
TIME = openai.pydantic_function_tool(GetWeather, name="get_time")


def text_of(stream):
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


# ── Chat ─────────────────────────────────────────────────────────────────────


def test_a_whole_answer(caller_of, openai_of):
    alice = caller_of()
    answer = openai_of(alice).chat.completions.create(**chat())
    record = bill(alice)
    assert answer.choices[0].message.content
    assert record.charge == priced(record, input=answer.usage.prompt_tokens, output=answer.usage.completion_tokens)
    assert answer._request_id == str(record.id)


def test_a_stream_says_the_same(caller_of, openai_of):
    alice = caller_of()
    client = openai_of(alice)
    whole_text = client.chat.completions.create(**chat()).choices[0].message.content
    chunks = list(client.chat.completions.create(**chat(), stream=True, stream_options={"include_usage": True}))
    assert text_of(chunks) == whole_text
    first, second = settled(alice)
    assert first.charge == second.charge
    assert chunks[-1].usage.completion_tokens == second.output_tokens


def test_the_accumulating_stream(caller_of, openai_of):
    with openai_of(caller_of()).chat.completions.stream(**chat()) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].finish_reason == "stop"


def test_the_asynchronous_client(caller_of):
    alice = caller_of()

    async def ask():
        async with openai.AsyncOpenAI(base_url=alice.base_url, api_key=alice.key, max_retries=0) as client:
            create = client.chat.completions.create
            whole_one, stream = await asyncio.gather(create(**chat()), create(**chat(), stream=True))
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
            return whole_one.choices[0].message.content, "".join(pieces)

    told, streamed_text = asyncio.run(ask())
    assert told == streamed_text
    assert len(settled(alice)) == 2


@pytest.mark.parametrize("parallel", [True, False])
def test_tools_and_what_they_returned(caller_of, openai_of, parallel):
    alice = caller_of()
    client = openai_of(alice)
    asked = [{"role": "user", "content": "Please use get_weather and get_time."}]
    options = {"model": "sandbox-mini", "tools": [WEATHER, TIME], "parallel_tool_calls": parallel}
    message = client.chat.completions.create(messages=asked, **options).choices[0].message
    names = [call.function.name for call in message.tool_calls]
    assert names == (["get_weather", "get_time"] if parallel else ["get_weather"])
    results = [{"role": "tool", "tool_call_id": call.id, "content": "It is sunny."} for call in message.tool_calls]
    answer = client.chat.completions.create(
        messages=[*asked, message.model_dump(exclude_none=True), *results], **options
    )
    assert "sunny" in answer.choices[0].message.content
    assert len(settled(alice)) == 2


def test_streamed_tools_are_put_together(caller_of, openai_of):
    alice = caller_of()
    question = chat(content="Use get_weather and get_time")
    with openai_of(alice).chat.completions.stream(**question, tools=[WEATHER, TIME]) as stream:
        message = stream.get_final_completion().choices[0].message
    assert [type(call.function.parsed_arguments) for call in message.tool_calls] == [GetWeather, GetWeather]
    assert bill(alice).charge > 0


def test_an_answer_by_a_schema(caller_of, openai_of):
    alice = caller_of()
    answer = openai_of(alice).chat.completions.parse(**chat(), response_format=City)
    assert isinstance(answer.choices[0].message.parsed, City)
    assert bill(alice).charge > 0


def test_a_picture(caller_of, openai_of):
    alice = caller_of()
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    answer = openai_of(alice).chat.completions.create(**chat(content=parts))
    assert "Pictures received: 1" in answer.choices[0].message.content
    assert bill(alice).input_tokens > 85


def test_several_choices(caller_of, openai_of):
    alice = caller_of()
    answer = openai_of(alice).chat.completions.create(**chat(), n=2)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert bill(alice).output_tokens == answer.usage.completion_tokens


def test_stop_and_length(caller_of, openai_of):
    alice = caller_of()
    create = openai_of(alice).chat.completions.create
    assert "asked" not in create(**chat(), stop=["asked"]).choices[0].message.content
    answer = create(**chat(), max_completion_tokens=3)
    assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 3)
    assert [record.output_tokens for record in settled(alice)][1] == 3


LOGPROBS = {"content": [{"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}], "refusal": None}


def test_logprobs_come_back(caller_on, upstream, openai_of):
    alice = caller_on("chat")
    create = openai_of(alice).chat.completions.create
    upstream.will(
        whole(answers.chat({"content": "Hi"}, logprobs=LOGPROBS)),
        streamed(*answers.chat_events({"content": "Hi"}, logprobs=LOGPROBS)),
    )
    asked = {**chat("model-x"), "logprobs": True, "top_logprobs": 2}
    assert create(**asked).choices[0].logprobs.content[0].logprob == -0.1
    assert next(create(**asked, stream=True)).choices[0].logprobs.content[0].token == "Hi"
    assert len(settled(alice)) == 2


def test_every_field_reaches_the_upstream(caller_on, upstream, openai_of):
    alice = caller_on("chat")
    upstream.will(whole(answers.chat({"content": "Hi", "reasoning_content": "Hm."})))
    fields = {
        "seed": 7,
        "reasoning_effort": "low",
        "logit_bias": {"50256": -100},
        "service_tier": "flex",
        "store": False,
    }
    own = {"thinking": {"type": "enabled"}, "reasoning": {"max_tokens": 9}, "my_field": [1, {"a": None}]}
    answer = openai_of(alice).chat.completions.create(**chat("model-x"), **fields, extra_body=own)
    (asked,) = upstream.asked
    assert asked.body == {**chat("model-x"), **fields, **own}
    assert answer.choices[0].message.reasoning_content == "Hm."
    assert bill(alice).charge == priced(bill(alice), input=20, output=7)


def test_thoughts_of_a_stream(caller_of, openai_of):
    chunks = list(openai_of(caller_of()).chat.completions.create(**chat("sandbox-pro"), stream=True))
    thought = "".join(getattr(c.choices[0].delta, "reasoning_content", None) or "" for c in chunks if c.choices)
    assert thought
    assert text_of(chunks)


# ── What it costs ────────────────────────────────────────────────────────────


def test_headers(caller_of, openai_of):
    alice = caller_of(requests_per_minute=5, tokens_per_minute=100_000)
    raw = openai_of(alice).chat.completions.with_raw_response.create(**chat(max_tokens=50))
    record = bill(alice)
    assert raw.headers["X-Request-Id"] == raw.request_id == str(record.id)
    assert usd(raw.headers["X-Tollbooth-Cost"]) == record.charge > 0
    assert (raw.headers["x-ratelimit-limit-requests"], raw.headers["x-ratelimit-remaining-requests"]) == ("5", "4")
    assert raw.headers["x-ratelimit-limit-tokens"] == "100000"
    assert raw.parse().usage.total_tokens == record.input_tokens + record.output_tokens


def test_the_cost_in_the_usage(caller_of, openai_of):
    alice = caller_of()
    create = openai_of(alice).chat.completions.create
    answer = create(**chat(), extra_body=SHOW_COST)
    chunks = list(create(**chat(), stream=True, extra_body=SHOW_COST))
    first, second = settled(alice)
    assert usd(str(answer.usage.cost)) == first.charge > 0
    assert usd(str(chunks[-1].usage.cost)) == second.charge == first.charge
    assert chunks[-1].usage.completion_tokens == second.output_tokens
    assert [chunk for chunk in chunks if chunk.usage] == chunks[-1:]


# ── Callers who leave, and answers that break ────────────────────────────────


def test_a_stream_that_is_left_early(caller_on, upstream, openai_of):
    alice = caller_on("chat")
    upstream.will(streamed(*answers.chat_events({"content": "Hello there, friend"})[:1], ending=Ending.SILENCE))
    with openai_of(alice).chat.completions.create(**chat("model-x"), stream=True) as stream:
        assert next(stream).choices[0].delta.content == "Hello there, friend"
    record = bill(alice)
    assert upstream.left.wait(10)
    assert (record.end_reason, record.rule, record.status) == ("client_gone", "delivered", "settled")
    assert record.output_tokens == 5
    assert record.charge == usd("0.000001") * record.input_tokens + usd("0.000002") * 5 > 0


def test_a_client_that_runs_out_of_patience(caller_on, upstream, openai_of):
    alice = caller_on("chat")
    upstream.will(streamed(ending=Ending.SILENCE))
    with pytest.raises(openai.APITimeoutError):
        openai_of(alice, timeout=0.5).chat.completions.create(**chat("model-x"), stream=True)
    record = bill(alice)
    assert upstream.left.wait(10)
    assert (record.charge, record.rule, record.http_status) == (0, "nothing", 499)


def test_a_stream_that_breaks_raises(caller_on, upstream, openai_of):
    alice = caller_on("chat")
    upstream.will(streamed(*answers.chat_events({"content": "Hello there"})[:1], ending=Ending.CUT))
    stream = openai_of(alice).chat.completions.create(**chat("model-x"), stream=True)
    assert next(stream).choices[0].delta.content == "Hello there"
    with pytest.raises(openai.APIError, match="broke off"):
        list(stream)
    assert (bill(alice).end_reason, bill(alice).rule) == ("upstream_error", "delivered")


# ── Other endpoints ──────────────────────────────────────────────────────────


def test_models(caller_of, openai_of):
    models = openai_of(caller_of()).models
    assert [model.id for model in models.list()] == ["sandbox-mini", "sandbox-pro"]
    assert models.retrieve("sandbox-pro").object == "model"
    with pytest.raises(openai.NotFoundError):
        models.retrieve("gpt-nine")


def test_one_provider_as_base_url(caller_of, openai_of):
    alice = caller_of(channels=[{"provider": "deepseek"}, {"provider": "openai", "models": ["sandbox-pro"]}])
    client = openai_of(alice, path="/ai/deepseek")
    assert [model.id for model in client.models.list()] == ["sandbox-mini", "sandbox-pro"]
    assert text_of(client.chat.completions.create(**chat(), stream=True))
    assert bill(alice).charge > 0
    with pytest.raises(openai.NotFoundError, match="openai"):
        openai_of(alice, path="/ai/nobody").chat.completions.create(**chat())
    with pytest.raises(openai.NotFoundError, match="sandbox-mini"):
        openai_of(alice, path="/ai/openai").chat.completions.create(**chat())


def test_legacy_completions(caller_of, openai_of):
    alice = caller_of()
    create = openai_of(alice).completions.create
    answer = create(model="sandbox-mini", prompt="Once upon a time")
    pieces = list(create(model="sandbox-mini", prompt="Once upon a time", stream=True))
    assert "Once upon a time" in answer.choices[0].text
    assert "".join(piece.choices[0].text for piece in pieces) == answer.choices[0].text
    first, second = settled(alice)
    assert first.charge == second.charge == priced(first, input=answer.usage.prompt_tokens, output=first.output_tokens)
    assert first.output_tokens == answer.usage.completion_tokens


# ── Errors ───────────────────────────────────────────────────────────────────


def test_keys_that_are_refused(caller_of, openai_of):
    alice = caller_of()
    alice.token.models_allowed = ["sandbox-pro"]
    alice.token.save()
    with pytest.raises(openai.PermissionDeniedError) as denied:
        openai_of(alice).chat.completions.create(**chat())
    assert (denied.value.code, denied.value.param) == ("model_not_allowed", "model")
    with pytest.raises(openai.AuthenticationError) as unknown:
        openai_of(alice, api_key="sk-wrong").chat.completions.create(**chat())
    assert (unknown.value.code, unknown.value.status_code) == ("invalid_api_key", 401)
    assert unknown.value.request_id
    assert alice.records == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("question", "error", "code"),
    [
        (chat("gpt-nine"), openai.NotFoundError, "model_not_found"),
        (chat(max_tokens=-1), openai.BadRequestError, "invalid_request"),
        (chat("sandbox-error-400"), openai.BadRequestError, "invalid_request"),
        (chat("sandbox-error-429"), openai.RateLimitError, "rate_limit_exceeded"),
        (chat("sandbox-error-500"), openai.InternalServerError, "upstream_error"),
        (chat("sandbox-error-401"), openai.InternalServerError, "upstream_error"),
    ],
)
def test_errors_are_the_clients_own(caller_of, openai_of, question, error, code, stream):
    models = ["sandbox-mini", "sandbox-error-400", "sandbox-error-429", "sandbox-error-500", "sandbox-error-401"]
    alice = caller_of(models=models)
    with pytest.raises(error) as caught:
        openai_of(alice).chat.completions.create(**question, stream=stream)
    assert caught.value.code == code
    assert caught.value.body["message"] == caught.value.body["message"].strip() != ""
    assert [record.charge for record in alice.records] in ([], [0])
    assert alice.wallet.held == 0


def test_an_empty_wallet(caller_of, openai_of):
    alice = caller_of(balance="0")
    with pytest.raises(openai.APIStatusError) as caught:
        openai_of(alice).chat.completions.create(**chat())
    assert (caught.value.status_code, caught.value.code, caught.value.type) == (402, *["insufficient_quota"] * 2)


def test_the_clients_own_retries_wait_as_they_are_told(caller_on, upstream, openai_of):
    alice = caller_on("chat")
    limited = whole({"error": {"message": "Slow down."}}, status=429, retry_after="1")
    upstream.will(limited, whole(answers.chat({"content": "Hi"})))
    answer = openai_of(alice, max_retries=3).chat.completions.create(**chat("model-x"))
    assert answer.choices[0].message.content == "Hi"
    records = settled(alice)
    assert [record.charge > 0 for record in records] == [False] * (len(records) - 1) + [True]
    assert len(upstream.asked) == 2
