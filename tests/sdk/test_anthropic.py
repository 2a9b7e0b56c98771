"""Anthropic's client for Python: made of chat completions, and passed through where a channel speaks Messages."""

import asyncio

import anthropic
import pytest

from config.kernel.money import usd
from tests.sdk import answers
from tests.sdk.conftest import bill, priced, settled
from tests.sdk.upstream import Ending, streamed, whole

pytestmark = pytest.mark.live

NATIVE = ("chat", "messages")
LOOK = {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {"at": {}}}}
HEAR = {**LOOK, "name": "hear"}
PIXEL = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}


def ask(content="Hello there", model="sandbox-mini", **fields):
    return {"model": model, "max_tokens": 500, "messages": [{"role": "user", "content": content}], **fields}


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


# ── Made of chat completions ─────────────────────────────────────────────────


def test_a_whole_answer(caller_of, anthropic_of):
    alice = caller_of()
    answer = anthropic_of(alice).messages.create(**ask(system="Be brief."))
    record = bill(alice)
    assert "Hello there" in text_of(answer)
    assert answer.stop_reason == "end_turn"
    assert record.charge == priced(record, input=answer.usage.input_tokens, output=answer.usage.output_tokens)
    assert record.endpoint == "messages"
    assert answer._request_id == str(record.id)


def test_a_stream_says_the_same(caller_of, anthropic_of):
    alice = caller_of()
    client = anthropic_of(alice)
    told = text_of(client.messages.create(**ask()))
    with client.messages.stream(**ask()) as stream:
        assert "".join(stream.text_stream) == told
        final = stream.get_final_message()
    first, second = settled(alice)
    assert first.charge == second.charge == priced(second, input=first.input_tokens, output=final.usage.output_tokens)


def test_a_key_as_bearer_and_the_beta_address(caller_of, anthropic_of):
    alice = caller_of()
    client = anthropic_of(alice, api_key=None, auth_token=alice.key)
    answer = client.beta.messages.create(**ask(), betas=["interleaved-thinking-2025-05-14"])
    assert "Hello there" in text_of(answer)
    assert bill(alice).charge > 0


def test_the_asynchronous_client(caller_of):
    alice = caller_of()

    async def talk():
        settings = {"base_url": alice.base_url.removesuffix("/v1"), "api_key": alice.key, "max_retries": 0}
        async with anthropic.AsyncAnthropic(**settings) as client:
            told = text_of(await client.messages.create(**ask()))
            async with client.messages.stream(**ask()) as stream:
                return told, "".join([text async for text in stream.text_stream])

    told, streamed_text = asyncio.run(talk())
    assert told == streamed_text
    assert len(settled(alice)) == 2


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("stream", [False, True])
def test_tools_and_what_they_returned(caller_of, anthropic_of, parallel, stream):
    alice = caller_of()
    messages = anthropic_of(alice).messages
    choice = {"type": "auto", "disable_parallel_tool_use": not parallel}
    question = ask("Please look and hear.", tools=[LOOK, HEAR], tool_choice=choice)
    if stream:
        with messages.stream(**question) as events:
            first = events.get_final_message()
    else:
        first = messages.create(**question)
    calls = [block for block in first.content if block.type == "tool_use"]
    assert [call.name for call in calls] == (["look", "hear"] if parallel else ["look"])
    assert first.stop_reason == "tool_use"
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "A cat."} for call in calls]
    turns = [*question["messages"], {"role": "assistant", "content": first.content}]
    answer = messages.create(**question | {"messages": [*turns, {"role": "user", "content": results}]})
    assert "A cat." in text_of(answer)
    assert answer.stop_reason == "end_turn"
    assert len(settled(alice)) == 2


def test_a_picture(caller_of, anthropic_of):
    alice = caller_of()
    answer = anthropic_of(alice).messages.create(**ask([PIXEL, {"type": "text", "text": "What is this?"}]))
    assert "Pictures received: 1" in text_of(answer)
    assert bill(alice).input_tokens > 85


def test_stop_and_length(caller_of, anthropic_of):
    alice = caller_of()
    create = anthropic_of(alice).messages.create
    assert "asked" not in text_of(create(**ask(stop_sequences=["asked"])))
    short = create(**ask() | {"max_tokens": 3})
    assert (short.stop_reason, short.usage.output_tokens) == ("max_tokens", 3)
    assert settled(alice)[1].output_tokens == 3


@pytest.mark.parametrize("stream", [False, True])
def test_thoughts(caller_of, anthropic_of, stream):
    alice = caller_of()
    messages = anthropic_of(alice).messages
    question = ask(model="sandbox-pro", thinking={"type": "enabled", "budget_tokens": 1024}) | {"max_tokens": 2000}
    if stream:
        with messages.stream(**question) as events:
            answer = events.get_final_message()
    else:
        answer = messages.create(**question)
    assert [block.type for block in answer.content] == ["thinking", "text"]
    record = bill(alice)
    assert answer.usage.output_tokens == record.output_tokens + record.reasoning_tokens


def test_counting_is_free(caller_of, anthropic_of):
    alice = caller_of()
    question = {name: value for name, value in ask(system="Be brief.", tools=[LOOK]).items() if name != "max_tokens"}
    client = anthropic_of(alice)
    count = client.messages.count_tokens(**question).input_tokens
    assert client.beta.messages.count_tokens(**question).input_tokens == count > 10
    assert alice.records == []


def test_a_stream_that_is_left_early(caller_on, upstream, anthropic_of):
    alice = caller_on("chat")
    upstream.will(streamed(*answers.chat_events({"content": "Hello there"})[:1], ending=Ending.SILENCE))
    with anthropic_of(alice).messages.stream(**ask(model="model-x")) as stream:
        assert next(stream.text_stream) == "Hello there"
    assert (bill(alice).end_reason, bill(alice).output_tokens) == ("client_gone", 3)
    assert upstream.left.wait(10)


def test_a_stream_that_breaks_raises(caller_on, upstream, anthropic_of):
    alice = caller_on("chat")
    upstream.will(streamed(*answers.chat_events({"content": "Hello there"})[:1], ending=Ending.CUT))
    with (
        anthropic_of(alice).messages.stream(**ask(model="model-x")) as stream,
        pytest.raises(anthropic.APIStatusError, match="broke off"),
    ):
        stream.get_final_message()
    assert (bill(alice).end_reason, bill(alice).rule) == ("upstream_error", "delivered")


# ── Errors ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("question", "error", "kind"),
    [
        (ask(model="claude-nine"), anthropic.NotFoundError, "not_found_error"),
        (ask(stop_sequences="END"), anthropic.BadRequestError, "invalid_request_error"),
        (
            ask(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
            anthropic.BadRequestError,
            "invalid_request_error",
        ),
        (ask(model="sandbox-error-400"), anthropic.BadRequestError, "invalid_request_error"),
        (ask(model="sandbox-error-429"), anthropic.RateLimitError, "rate_limit_error"),
        (ask(model="sandbox-error-500"), anthropic.InternalServerError, "api_error"),
    ],
)
def test_errors_are_the_clients_own(caller_of, anthropic_of, question, error, kind, stream):
    alice = caller_of(models=["sandbox-mini", "sandbox-error-400", "sandbox-error-429", "sandbox-error-500"])
    with pytest.raises(error) as caught:
        anthropic_of(alice).messages.create(**question, stream=stream)
    assert caught.value.body["type"] == "error"
    assert set(caught.value.body["error"]) == {"type", "message"}
    assert caught.value.body["error"]["type"] == kind
    assert caught.value.request_id == caught.value.response.headers["X-Request-Id"]
    assert [record.charge for record in alice.records] in ([], [0])
    assert alice.wallet.held == 0


def test_an_unknown_key(caller_of, anthropic_of):
    with pytest.raises(anthropic.AuthenticationError) as caught:
        anthropic_of(caller_of(), api_key="sk-wrong").messages.create(**ask())
    assert caught.value.body["error"]["type"] == "authentication_error"


def test_an_empty_wallet(caller_of, anthropic_of):
    with pytest.raises(anthropic.APIStatusError) as caught:
        anthropic_of(caller_of(balance="0")).messages.create(**ask())
    assert (caught.value.status_code, caught.value.body["error"]["type"]) == (402, "billing_error")


def test_a_limit_of_the_key(caller_of, anthropic_of):
    alice = caller_of(requests_per_minute=1)
    create = anthropic_of(alice).messages.create
    create(**ask())
    with pytest.raises(anthropic.RateLimitError) as caught:
        create(**ask())
    assert int(caught.value.response.headers["Retry-After"]) > 0
    assert len(settled(alice)) == 1


def test_a_base_url_that_ends_in_v1(caller_of, anthropic_of):
    alice = caller_of()
    with pytest.raises(anthropic.NotFoundError, match="/v1/messages"):
        anthropic_of(alice, base_url=alice.base_url).messages.create(**ask())


# ── Passed through ───────────────────────────────────────────────────────────


def test_a_native_answer_passes_unchanged(caller_on, upstream, anthropic_of):
    alice = caller_on(*NATIVE)
    answer = answers.message(answers.THOUGHT, {"type": "text", "text": "Hello!"})
    upstream.will(whole(answer))
    raw = anthropic_of(alice).messages.with_raw_response.create(**ask(model="model-x"), extra_body={"top_k": 3})
    (asked,) = upstream.asked
    assert (asked.path, asked.body) == ("/v1/messages", ask(model="model-x", top_k=3))
    assert "anthropic-version" in asked.headers
    assert alice.key not in str(asked)
    assert raw.http_response.json() == answer
    assert bill(alice).charge == priced(bill(alice), input=20, output=7)


def test_a_native_stream_passes_unchanged(caller_on, upstream, anthropic_of):
    alice = caller_on(*NATIVE)
    look = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": 1}}
    events = answers.message_events(answers.THOUGHT, {"type": "text", "text": "Hel|lo!"}, look, stop="tool_use")
    upstream.will(streamed(*events))
    assert alice.post(ask(model="model-x", stream=True), path="/messages").content == b"".join(events)
    with anthropic_of(alice).messages.stream(**ask(model="model-x"), tools=[LOOK]) as stream:
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text", "tool_use"]
    assert (final.content[0].signature, final.content[2].input) == (answers.THOUGHT["signature"], {"at": 1})
    first, second = settled(alice)
    assert first.charge == second.charge == priced(second, input=20, output=7)


@pytest.mark.parametrize("stream", [False, True])
def test_sealed_thoughts_are_not_free(caller_on, upstream, anthropic_of, stream):
    alice = caller_on(*NATIVE)
    upstream.will(
        streamed(*answers.message_events(answers.REDACTED, stop="max_tokens"))
        if stream
        else whole(answers.message(answers.REDACTED, stop="max_tokens"))
    )
    answer = anthropic_of(alice).messages.create(**ask(model="model-x"), stream=stream)
    assert list(answer) if stream else answer.content[0].data == answers.REDACTED["data"]
    assert (bill(alice).charge, bill(alice).rule) == (priced(bill(alice), input=20, output=7), "reported")


def test_an_error_in_a_native_stream(caller_on, upstream, anthropic_of):
    alice = caller_on(*NATIVE)
    begun = answers.message_events({"type": "text", "text": "Hello there"})[:4]
    error = answers.named("error", error={"type": "overloaded_error", "message": "Overloaded"})
    upstream.will(streamed(*begun, error))
    with anthropic_of(alice).messages.stream(**ask(model="model-x")) as stream:
        assert next(stream.text_stream) == "Hello there"
        with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
            stream.get_final_message()
    record = bill(alice)
    assert (record.status, record.input_tokens, record.output_tokens) == ("failed", 20, 3)


def test_an_error_before_a_native_stream_has_begun(caller_on, upstream, anthropic_of):
    alice = caller_on(*NATIVE)
    upstream.will(streamed(answers.named("error", error={"type": "overloaded_error", "message": "Overloaded"})))
    with pytest.raises(anthropic.InternalServerError, match="Overloaded"):
        anthropic_of(alice).messages.create(**ask(model="model-x"), stream=True)
    assert bill(alice).charge == 0


def test_a_native_stream_that_is_cut(caller_on, upstream, anthropic_of):
    alice = caller_on(*NATIVE)
    begun = answers.message_events({"type": "text", "text": "Hello there"})[:4]
    upstream.will(streamed(*begun, ending=Ending.CUT))
    with (
        anthropic_of(alice).messages.stream(**ask(model="model-x")) as stream,
        pytest.raises(anthropic.APIStatusError, match="broke off"),
    ):
        stream.get_final_message()
    record = bill(alice)
    assert (record.status, record.rule, record.input_tokens, record.output_tokens) == ("failed", "reported", 20, 3)


def test_a_native_refusal_passes(caller_on, upstream, anthropic_of):
    alice = caller_on(*NATIVE)
    refusal = {"type": "error", "error": {"type": "invalid_request_error", "message": "max_tokens: too many"}}
    upstream.will(whole(refusal, status=400))
    with pytest.raises(anthropic.BadRequestError, match="too many") as caught:
        anthropic_of(alice).messages.create(**ask(model="model-x"))
    assert caught.value.body == refusal
    assert bill(alice).charge == 0


def test_a_large_document_fits_a_small_wallet(caller_on, upstream, anthropic_of):
    alice = caller_on(*NATIVE)
    upstream.will(whole(answers.message({"type": "text", "text": "A report."})))
    source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x" * 500_000}
    anthropic_of(alice).messages.create(**ask([{"type": "document", "source": source}], model="model-x"))
    record = bill(alice)
    assert upstream.asked[0].body["messages"][0]["content"][0]["source"] == source
    assert upstream.asked[0].headers["content-length"]
    assert usd("0.40") < record.hold < usd("0.41")
    assert record.charge == priced(record, input=20, output=7)


def test_our_own_thoughts_are_not_shown_to_who_would_check_them(caller_on, upstream, anthropic_of):
    alice = caller_on(*NATIVE)
    upstream.will(whole(answers.message({"type": "text", "text": "Hello!"})))
    text, ours = {"type": "text", "text": "Hi"}, {"type": "thinking", "thinking": "Hm.", "signature": ""}
    turns = [{"role": "assistant", "content": [ours, answers.THOUGHT, text]}, {"role": "user", "content": "And?"}]
    question = ask(model="model-x")
    question["messages"] += turns
    anthropic_of(alice).messages.create(**question)
    assert upstream.asked[0].body["messages"][1]["content"] == [answers.THOUGHT, text]


def test_betas_reach_the_channel(caller_on, upstream, anthropic_of):
    alice = caller_on(*NATIVE)
    upstream.will(whole(answers.message({"type": "text", "text": "Hello!"})))
    betas = ["context-management-2025-06-27", "context-1m-2025-08-07"]
    edits = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
    anthropic_of(alice).beta.messages.create(**ask(model="model-x"), betas=betas, context_management=edits)
    (asked,) = upstream.asked
    assert asked.headers["anthropic-beta"] == "context-management-2025-06-27"
    assert asked.body["context_management"] == edits
    assert not [name for name in asked.headers if name.startswith("x-stainless")]
