"""A Messages request becomes the chat completion request that asks for the same, or says which field cannot."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.kernel.errors import InvalidInput
from relay.dialects.messages import CONVERSION, parse, parse_count

PNG = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
LOOK = {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {"at": {}}}}
CALL = {"type": "tool_use", "id": "call_1", "name": "look", "input": {"at": "é"}}


def convert(*, user="Hello", **fields):
    question = {"model": "claude-x", "max_tokens": 64, "messages": [{"role": "user", "content": user}], **fields}
    return CONVERSION.chat_payload(parse(orjson.dumps(question)).payload)


def messages(*turns, **fields):
    return convert(messages=[{"role": role, "content": content} for role, content in turns], **fields)["messages"]


def said_by_user(*blocks):
    [message] = messages(("user", list(blocks)))
    assert message["role"] == "user"
    return message["content"]


def after_a_call(*blocks):
    return messages(("user", "Look."), ("assistant", [CALL]), ("user", list(blocks)))[2:]


def refused(**fields):
    with pytest.raises(InvalidInput) as caught:
        convert(**fields)
    return caught.value.param


# ── Text ─────────────────────────────────────────────────────────────────────


def test_the_smallest_request():
    assert convert() == {
        "model": "claude-x",
        "max_tokens": 64,
        "messages": [{"role": "user", "content": "Hello"}],
    }


def test_a_system_prompt_in_a_string_or_in_blocks():
    blocks = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    blocks.append({"type": "text", "text": "Be kind."})
    assert messages(("user", "Hi"), system="Be brief.")[0] == {"role": "system", "content": "Be brief."}
    assert messages(("user", "Hi"), system=blocks)[0] == {"role": "system", "content": "Be brief.\n\nBe kind."}


def test_a_mark_that_changes_with_each_request_does_not_spoil_the_prompt_cache():
    mark = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.1; cch=71fea;"}
    system = [mark, {"type": "text", "text": "Be brief."}]
    assert messages(("user", "Hi"), system=system)[0] == {"role": "system", "content": "Be brief."}


def test_turns_keep_their_order():
    turns = [("user", "One"), ("assistant", "Two"), ("system", "Three"), ("user", [{"type": "text", "text": "Four"}])]
    assert messages(*turns) == [
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "Two"},
        {"role": "system", "content": "Three"},
        {"role": "user", "content": "Four"},
    ]


def test_several_texts_become_one():
    assert said_by_user({"type": "text", "text": "One"}, {"type": "text", "text": "Two"}) == "One\n\nTwo"
    pieces = [{"type": "text", "text": "One "}, {"type": "text", "text": "sentence."}]
    assert messages(("user", "Hi"), ("assistant", pieces), ("user", "Go"))[1]["content"] == "One sentence."


def test_thoughts_of_earlier_turns_are_dropped():
    thoughts = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
    ]
    turns = ("user", "Hi"), ("assistant", [*thoughts, {"type": "text", "text": "Yes"}]), ("user", "Go")
    assert messages(*turns)[1] == {"role": "assistant", "content": "Yes"}
    assert len(messages(("user", "Hi"), ("assistant", thoughts), ("user", "Go"))) == 2


def test_an_answer_already_begun_cannot_be_continued():
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "{"}]
    assert refused(messages=turns) == "messages"


# ── Images and documents ─────────────────────────────────────────────────────


def test_images():
    link = {"type": "image", "source": {"type": "url", "url": "https://example.test/a.png"}}
    assert said_by_user({"type": "image", "source": PNG}, {"type": "text", "text": "What is it?"}, link) == [
        PNG_PART,
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "https://example.test/a.png"}},
    ]


def test_documents_of_text_are_text():
    source = {"type": "text", "media_type": "text/plain", "data": "Once."}
    assert said_by_user({"type": "document", "source": source}) == "Once."
    titled = {"type": "document", "source": source, "title": "A tale", "context": "From a book."}
    assert said_by_user(titled) == "A tale\nFrom a book.\n\nOnce."
    listed = {"type": "content", "content": [{"type": "text", "text": "Once."}, {"type": "image", "source": PNG}]}
    assert said_by_user({"type": "document", "source": listed}) == [{"type": "text", "text": "Once."}, PNG_PART]


def test_a_pdf_is_a_file():
    source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    file = {"filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}
    assert said_by_user({"type": "document", "source": source}) == [{"type": "file", "file": file}]


def test_search_results_are_text():
    content = [{"type": "text", "text": "Found."}]
    result = {"type": "search_result", "title": "A page", "source": "https://example.test", "content": content}
    assert said_by_user(result) == "A page\nhttps://example.test\n\nFound."


# ── Tools ────────────────────────────────────────────────────────────────────


def test_calls_and_their_results():
    other = {**CALL, "id": "call_2", "input": {}}
    results = [
        {"type": "tool_result", "tool_use_id": "call_1", "content": "A cat"},
        {"type": "tool_result", "tool_use_id": "call_2", "content": [{"type": "text", "text": "A dog"}]},
        {"type": "text", "text": "Compare."},
    ]
    found = messages(
        ("user", "Look."), ("assistant", [{"type": "text", "text": "So."}, CALL, other]), ("user", results)
    )
    assert found[1:] == [
        {
            "role": "assistant",
            "content": "So.",
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at":"é"}'}},
                {"id": "call_2", "type": "function", "function": {"name": "look", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "A cat"},
        {"role": "tool", "tool_call_id": "call_2", "content": "A dog"},
        {"role": "user", "content": "Compare."},
    ]


def test_a_call_without_text_has_no_content():
    assert messages(("user", "Look."), ("assistant", [CALL]), ("user", "Go"))[1]["content"] is None


def test_results_come_before_what_the_user_says_whatever_their_order():
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": "A cat"}
    assert [m["role"] for m in after_a_call({"type": "text", "text": "Now?"}, result)] == ["tool", "user"]


def test_a_result_that_is_an_error_says_so():
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": "no such file", "is_error": True}
    assert after_a_call(result) == [{"role": "tool", "tool_call_id": "call_1", "content": "Error: no such file"}]


def test_a_result_of_nothing():
    assert after_a_call({"type": "tool_result", "tool_use_id": "call_1"})[0]["content"] == ""


def test_an_image_in_a_result_is_shown_by_the_user():
    content = [{"type": "text", "text": "A picture:"}, {"type": "image", "source": PNG}]
    assert after_a_call({"type": "tool_result", "tool_use_id": "call_1", "content": content}) == [
        {"role": "tool", "tool_call_id": "call_1", "content": "A picture:"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "From the result of the tool call call_1:"}, PNG_PART],
        },
    ]


def test_tools():
    strict = {**LOOK, "type": "custom", "strict": True, "cache_control": {"type": "ephemeral"}}
    bare = {"name": "wait", "input_schema": {"type": "object"}}
    assert convert(tools=[strict, bare])["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "look",
                "description": "Looks.",
                "parameters": {"type": "object", "properties": {"at": {}}},
                "strict": True,
            },
        },
        {"type": "function", "function": {"name": "wait", "parameters": {"type": "object", "properties": {}}}},
    ]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "look"}, {"type": "function", "function": {"name": "look"}}),
    ],
)
def test_tool_choice(choice, expected):
    chat = convert(tools=[LOOK], tool_choice=choice)
    assert chat["tool_choice"] == expected
    assert "parallel_tool_calls" not in chat


def test_one_call_at_a_time():
    chat = convert(tools=[LOOK], tool_choice={"type": "auto", "disable_parallel_tool_use": True})
    assert chat["parallel_tool_calls"] is False


# ── The other fields ─────────────────────────────────────────────────────────


def test_sampling_and_stops():
    chat = convert(temperature=0, top_p=0.5, top_k=40, stop_sequences=["END"], metadata={"user_id": "u-1"})
    assert {name: chat[name] for name in ("temperature", "top_p", "top_k", "stop", "user")} == {
        "temperature": 0,
        "top_p": 0.5,
        "top_k": 40,
        "stop": ["END"],
        "user": "u-1",
    }


def test_a_user_whose_name_would_be_refused_keeps_one_of_its_own():
    long, odd = "user_" + "a" * 64, '{"device_id":"d"}'
    names = {convert(metadata={"user_id": name})["user"] for name in (long, odd, long)}
    assert len(names) == 2
    assert all(len(name) == 64 and name.isalnum() for name in names)
    assert "user" not in convert(metadata={})


def test_a_stream_tells_its_usage():
    chat = convert(stream=True)
    assert (chat["stream"], chat["stream_options"]) == (True, {"include_usage": True})


@pytest.mark.parametrize(
    ("thinking", "effort", "expected"),
    [
        (None, None, None),
        (None, "high", None),
        ({"type": "disabled"}, "high", None),
        ({"type": "adaptive"}, None, None),
        ({"type": "adaptive"}, "medium", "medium"),
        ({"type": "adaptive"}, "max", "high"),
        ({"type": "enabled", "budget_tokens": 1024}, None, "low"),
        ({"type": "enabled", "budget_tokens": 4096}, None, "medium"),
        ({"type": "enabled", "budget_tokens": 16384}, None, "high"),
        ({"type": "enabled", "budget_tokens": 32000}, "low", "low"),
    ],
)
def test_how_long_to_think(thinking, effort, expected):
    chat = convert(thinking=thinking, output_config={"effort": effort} if effort else None)
    assert chat.get("reasoning_effort") == expected


def test_a_schema_for_the_answer():
    wanted = {"type": "json_schema", "schema": {"type": "object"}}
    schema = {"name": "answer", "schema": {"type": "object"}, "strict": True}
    expected = {"type": "json_schema", "json_schema": schema}
    assert convert(output_config={"format": wanted})["response_format"] == expected
    assert convert(output_format=wanted)["response_format"] == expected


def test_what_only_saves_time_or_money_is_dropped():
    same = convert(
        cache_control={"type": "ephemeral"}, service_tier="auto", context_management={"edits": []}, speed="fast"
    )
    assert same == convert()


def test_a_count_is_converted_as_well():
    request = parse_count(b'{"model":"claude-x","messages":[{"role":"user","content":"Hello"}]}')
    assert CONVERSION.chat_payload(request.payload) == {
        "model": "claude-x",
        "messages": [{"role": "user", "content": "Hello"}],
    }


# ── What cannot be said ──────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("block", "param"),
    [
        ({"type": "text"}, ".text"),
        ({"type": "text", "text": 1}, ".text"),
        ({"type": "image"}, ".source"),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, ".source"),
        ({"type": "image", "source": {"type": "url"}}, ".source.url"),
        ({"type": "image", "source": {"type": "base64", "data": ""}}, ".source.media_type"),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png"}}, ".source.data"),
        ({"type": "document", "source": {"type": "url", "url": "u"}}, ".source"),
        ({"type": "document", "source": {"type": "content", "content": 1}}, ".source.content"),
        ({"type": "document", "title": 1, "source": {}}, ".title"),
        ({"type": "document", "source": {}, "citations": {"enabled": True}}, ".citations"),
        ({"type": "search_result", "title": "A"}, ".source"),
        ({"type": "tool_result"}, ".tool_use_id"),
        ({"type": "tool_result", "tool_use_id": "c", "content": [{"type": "tool_reference"}]}, ".content[0]"),
        ({"type": "container_upload", "file_id": "f"}, ""),
    ],
)
def test_a_block_that_cannot_be_said_is_named(block, param):
    assert refused(user=[block]) == f"messages[0].content[0]{param}"


@pytest.mark.parametrize(
    ("block", "param"),
    [
        ({"type": "tool_use", "name": "look", "input": {}}, ".id"),
        ({"type": "tool_use", "id": "c", "input": {}}, ".name"),
        ({"type": "tool_use", "id": "c", "name": "look", "input": "{}"}, ".input"),
        ({"type": "server_tool_use", "id": "c", "name": "web_search", "input": {}}, ""),
        ({"type": "image", "source": PNG}, ""),
    ],
)
def test_a_block_of_the_assistant_that_cannot_be_said_is_named(block, param):
    turns = [{"role": "assistant", "content": [block]}, {"role": "user", "content": "Go"}]
    assert refused(messages=turns) == f"messages[0].content[0]{param}"


def test_an_input_nested_too_deeply_is_named():
    deep = orjson.loads('{"a":' * 300 + "1" + "}" * 300)
    turns = [{"role": "assistant", "content": [{**CALL, "input": deep}]}, {"role": "user", "content": "Go"}]
    with pytest.raises(InvalidInput) as caught:
        CONVERSION.chat_payload({"model": "claude-x", "max_tokens": 1, "messages": turns})
    assert caught.value.param == "messages[0].content[0].input"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
        ({"container": "c"}, "container"),
        ({"mcp_servers": [{"url": "u"}]}, "mcp_servers"),
        ({"inference_geo": "eu"}, "inference_geo"),
        ({"output_config": {"format": {"type": "grammar"}}}, "output_config.format"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
        ({"output_format": "json"}, "output_format"),
    ],
)
def test_a_field_that_cannot_be_said_is_named(fields, param):
    assert refused(**fields) == param


WORDS = st.sampled_from(
    ["type", "text", "content", "source", "data", "media_type", "url", "id", "name", "input", "tool_use_id", "title"]
)
KINDS = st.sampled_from(
    ["text", "image", "document", "search_result", "tool_use", "tool_result", "thinking", "base64", "url", "content"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=3) | KINDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
BLOCKS = st.builds(lambda kind, rest: {**rest, "type": kind}, KINDS, st.dictionaries(WORDS, VALUES, max_size=4))
TURNS = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system"]), "content": st.lists(BLOCKS, max_size=3) | st.text()}
)
FIELDS = st.dictionaries(
    st.sampled_from(["tools", "tool_choice", "thinking", "output_config", "output_format", "metadata", "container"]),
    VALUES,
)


def outcome(**fields):
    """The chat request or, where there can be none, the name of the field."""
    try:
        return convert(**fields)
    except InvalidInput as error:
        return error.param


@given(turns=st.lists(TURNS, min_size=1, max_size=4), fields=FIELDS)
def test_whatever_comes_is_converted_or_refused_by_name(turns, fields):
    chat = outcome(messages=turns, **fields)
    assert chat
    if isinstance(chat, dict):
        assert orjson.loads(orjson.dumps(chat)) == chat
        assert all(message["role"] in ("system", "user", "assistant", "tool") for message in chat["messages"])
