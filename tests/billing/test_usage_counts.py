"""What an upstream says it used is believed only as far as it can be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.pricing import Usage
from billing.usage import MAX_TOKENS, character_kinds, estimate_tokens, from_openai


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


def test_a_hundred_million_tokens_are_the_most_that_is_believed():
    assert from_openai({"prompt_tokens": 100_000_000, "completion_tokens": 100_000_000}) is not None
    assert from_openai({"prompt_tokens": 100_000_001, "completion_tokens": 0}) is None


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("abcd", 1), ("abcde", 2), ("你好世界", 4), ("Hi, 世界!", 2 + 2), ("caf\xe9 \x7f\x80", 2 + 2)],
)
def test_a_token_is_four_plain_characters_or_one_of_another_script(text, tokens):
    plain, other = character_kinds(text)
    assert estimate_tokens(ascii_characters=plain, other_characters=other) == tokens
