"""Every provider's usage object becomes the same canonical counts, and no hostile number becomes a charge."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import usage
from billing.pricing import KINDS, Usage
from billing.usage import MAX_TOKENS, normalise

SHAPES = json.loads((Path(__file__).parent / "golden" / "usage_shapes.json").read_text(encoding="utf-8"))["shapes"]
DIALECTS = ("from_openai", "from_responses", "from_anthropic", "from_gemini", "from_deepseek", "from_qwen")
HOSTILE = [-1, -(10**9), MAX_TOKENS + 1, 10**30, "20", 20.0, float("nan"), True, [], {}, [20]]
MODALITIES = ("image", "audio", "video")
WHOLES = {
    "prompt_tokens": "completion_tokens",
    "input_tokens": "output_tokens",
    "promptTokenCount": "candidatesTokenCount",
}


def whole_names(body):
    return [name for pair in WHOLES.items() for name in pair if name in body]


def replaced(body, path, value):
    """A copy of the object with another value at a path."""
    copy = json.loads(json.dumps(body))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return copy


def detail_paths(body, path=()):
    """Where the object has counts beside its wholes."""
    items = enumerate(body) if isinstance(body, list) else body.items()
    for name, value in items:
        if isinstance(value, dict | list):
            yield from detail_paths(value, (*path, name))
        elif isinstance(value, int) and name not in whole_names(body):
            yield (*path, name)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape["name"])
def test_a_shape_is_recognised_and_counted(shape):
    reported = normalise(shape["body"])
    assert reported == getattr(usage, shape["dialect"])(shape["body"])
    assert reported.usage == Usage(**shape["counts"])
    assert not reported.is_suspect


def test_the_golden_file_speaks_every_dialect_and_every_kind():
    assert {shape["dialect"] for shape in SHAPES} == set(DIALECTS)
    assert {kind for shape in SHAPES for kind in shape["counts"]} == set(KINDS)


@pytest.mark.parametrize("bad", HOSTILE, ids=repr)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape["name"])
def test_a_hostile_whole_leaves_nothing_to_charge_by(shape, bad):
    for name in whole_names(shape["body"]):
        reported = normalise(replaced(shape["body"], (name,), bad))
        if name != "candidatesTokenCount":
            assert reported is None
        else:
            assert reported.is_suspect  # what the total leaves for it can still be worked out


@pytest.mark.parametrize("bad", HOSTILE, ids=repr)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape["name"])
def test_a_hostile_detail_never_adds_tokens(shape, bad):
    whole = Usage(**shape["counts"])
    for path in detail_paths(shape["body"]):
        reported = normalise(replaced(shape["body"], path, bad))
        if reported is None:
            assert path == ("totalTokenCount",)  # the only detail from which a whole may have to be worked out
            continue
        found = reported.usage
        if shape["dialect"] in ("from_anthropic", "from_gemini"):  # their details are not all parts of a whole
            assert found.prompt_total <= whole.prompt_total
            assert found.completion_total <= whole.completion_total
        else:
            assert (found.prompt_total, found.completion_total) == (whole.prompt_total, whole.completion_total)


@pytest.mark.parametrize(
    "body",
    [
        {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": -4}},
        {"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": "4"}},
        {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 8},
        {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 2.0},
        {"input_tokens": 10, "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 6}},
        {"promptTokenCount": 10, "candidatesTokenCount": 5, "cachedContentTokenCount": 11},
        {
            "input_tokens": 10,
            "output_tokens": 5,
            "cache_creation_input_tokens": 7,
            "cache_creation": {"ephemeral_1h_input_tokens": 9},
        },
    ],
)
def test_what_had_to_be_put_right_is_flagged(body):
    reported = normalise(body)
    assert reported.is_suspect
    assert reported.usage.prompt_total <= 17
    assert reported.usage.completion_total <= 5


@pytest.mark.parametrize(
    "body",
    [
        {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 8},
        {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_miss_tokens": 2, "cached_tokens": 8},
        {"input_tokens": 10, "output_tokens": 5, "image_tokens": 0, "input_tokens_details": {"cached_tokens": 8}},
        *({"input_tokens": 10, "output_tokens": 5, f"{kind}_tokens": 0, "cached_tokens": 8} for kind in MODALITIES),
    ],
)
def test_the_cache_is_found_wherever_it_is_said(body):
    reported = normalise(body)
    assert (reported.usage.input, reported.usage.cache_read, reported.is_suspect) == (2, 8, False)


@pytest.mark.parametrize(
    ("said", "counted"),
    [
        ({"cache_read_input_tokens": 8}, {"cache_read": 8}),
        ({"cache_creation_input_tokens": 8}, {"cache_write": 8}),
        ({"cache_creation": {"ephemeral_5m_input_tokens": 8}}, {"cache_write": 8}),
        ({"cache_creation": {"ephemeral_1h_input_tokens": 8}}, {"cache_write_1h": 8}),
    ],
)
def test_anthropics_cache_is_counted_beside_its_input(said, counted):
    assert normalise({"input_tokens": 3, "output_tokens": 5, **said}) == (Usage(input=3, output=5, **counted), False)


def test_an_hour_of_cache_is_never_more_than_all_that_was_written():
    body = {"input_tokens": 1, "output_tokens": 1, "cache_creation_input_tokens": 7}
    reported = normalise({**body, "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 9}})
    assert (reported.usage.cache_write, reported.usage.cache_write_1h) == (0, 7)


@pytest.mark.parametrize(
    ("counts", "prompt", "output"),
    [
        ({"responseTokenCount": 12}, 10, 12),
        ({"totalTokenCount": 40}, 10, 30),
        ({"totalTokenCount": 40, "toolUsePromptTokenCount": 3, "thoughtsTokenCount": 4}, 13, 23),
        ({"totalTokenCount": 12, "toolUsePromptTokenCount": 3}, 13, 0),  # never below nothing
    ],
)
def test_what_gemini_leaves_out_is_worked_out(counts, prompt, output):
    usage = normalise({"promptTokenCount": 10, **counts}).usage
    assert (usage.input, usage.output) == (prompt, output)


def test_of_geminis_modalities_only_counts_are_believed():
    rows = [7, None, {"modality": "AUDIO", "tokenCount": "4"}, {"modality": "AUDIO", "tokenCount": 3}]
    reported = normalise({"promptTokenCount": 10, "candidatesTokenCount": 1, "promptTokensDetails": rows})
    assert reported == (Usage(input=7, audio_input=3, output=1), True)


@pytest.mark.parametrize(
    ("parts", "short", "long", "is_suspect"),
    [
        ({"5m": 8}, 8, None, False),
        ({"1h": 8}, 0, 8, False),
        ({"5m": 3}, 8, None, True),
        ({"1h": 3}, 5, 3, True),
        ({"5m": -1, "1h": 8}, 0, 8, True),
    ],
)
def test_what_was_written_to_the_cache_is_all_charged_and_its_parts_must_agree(parts, short, long, is_suspect):
    created = {f"ephemeral_{time}_input_tokens": tokens for time, tokens in parts.items()}
    whole = {"input_tokens": 3, "output_tokens": 5, "cache_creation_input_tokens": 8}
    counts = Usage(input=3, output=5, cache_write=short, cache_write_1h=long)
    assert normalise({**whole, "cache_creation": created}) == (counts, is_suspect)


def test_an_hour_of_cache_is_part_of_an_openai_prompt():
    created = {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 40}
    details = {"cache_creation_input_tokens": 60, "cache_creation": created}
    reported = normalise({"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": details})
    assert reported == (Usage(input=40, cache_write=20, cache_write_1h=40, output=5), False)


@pytest.mark.parametrize("kind", ["image", "audio"])
def test_pictures_and_sound_are_found_beside_the_wholes(kind):
    reported = normalise({"input_tokens": 10, "output_tokens": 5, f"{kind}_tokens": 7})
    assert reported == (Usage(**{"input": 3, f"{kind}_input": 7, "output": 5}), False)


def test_more_cached_sound_than_there_was_leaves_none_to_charge():
    said = {"promptTokenCount": 300, "candidatesTokenCount": 1, "cachedContentTokenCount": 150}
    sound = {
        f"{name}TokensDetails": [{"modality": "AUDIO", "tokenCount": tokens}]
        for name, tokens in {"prompt": 100, "cache": 150}.items()
    }
    assert normalise({**said, **sound}).usage == Usage(input=150, cache_read=150, audio_input=0, output=1)


def test_believable_parts_of_an_unbelievable_whole_are_refused():
    most = dict.fromkeys(("input_tokens", "output_tokens", "cache_read_input_tokens"), MAX_TOKENS)
    assert normalise(most) is None


@pytest.mark.parametrize("body", [None, [], "usage", 7, {}, {"tokens": 3}, {"prompt_tokens_details": {}}])
def test_what_is_no_usage_object_says_nothing(body):
    assert normalise(body) is None


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
numbers = st.integers(0, 2_000) | values
modalities = st.lists(
    st.fixed_dictionaries({"modality": st.sampled_from(["TEXT", "AUDIO", "IMAGE"]), "tokenCount": numbers}), max_size=3
)
NAMES = sorted({name for shape in SHAPES for name in shape["body"]})
DETAILS = sorted(
    {name for shape in SHAPES for part in shape["body"].values() if isinstance(part, dict) for name in part}
)
inner = values | modalities | st.dictionaries(st.sampled_from(DETAILS), numbers, max_size=4)
bodies = st.dictionaries(st.sampled_from(NAMES), numbers | inner, max_size=8)


@given(bodies)
def test_whatever_comes_every_dialect_stays_in_range(body):
    for reported in (normalise(body), *(getattr(usage, name)(body) for name in DIALECTS)):
        if reported is not None:
            found = [getattr(reported.usage, kind) for kind in KINDS]
            assert all(value is None or (type(value) is int and value >= 0) for value in found)
            assert max(reported.usage.prompt_total, reported.usage.completion_total) <= MAX_TOKENS
