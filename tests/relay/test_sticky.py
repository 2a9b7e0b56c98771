"""What keeps requests together that share a cached prompt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.sticky import sticky_key

SYSTEM = {"role": "system", "content": "You are terse."}
ASKED = {"role": "user", "content": "Hello"}


def chat(*messages, **fields):
    return {"model": "m", "messages": list(messages), **fields}


def test_the_cache_key_counts_before_the_user_and_the_prompt():
    one = chat(SYSTEM, prompt_cache_key="k", user="u1")
    other = chat(ASKED, prompt_cache_key="k", user="u2")
    assert sticky_key(one) == sticky_key(other)
    assert sticky_key(one) != sticky_key(chat(SYSTEM, prompt_cache_key="k2"))


@pytest.mark.parametrize("named", [{"user": "u"}, {"metadata": {"user_id": "u"}}, {"safety_identifier": "u"}])
def test_a_user_counts_before_the_prompt(named):
    assert sticky_key(chat(SYSTEM, **named)) == sticky_key(chat(ASKED, **named))


def test_the_turns_of_a_conversation_stay_together():
    grown = chat(SYSTEM, ASKED, {"role": "assistant", "content": "Hi"}, {"role": "user", "content": "More"})
    assert sticky_key(grown) == sticky_key(chat(SYSTEM, ASKED))
    assert sticky_key(grown) != sticky_key(chat(SYSTEM, {"role": "user", "content": "Other"}))


def test_parts_and_other_dialects_are_read():
    parts = [{"type": "image_url", "image_url": {"url": "data:…"}}, {"type": "text", "text": "Hello"}]
    assert sticky_key(chat({"role": "user", "content": parts})) == sticky_key(chat(ASKED))
    assert sticky_key({"instructions": "Be terse.", "input": "Hello"}) != sticky_key({"input": "Hello"})
    assert sticky_key({"system": [{"type": "text", "text": "Be terse."}], "messages": [ASKED]}) is not None
    assert sticky_key({"prompt": "Once"}) is not None


def test_nothing_to_go_by():
    assert sticky_key({"model": "m"}) is None
    assert sticky_key({"model": "m", "file": b"..."}) is None


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ["messages", "input", "prompt", "system", "instructions", "metadata", "user", "prompt_cache_key"]


@given(st.dictionaries(st.sampled_from(FIELDS), json))
def test_any_body_has_a_key_or_none(payload):
    key = sticky_key(payload)
    assert key is None or len(key) == 16
