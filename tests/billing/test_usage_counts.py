"""What an upstream says it used is believed only as far as it can be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.pricing import Usage
from billing.usage import MAX_TOKENS, estimate_text, from_openai, prompt_bound, prompt_estimate


def test_plain_counts():
    reported = from_openai({"prompt_tokens": 20, "completion_tokens": 8, "total_tokens": 28})
    assert reported.usage == Usage(input=20, output=8)
    assert not reported.is_suspect


def test_details_are_parts_of_their_totals_and_do_not_overlap():
    reported = from_openai(
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "prompt_tokens_details": {"cached_tokens": 64},
            "completion_tokens_details": {"reasoning_tokens": 30},
        }
    )
    assert reported.usage == Usage(input=36, cache_read=64, output=20, reasoning=30)


def test_a_missing_detail_is_not_zero():
    assert from_openai({"prompt_tokens": 1, "completion_tokens": 1}).usage.cache_read is None


def test_a_part_larger_than_its_whole_is_cut_and_flagged():
    reported = from_openai(
        {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 1000}}
    )
    assert reported.usage == Usage(input=0, cache_read=10, output=5)
    assert reported.is_suspect


@pytest.mark.parametrize("bad", [-1, -(10**9), 10**12, MAX_TOKENS + 1, "20", 20.0, True, None, [], {}, float("nan")])
def test_a_count_that_cannot_be_believed_leaves_nothing_to_charge_by(bad):
    assert from_openai({"prompt_tokens": bad, "completion_tokens": 8}) is None
    assert from_openai({"prompt_tokens": 8, "completion_tokens": bad}) is None


@pytest.mark.parametrize("body", [None, [], "usage", 7, {}])
def test_what_is_no_usage_object_says_nothing(body):
    assert from_openai(body) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(
    st.fixed_dictionaries(
        {"prompt_tokens": json_values, "completion_tokens": json_values},
        optional={"prompt_tokens_details": json_values, "completion_tokens_details": json_values},
    )
)
def test_whatever_comes_counts_stay_in_range(body):
    reported = from_openai(body)
    if reported is not None:
        assert 0 <= reported.usage.prompt_total <= MAX_TOKENS
        assert 0 <= reported.usage.completion_total <= MAX_TOKENS


@given(st.text())
def test_the_bound_of_a_prompt_covers_its_estimate(text):
    payload = {"messages": [{"role": "user", "content": text}]}
    assert prompt_bound(payload) >= prompt_estimate(payload) >= estimate_text(text)


def test_an_image_weighs_the_same_whatever_its_bytes():
    def payload(url):
        return {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]}

    assert prompt_bound(payload("data:" + "A" * 100_000)) == prompt_bound(payload("x"))


def test_a_hundred_million_tokens_are_the_most_that_is_believed():
    assert from_openai({"prompt_tokens": 100_000_000, "completion_tokens": 100_000_000}) is not None
    assert from_openai({"prompt_tokens": 100_000_001, "completion_tokens": 0}) is None


def test_a_hold_covers_all_that_the_model_reads():
    hello = {"messages": [{"role": "user", "content": "Hi, 世界!"}]}
    assert (
        prompt_bound(hello) == len("role" + "user" + "content" + "Hi, !") + 2 * 3 + 8 + 16
    )  # bytes, and what frames them
    for schema in ("tools", "functions", "response_format"):
        assert prompt_bound({**hello, schema: {"name": "weather"}}) == prompt_bound(hello) + len("nameweather")
        assert prompt_estimate({**hello, schema: {"name": "weather"}}) == prompt_estimate(hello) + 1 + 2


def test_pictures_numbers_and_further_messages_weigh_too():
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
    text = {"role": "user", "content": []}
    alone = prompt_bound({"messages": [text]})
    assert prompt_bound({"messages": [{**text, "content": [picture, picture]}]}) == alone + 2 * 2_000
    assert prompt_bound({"messages": [text, text]}) == 2 * alone - 16  # the reply is announced once
    assert prompt_bound({"messages": [text], "tools": [1.5, None, True]}) == alone + 3 * 4


@pytest.mark.parametrize("messages", [None, "Hello", {"role": "user"}, []])
def test_a_request_without_a_list_of_messages_is_only_framed(messages):
    assert prompt_bound({"messages": messages}) == prompt_bound({}) == 16


def test_chinese_weighs_more_than_english_of_the_same_length():
    assert estimate_text("你好世界") == 4
    assert estimate_text("abcd") == 1
