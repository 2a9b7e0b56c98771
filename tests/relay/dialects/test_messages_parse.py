"""A Messages request is checked field by field, and kept whole."""

import orjson
import pytest

from config.kernel.errors import InvalidInput
from relay.dialects.messages import parse, parse_count

QUESTION = {"model": "claude-x", "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}


def raw(**changes):
    return orjson.dumps({**QUESTION, **changes})


def test_a_plain_request():
    request = parse(raw())
    assert (request.model, request.max_tokens, request.is_stream, request.choices) == ("claude-x", 64, False, 1)
    assert request.payload == QUESTION


def test_usage_is_always_shown():
    assert parse(raw(stream=True)).wants_usage


def test_fields_that_nobody_knows_stay():
    assert parse(raw(context_management={"edits": []}, later={"a": 1})).payload["later"] == {"a": 1}


def test_everything_at_once():
    request = parse(
        raw(
            stream=True,
            system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
            tools=[
                {"name": "look", "description": "Looks.", "input_schema": {"type": "object"}, "strict": True},
                {"type": "web_search_20250305", "name": "web_search"},
            ],
            tool_choice={"type": "tool", "name": "look", "disable_parallel_tool_use": True},
            thinking={"type": "enabled", "budget_tokens": 1024},
            stop_sequences=["END"],
            temperature=1,
            top_p=0.5,
            top_k=0,
            metadata={"user_id": "u-1"},
            output_config={"effort": "low", "format": {"type": "json_schema", "schema": {}}},
        )
    )
    assert request.is_stream


def test_nulls_are_as_good_as_nothing():
    names = ("system", "tools", "tool_choice", "thinking", "stop_sequences", "temperature", "metadata", "stream")
    assert not parse(raw(**dict.fromkeys(names))).is_stream


def test_a_count_needs_no_max_tokens():
    counted = {name: value for name, value in QUESTION.items() if name != "max_tokens"}
    request = parse_count(orjson.dumps(counted))
    assert (request.model, request.max_tokens, request.is_stream) == ("claude-x", None, False)
    with pytest.raises(InvalidInput) as caught:
        parse(orjson.dumps(counted))
    assert caught.value.param == "max_tokens"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 7}, "model"),
        ({"model": "m" * 121}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["Hello"]}, "messages[0]"),
        ({"messages": [{"content": "Hello"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "Hello"}]}, "messages[0].role"),
        ({"messages": [{"role": ["user"], "content": "Hello"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["Hello"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}, "messages[0].content[0]"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": "64"}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"system": 1}, "system"),
        ({"system": ["Be brief."]}, "system[0]"),
        ({"system": [{"type": "image"}]}, "system[0]"),
        ({"system": [{"type": "text"}]}, "system[0].text"),
        ({"tools": {}}, "tools"),
        ({"tools": ["look"]}, "tools[0]"),
        ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
        ({"tools": [{"name": "look"}]}, "tools[0].input_schema"),
        ({"tools": [{"name": "look", "input_schema": []}]}, "tools[0].input_schema"),
        ({"tools": [{"name": "look", "input_schema": {}, "description": 1}]}, "tools[0].description"),
        ({"tools": [{"name": "look", "input_schema": {}, "strict": "yes"}]}, "tools[0].strict"),
        ({"tools": [{"type": 1}]}, "tools[0].type"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": {"type": "required"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        (
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": 1}},
            "tool_choice.disable_parallel_tool_use",
        ),
        ({"thinking": True}, "thinking"),
        ({"thinking": {"budget_tokens": 1024}}, "thinking.type"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 0}}, "thinking.budget_tokens"),
        ({"stop_sequences": "END"}, "stop_sequences"),
        ({"stop_sequences": [1]}, "stop_sequences"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": []}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"top_k": 0.5}, "top_k"),
        ({"metadata": "u-1"}, "metadata"),
        ({"metadata": {"user_id": 1}}, "metadata.user_id"),
        ({"output_config": []}, "output_config"),
        ({"output_config": {"effort": 1}}, "output_config.effort"),
        ({"output_config": {"format": "json"}}, "output_config.format"),
        ({"output_config": {"format": {}}}, "output_config.format.type"),
    ],
)
def test_a_wrong_field_is_named(changes, param):
    for reader in (parse, parse_count) if "max_tokens" not in changes and "stream" not in changes else (parse,):
        with pytest.raises(InvalidInput) as caught:
            reader(raw(**changes))
        assert caught.value.param == param
        assert param.rpartition(".")[2].partition("[")[0] in caught.value.message


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b'{"model":"\xff"}', b"[" * 100_000])
def test_what_is_no_json_object(body):
    with pytest.raises(InvalidInput) as caught:
        parse(body)
    assert caught.value.code == "invalid_json"
