"""JSON values that fit a schema."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.sandbox.samples import DEEPEST, LONGEST_STRING, MOST_ITEMS, sample


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "sample value"),
        ({"type": "string", "format": "date"}, "2026-01-31"),
        ({"type": "string", "minLength": 15}, "sample value..."),
        ({"type": "string", "maxLength": 3}, "sam"),
        ({"type": "integer"}, 1),
        ({"type": "integer", "minimum": 18, "maximum": 99}, 18),
        ({"type": "integer", "exclusiveMinimum": 18}, 19),
        ({"type": "integer", "exclusiveMaximum": 0}, -1),
        ({"type": "integer", "minimum": 18, "multipleOf": 5}, 20),
        ({"type": "number"}, 1.5),
        ({"type": "number", "minimum": 0, "maximum": 1}, 0.5),
        ({"type": "number", "minimum": 5}, 6.0),
        ({"type": "number", "maximum": 1}, 0.0),
        ({"type": "number", "multipleOf": 0.5, "minimum": 3}, 4.0),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": ["null", "boolean"]}, True),
        ({"const": "fixed"}, "fixed"),
        ({"enum": ["red", "green"]}, "red"),
        ({"type": "array", "items": {"type": "integer"}}, [1]),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [True, True]),
        ({"type": "array", "items": {"type": "boolean"}, "maxItems": 0}, []),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "boolean"}]}, [1, True]),
        ({"properties": {"first_name": {"type": "string"}}}, {"first_name": "sample first name"}),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 1),
        ({"oneOf": [{"type": "boolean"}]}, True),
        (
            {"allOf": [{"properties": {"a": {"type": "integer"}}}, {"properties": {"b": {"const": 2}}}]},
            {"a": 1, "b": 2},
        ),
        ({"$ref": "#/$defs/age", "$defs": {"age": {"type": "integer", "minimum": 7}}}, 7),
        ({}, "sample value"),
    ],
)
def test_values_that_fit(schema: dict[str, Any], value: Any) -> None:
    assert sample(schema) == value


def test_a_list_that_contains_itself_ends() -> None:
    node = {
        "type": "object",
        "properties": {"value": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
        "required": ["value", "next"],
    }

    value = sample({"$ref": "#/$defs/node", "$defs": {"node": node}})

    depth = 0
    while value is not None:
        assert value["value"] == 1
        value, depth = value["next"], depth + 1
    assert 1 < depth < DEEPEST


def test_a_schema_that_can_never_end_is_given_up() -> None:
    required = {str(number): {"$ref": "#"} for number in range(10)}

    assert sample({"type": "object", "properties": required, "required": list(required)}).keys() == required.keys()
    assert sample({"$ref": "#"}) == "sample value"


def test_huge_demands_stay_small() -> None:
    assert len(sample({"type": "array", "items": {"type": "integer"}, "minItems": 10**9})) == MOST_ITEMS
    assert len(sample({"type": "string", "minLength": 10**9})) == LONGEST_STRING


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
BOUNDS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]
SIZES = ["minItems", "maxItems", "minLength", "maxLength"]
SHAPES = ["type", "format", "const", "enum", "anyOf", "oneOf", "allOf", "$ref", "properties", "required", "items"]
KEYWORDS = st.sampled_from([*BOUNDS, *SIZES, *SHAPES, "prefixItems"])
TYPES = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null", "nonsense"])
SCHEMAS = st.recursive(
    st.dictionaries(KEYWORDS, JSON_VALUES | TYPES, max_size=5),
    lambda inner: st.fixed_dictionaries(
        {"type": TYPES},
        optional={
            "items": inner,
            "properties": st.dictionaries(st.text(max_size=5), inner, max_size=3),
            "anyOf": st.lists(inner),
            "minimum": JSON_VALUES,
            "multipleOf": JSON_VALUES,
        },
    ),
    max_leaves=5,
)


@given(SCHEMAS)
def test_no_schema_is_too_odd_to_answer(schema: dict[str, Any]) -> None:
    assert orjson.dumps(sample(schema)) == orjson.dumps(sample(schema))
