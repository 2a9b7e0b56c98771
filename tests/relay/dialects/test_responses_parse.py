"""A request to `/v1/responses` is checked, and whatever is wrong is named."""

import orjson
import pytest

from config.kernel.errors import InvalidInput
from relay.dialects.responses import parse

GOOD = {"model": "gpt-x", "input": "Hello"}


def parsed(**fields):
    return parse(orjson.dumps({**GOOD, **fields}))


def test_a_request_is_understood():
    raw = orjson.dumps({**GOOD, "stream": True, "max_output_tokens": 50, "shape": "unknown"})
    request = parse(raw)
    assert (request.model, request.is_stream, request.max_tokens, request.choices) == ("gpt-x", True, 50, 1)
    assert request.payload["shape"] == "unknown"
    assert request.wants_usage


def test_little_is_needed():
    request = parsed()
    assert (request.is_stream, request.max_tokens) == (False, None)


def test_an_upstream_that_stores_may_know_the_input():
    request = parse(orjson.dumps({"model": "gpt-x", "previous_response_id": "resp_1"}))
    assert request.model == "gpt-x"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 7}, "model"),
        ({"model": "m" * 121}, "model"),
        ({"input": None}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": {"role": "user"}}, "input"),
        ({"input": [{"role": "user", "content": "a"}, "b"]}, "input[1]"),
        ({"max_output_tokens": "many"}, "max_output_tokens"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": True}, "max_output_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"tools": {"type": "function"}}, "tools"),
        ({"tools": [{"type": "function"}, {"name": "x"}]}, "tools[1]"),
        ({"tools": ["web_search"]}, "tools[0]"),
        ({"include": "everything"}, "include"),
        ({"parallel_tool_calls": 1}, "parallel_tool_calls"),
        ({"instructions": ["a"]}, "instructions"),
        ({"text": "json"}, "text"),
        ({"reasoning": "high"}, "reasoning"),
        ({"metadata": []}, "metadata"),
        ({"background": True}, "background"),
    ],
)
def test_what_is_wrong_is_named(fields, param):
    with pytest.raises(InvalidInput) as refused:
        parsed(**fields)
    assert refused.value.param == param


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'"x"', b"\xff", b'{"a":' * 100_000])
def test_what_is_no_object_is_refused(raw):
    with pytest.raises(InvalidInput) as refused:
        parse(raw)
    assert refused.value.code == "invalid_json"
