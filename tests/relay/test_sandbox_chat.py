"""Plain conversations with the sandbox through the official SDK: words, counts, streams, limits."""

from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionChunk

from relay.sandbox import tokens
from tests.relay.sandbox_server import SandboxServer, post, read_to_end, running_sandbox

HELLO = [{"role": "user", "content": "Hello, world!"}]


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with running_sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def client(server: SandboxServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.base_url, api_key="anything", max_retries=0) as sdk:
        yield sdk


def ask(client: OpenAI, messages: Any = HELLO, model: str = "sandbox-mini", **options: Any) -> Any:
    return client.chat.completions.create(model=model, messages=messages, **options)


def content_of(chunks: list[ChatCompletionChunk], index: int = 0) -> list[str]:
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices if choice.index == index]
    return [delta.content for delta in deltas if delta.content]


def test_an_answer_quotes_the_question_and_says_who_speaks(client: OpenAI) -> None:
    answer = ask(client)

    assert "“Hello, world!”" in answer.choices[0].message.content
    assert "sandbox" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "sandbox-mini"
    assert answer.id.startswith("chatcmpl-sandbox-")
    assert answer.system_fingerprint


def test_the_same_question_gets_the_same_answer_under_a_new_id(client: OpenAI) -> None:
    first, second, other = ask(client), ask(client), ask(client, [{"role": "user", "content": "Bye"}])

    assert first.choices == second.choices
    assert first.id != second.id
    assert first.choices[0].message.content != other.choices[0].message.content


def test_a_chinese_question_gets_a_chinese_answer(client: OpenAI) -> None:
    messages = [{"role": "user", "content": "Hello"}, {"role": "user", "content": "今天天气怎么样？"}]

    answer = ask(client, messages).choices[0].message.content

    assert "“今天天气怎么样？”" in answer
    assert "沙盒" in answer
    assert "sandbox, a practice model" not in answer


def test_usage_adds_up_by_hand(client: OpenAI) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},  # role, Be, brief, .            4
        {"role": "user", "content": "What is 2+2?"},  # role, What, is, 2, +, 2, ?   7
        {"role": "assistant", "content": "Four."},  # role, Four, .                  3
        {"role": "user", "content": "谢谢!"},  # role, 谢, 谢, !                      4
    ]

    answer = ask(client, messages)

    assert answer.usage.prompt_tokens == 18
    assert answer.usage.completion_tokens == tokens.count(answer.choices[0].message.content)
    assert answer.usage.total_tokens == 18 + answer.usage.completion_tokens


def test_a_stream_carries_one_token_per_chunk(client: OpenAI) -> None:
    whole = ask(client)

    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))

    pieces = content_of(chunks)
    assert "".join(pieces) == whole.choices[0].message.content
    assert len(pieces) == whole.usage.completion_tokens
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert {chunk.usage for chunk in chunks[:-1]} == {None}
    assert len({chunk.id for chunk in chunks}) == 1


def test_usage_is_streamed_only_when_asked_for(client: OpenAI) -> None:
    chunks = list(ask(client, stream=True, max_tokens=2))

    assert all(chunk.choices for chunk in chunks)
    assert all(chunk.usage is None for chunk in chunks)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_limit_cuts_the_answer_to_the_token(client: OpenAI, name: str) -> None:
    limit: dict[str, Any] = {name: 5}
    answer = ask(client, **limit)
    chunks = list(ask(client, stream=True, **limit))

    assert answer.usage.completion_tokens == 5
    assert answer.choices[0].finish_reason == "length"
    assert "".join(content_of(chunks)) == answer.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == "length"


def test_an_answer_that_just_fits_the_limit_is_whole(client: OpenAI) -> None:
    whole = ask(client)

    assert ask(client, max_tokens=whole.usage.completion_tokens).choices == whole.choices


@pytest.mark.parametrize("stop", [".", ["nowhere in it", "sandbox", "."]])
def test_a_stop_sequence_ends_the_answer_before_itself(client: OpenAI, stop: Any) -> None:
    whole = ask(client).choices[0].message.content
    first = min(whole.index(word) for word in ([stop] if isinstance(stop, str) else stop[1:]))

    answer = ask(client, stop=stop)

    assert answer.choices[0].message.content == whole[:first]
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens == tokens.count(whole[:first])


def test_several_choices_differ_and_all_count(client: OpenAI) -> None:
    answer = ask(client, n=3)
    texts = [choice.message.content for choice in answer.choices]

    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len(set(texts)) == 3
    assert answer.usage.completion_tokens == sum(map(tokens.count, texts))


def test_several_choices_stream_side_by_side(client: OpenAI) -> None:
    whole = ask(client, n=2, max_tokens=10)

    chunks = list(ask(client, n=2, max_tokens=10, stream=True))

    for index in (0, 1):
        assert "".join(content_of(chunks, index)) == whole.choices[index].message.content
    assert [chunk.choices[0].finish_reason for chunk in chunks[-2:]] == ["length", "length"]


def test_pictures_are_counted_and_acknowledged(client: OpenAI) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    parts = [{"type": "text", "text": "Compare these"}, picture, picture]

    answer = ask(client, [{"role": "user", "content": parts}])

    assert answer.usage.prompt_tokens == 1 + 2 + 85 + 85
    assert "Pictures received: 2" in answer.choices[0].message.content


def test_pro_thinks_first_and_reports_details(client: OpenAI) -> None:
    messages = [{"role": "system", "content": "Be brief."}, *HELLO]

    chunks = list(ask(client, messages, "sandbox-pro", stream=True, stream_options={"include_usage": True}))

    deltas = [choice.delta.model_dump() for chunk in chunks for choice in chunk.choices]
    kinds = ["reasoning" if "reasoning_content" in delta else "content" for delta in deltas if any_token(delta)]
    usage = chunks[-1].usage
    assert usage is not None
    assert kinds == sorted(kinds, reverse=True)
    assert usage.prompt_tokens == 4 + 5
    assert usage.prompt_tokens_details.cached_tokens == 4
    assert usage.completion_tokens_details.reasoning_tokens == kinds.count("reasoning") > 0
    assert usage.completion_tokens == len(kinds)


def any_token(delta: dict[str, Any]) -> bool:
    return bool(delta.get("content") or delta.get("reasoning_content"))


def test_thinking_counts_against_the_limit(client: OpenAI) -> None:
    answer = ask(client, model="sandbox-pro", max_tokens=8)

    assert answer.usage.completion_tokens == 8
    assert answer.usage.completion_tokens_details.reasoning_tokens == 8
    assert answer.choices[0].message.content == ""
    assert answer.choices[0].finish_reason == "length"


def test_long_is_about_six_hundred_tokens(client: OpenAI) -> None:
    assert 600 <= ask(client, model="sandbox-long").usage.completion_tokens < 640


def test_the_models_are_listed(client: OpenAI) -> None:
    ids = [model.id for model in client.models.list()]

    assert ids[0] == "sandbox-mini"
    assert all(id.startswith("sandbox-") for id in ids)
    assert len(ids) == len(set(ids)) == 29


def test_a_second_question_knows_its_place(client: OpenAI) -> None:
    answer = ask(client, [*HELLO, {"role": "assistant", "content": "Hi."}, {"role": "user", "content": "Go on"}])

    assert "question 2 of our conversation" in answer.choices[0].message.content


def test_the_counters_tell_what_happened() -> None:
    with running_sandbox() as server, OpenAI(base_url=server.base_url, api_key="any", max_retries=0) as client:
        ask(client)
        list(ask(client, stream=True, max_tokens=1))

        with ask(client, model="sandbox-long", stream=True) as stream:
            next(iter(stream))
            assert server.stats()["open"] == 1

        assert server.wait_for(open=0) == {
            "requests": 3,
            "streams": 2,
            "completed": 2,
            "failed": 0,
            "aborted": 1,
            "open": 0,
            "models": {"sandbox-mini": 2, "sandbox-long": 1},
        }


def test_an_answer_is_counted_by_the_time_it_is_read(server: SandboxServer) -> None:
    request = {"model": "sandbox-mini", "messages": HELLO, "stream": True, "max_tokens": 1}

    for _ in range(20):
        read_to_end(post(server, request))
        assert server.stats()["open"] == 0
