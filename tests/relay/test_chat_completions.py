"""A call through the relay with the real client: the answer arrives, the charge is exact, the books agree."""

import openai
import pytest

from billing.pricing import charge
from config.kernel.money import decimal_usd, usd
from tests.relay.conftest import chat

pytestmark = [pytest.mark.money, pytest.mark.live]


def test_an_answer_and_its_exact_price(caller_of):
    alice = caller_of()
    response = alice.post(chat())
    assert response.status_code == 200
    answer = response.json()
    (record,) = alice.records
    assert response.headers["X-Request-Id"] == str(record.id)
    assert record.input_tokens == answer["usage"]["prompt_tokens"]
    assert record.output_tokens == answer["usage"]["completion_tokens"]
    expected = usd("0.000001") * record.input_tokens + usd("0.000002") * record.output_tokens
    assert record.charge == expected == charge(_usage(record), record.quote).total
    assert response.headers["X-Tollbooth-Cost"] == decimal_usd(expected)
    assert (record.status, record.rule, record.end_reason) == ("settled", "reported", "completed")
    assert (alice.wallet.balance, alice.wallet.held) == (usd("1") - expected, 0)


def _usage(record):
    from billing.pricing import Usage

    return Usage(input=record.input_tokens, cache_read=record.cache_read_tokens, output=record.output_tokens)


def test_a_stream_through_the_sdk(caller_of):
    alice = caller_of()
    stream = alice.sdk.chat.completions.create(**chat(), stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    usage = chunks[-1].usage
    (record,) = alice.records
    assert text
    assert (record.input_tokens, record.output_tokens) == (usage.prompt_tokens, usage.completion_tokens)
    assert record.is_stream
    assert record.first_byte_ms is not None
    assert record.first_byte_ms <= record.total_ms


def test_a_stream_and_a_whole_answer_cost_the_same(caller_of):
    alice = caller_of()
    alice.sdk.chat.completions.create(**chat())
    list(alice.sdk.chat.completions.create(**chat(), stream=True))
    whole, streamed = alice.records
    assert whole.charge == streamed.charge > 0


def test_usage_is_hidden_from_a_stream_that_did_not_ask(caller_of):
    alice = caller_of()
    body = alice.post(chat(stream=True)).text
    assert '"usage":{' not in body
    assert body.endswith("data: [DONE]\n\n")
    assert alice.records[0].rule == "reported"


def test_cached_and_reasoning_tokens_are_kept_apart(caller_of):
    alice = caller_of()
    messages = [{"role": "system", "content": "You are brief."}, {"role": "user", "content": "Hi"}]
    answer = alice.sdk.chat.completions.create(model="sandbox-pro", messages=messages)
    (record,) = alice.records
    assert record.cache_read_tokens == answer.usage.prompt_tokens_details.cached_tokens > 0
    assert record.reasoning_tokens == answer.usage.completion_tokens_details.reasoning_tokens > 0
    assert record.input_tokens + record.cache_read_tokens == answer.usage.prompt_tokens


def test_tools_pass_through(caller_of):
    alice = caller_of()
    tool = {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
    answer = alice.sdk.chat.completions.create(**chat(content="Use get_weather please"), tools=[tool])
    assert answer.choices[0].message.tool_calls[0].function.name == "get_weather"
    assert alice.records[0].charge > 0


def test_a_model_goes_by_its_public_name(caller_of):
    alice = caller_of(models={"house-model": "sandbox-mini"})
    answer = alice.post(chat("house-model")).json()
    stream = alice.post(chat("house-model", stream=True)).text
    assert answer["model"] == "house-model"
    assert "sandbox-mini" not in stream
    assert '"model":"house-model"' in stream


@pytest.mark.parametrize("header", ["x-api-key", "api-key", "Authorization"])
def test_a_key_is_accepted_in_three_headers(caller_of, header):
    alice = caller_of()
    value = f"Bearer {alice.key}" if header == "Authorization" else alice.key
    assert alice.post(chat(), headers={header: value}).status_code == 200


def test_models_are_listed_for_the_key(caller_of):
    alice = caller_of()
    assert [model.id for model in alice.sdk.models.list()] == ["sandbox-mini", "sandbox-pro"]
    assert alice.sdk.models.retrieve("sandbox-mini").id == "sandbox-mini"
    with pytest.raises(openai.NotFoundError):
        alice.sdk.models.retrieve("sandbox-none")


def test_the_cheapest_group_serves_an_automatic_key(caller_of, sandbox):
    from tests.factories import make_channel, make_group

    cheap = make_group("28%", ratio_ppm=280_000)
    make_group("auto", is_auto=True)
    make_channel(sandbox, models=["sandbox-mini"], groups=[cheap])
    alice = caller_of()
    alice.token.group = make_group("auto")
    alice.token.save()
    alice.post(chat())
    (record,) = alice.records
    assert (record.group, record.ratio_ppm) == ("28%", 280_000)
