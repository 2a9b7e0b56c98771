"""A request to `/v1/responses` says the same as the chat completion request made of it."""

import json

import pytest

from config.kernel.errors import InvalidInput
from relay.dialects.responses import CONVERSION
from relay.dialects.responses.history import PICTURES, PICTURES_FOLLOW

PIXEL = "data:image/png;base64,iVBORw0KGgo="


def chat(given="Hello", **fields):
    return CONVERSION.chat_payload({"model": "gpt-x", "input": given, **fields})


def messages(*items, **fields):
    return chat(list(items), **fields)["messages"]


def refusal(given="Hello", **fields):
    with pytest.raises(InvalidInput) as refused:
        chat(given, **fields)
    return refused.value


def user(*parts):
    return {"type": "message", "role": "user", "content": list(parts)}


def text(words, kind="input_text"):
    return {"type": kind, "text": words}


def function_call(id, name="look", arguments="{}"):
    return {"type": "function_call", "call_id": id, "name": name, "arguments": arguments}


def output(id, result, kind="function_call_output"):
    return {"type": kind, "call_id": id, "output": result}


# ── Messages ─────────────────────────────────────────────────────────────────


def test_a_string_is_the_users_message():
    assert chat("Hello") == {"model": "gpt-x", "messages": [{"role": "user", "content": "Hello"}]}


def test_instructions_come_first():
    assert messages({"role": "user", "content": "Hi"}, instructions="Be brief.") == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
    ]


def test_a_developer_is_the_system():
    said = messages({"role": "developer", "content": [text("Be brief.")]}, {"role": "system", "content": "Be kind."})
    assert said == [{"role": "system", "content": "Be brief."}, {"role": "system", "content": "Be kind."}]


def test_parts_of_text_are_one_string():
    assert messages(user(text("one"), text("two"))) == [{"role": "user", "content": "one\ntwo"}]


def test_pictures_files_and_sound_are_parts():
    said = messages(
        user(
            text("Look"),
            {"type": "input_image", "image_url": PIXEL, "detail": "low"},
            {"type": "input_image", "image_url": PIXEL, "detail": "original"},
            {"type": "input_file", "file_data": "JVBERg==", "filename": "a.pdf"},
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        )
    )
    assert said[0]["content"] == [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": PIXEL}},
        {"type": "file", "file": {"file_data": "JVBERg==", "filename": "a.pdf"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    ]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image", "file_id": "file-1"},
        {"type": "input_file", "file_url": "https://example.test/a.pdf"},
        {"type": "input_text"},
        {"type": "hologram"},
        "text",
        None,
    ],
)
def test_a_part_that_cannot_be_said_is_named(part):
    assert refusal([user(text("Look"), part)]).param == "input[0].content[1]"


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"role": "wizard", "content": "x"}, "input[1].role"),
        ({"role": "user", "content": 7}, "input[1].content"),
        ({"role": "assistant", "content": 7}, "input[1].content"),
        ({"role": "user"}, "input[1]"),
        ({"type": "item_reference", "id": "msg_1"}, "input[1]"),
        ({"type": "file_search_call", "id": "fs_1", "status": "completed"}, "input[1]"),
        ({"type": "function_call", "name": "look"}, "input[1]"),
        ({"type": "function_call_output", "output": "x"}, "input[1]"),
        (output("c1", {"a": 1}), "input[1].output"),
        ({"role": "system", "content": [{"type": "input_image", "image_url": PIXEL}]}, "input[1].content"),
    ],
)
def test_an_item_that_cannot_be_said_is_named(item, param):
    assert refusal([{"role": "user", "content": "Hi"}, item]).param == param


# ── What happened before ─────────────────────────────────────────────────────


def test_an_answer_in_history_is_the_assistants():
    said = messages(
        {"role": "user", "content": "Hi"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "…"},
        {"type": "message", "id": "msg_1", "role": "assistant", "content": [text("Hello!", "output_text")]},
        {"role": "user", "content": "And now?"},
    )
    assert said[1] == {"role": "assistant", "content": "Hello!"}
    assert len(said) == 3


def test_a_refusal_in_history_stays_one():
    said = messages({"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]})
    assert said == [{"role": "assistant", "content": None, "refusal": "No."}]


def test_a_turn_with_calls_is_one_message():
    said = messages(
        {"role": "user", "content": "Weather in Rome and Oslo?"},
        {"role": "assistant", "content": "I will look."},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        function_call("c1", arguments='{"city":"Rome"}'),
        function_call("c2", arguments='{"city":"Oslo"}'),
        output("c1", "sunny"),
        output("c2", [text("snow"), text("wind")]),
        {"role": "assistant", "content": "Sunny and snow."},
    )
    assert said == [
        {"role": "user", "content": "Weather in Rome and Oslo?"},
        {
            "role": "assistant",
            "content": "I will look.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"city":"Rome"}'}},
                {"id": "c2", "type": "function", "function": {"name": "look", "arguments": '{"city":"Oslo"}'}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        {"role": "tool", "tool_call_id": "c2", "content": "snow\nwind"},
        {"role": "assistant", "content": "Sunny and snow."},
    ]


def test_words_after_a_call_do_not_part_it_from_its_result():
    said = messages(function_call("c1"), {"role": "assistant", "content": "Looking."}, output("c1", "ok"))
    assert [message["role"] for message in said] == ["assistant", "tool"]
    assert said[0]["content"] == "Looking."


def test_pictures_of_tools_follow_all_results():
    picture = {"type": "input_image", "image_url": PIXEL}
    said = messages(function_call("c1"), function_call("c2"), output("c1", [picture]), output("c2", "done"))
    assert [message["role"] for message in said] == ["assistant", "tool", "tool", "user"]
    assert said[1]["content"] == PICTURES_FOLLOW
    assert said[3]["content"] == [
        {"type": "text", "text": PICTURES},
        {"type": "image_url", "image_url": {"url": PIXEL}},
    ]


def test_a_custom_tools_history_is_that_of_a_function():
    patch = '*** Begin Patch\n"x"\n*** End Patch'
    said = messages(
        {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": patch},
        output("c1", "Done!", "custom_tool_call_output"),
    )
    function = said[0]["tool_calls"][0]["function"]
    assert function["name"] == "apply_patch"
    assert json.loads(function["arguments"]) == {"input": patch}
    assert said[1] == {"role": "tool", "tool_call_id": "c1", "content": "Done!"}


def test_only_thoughts_are_nothing_to_ask():
    assert refusal([{"type": "reasoning", "id": "rs_1", "summary": []}]).param == "input"


# ── Tools ────────────────────────────────────────────────────────────────────

LOOK = {"type": "function", "name": "look", "description": "Looks.", "parameters": {"type": "object"}, "strict": True}
PATCH = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edits files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: patch"},
}
CRM = {"type": "namespace", "name": "crm", "description": "Customers", "tools": [{"type": "function", "name": "find"}]}


def test_functions_are_wrapped():
    body = chat(tools=[LOOK], tool_choice="required", parallel_tool_calls=False)
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "look",
                "description": "Looks.",
                "parameters": {"type": "object"},
                "strict": True,
            },
        }
    ]
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ("required", False)


def test_a_custom_tool_is_a_function_of_one_string():
    function = chat(tools=[PATCH])["tools"][0]["function"]
    assert function["name"] == "apply_patch"
    assert "Edits files." in function["description"]
    assert "start: patch" in function["description"]
    assert function["parameters"]["required"] == ["input"]
    assert function["parameters"]["properties"]["input"]["type"] == "string"


def test_a_namespace_is_part_of_the_name_everywhere():
    call = {**function_call("c1", "find"), "namespace": "crm"}
    choice = {"type": "function", "name": "find", "namespace": "crm"}
    body = chat([call, output("c1", "x")], tools=[CRM], tool_choice=choice)
    assert body["tools"][0]["function"]["name"] == "crm__find"
    assert body["messages"][0]["tool_calls"][0]["function"]["name"] == "crm__find"
    assert body["tool_choice"] == {"type": "function", "function": {"name": "crm__find"}}


@pytest.mark.parametrize("kind", ["web_search", "web_search_preview", "web_search_preview_2025_03_11"])
def test_search_in_the_web_is_left_out(kind):
    search = {"type": kind, "external_web_access": False}
    assert [tool["function"]["name"] for tool in chat(tools=[search, LOOK])["tools"]] == ["look"]
    assert "tools" not in chat(tools=[search], tool_choice="auto")


@pytest.mark.parametrize("tools", [[LOOK, {"type": "web_search"}], [{"type": "web_search"}]])
def test_a_search_that_was_insisted_on_is_refused(tools):
    refused = refusal(tools=tools, tool_choice={"type": "web_search"})
    assert (refused.param, refused.code) == ("tool_choice", "unsupported_tool")


def test_an_earlier_search_is_told_by_the_answer_after_it():
    search = {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "Rome"}}
    answer = {"role": "assistant", "content": [{"type": "output_text", "text": "It rains."}]}
    assert messages(user(text("Rome?")), search, answer) == [
        {"role": "user", "content": "Rome?"},
        {"role": "assistant", "content": "It rains."},
    ]


@pytest.mark.parametrize("kind", ["file_search", "code_interpreter", "mcp", "x" * 99])
def test_a_hosted_tool_is_refused_by_its_name(kind):
    refused = refusal(tools=[LOOK, {"type": kind}])
    assert refused.param == "tools[1]"
    assert kind[:60] in refused.message
    assert refused.code == "unsupported_tool"


def test_a_namespace_that_ends_with_its_own_mark_gets_no_second():
    body = chat(tools=[{**CRM, "name": "mcp__crm__"}])
    assert body["tools"][0]["function"]["name"] == "mcp__crm__find"


def test_a_tool_without_a_name_is_refused():
    assert refusal(tools=[{"type": "function"}]).param == "tools[0]"
    assert refusal(tools=[{**CRM, "tools": [{"type": "file_search"}]}]).param == "tools[0].tools[0]"


def test_a_choice_names_its_function():
    named = {"type": "function", "function": {"name": "apply_patch"}}
    assert chat(tools=[PATCH], tool_choice={"type": "custom", "name": "apply_patch"})["tool_choice"] == named


def test_allowed_tools_are_the_only_ones():
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "apply_patch"}]}
    body = chat(tools=[LOOK, PATCH], tool_choice=choice)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["apply_patch"]
    assert body["tool_choice"] == "required"


@pytest.mark.parametrize(
    "choice", ["sometimes", {"type": "web_search_preview"}, {"type": "allowed_tools", "mode": "auto", "tools": []}, 7]
)
def test_a_choice_that_cannot_be_said_is_refused(choice):
    assert refusal(tools=[LOOK], tool_choice=choice).param == "tool_choice"


def test_without_tools_nothing_is_said_of_them():
    assert chat(tools=[], tool_choice="auto", parallel_tool_calls=True).keys() == {"model", "messages"}


# ── Everything else ──────────────────────────────────────────────────────────


def test_what_has_a_counterpart_is_said():
    same = {"temperature": 0.5, "top_p": 0.9, "user": "u1", "prompt_cache_key": "k1", "service_tier": "flex"}
    body = chat(
        **same,
        max_output_tokens=99,
        reasoning={"effort": "low", "summary": "auto"},
        text={"verbosity": "low"},
        include=["message.output_text.logprobs", "reasoning.encrypted_content"],
        top_logprobs=2,
        store=False,
        metadata={"a": "b"},
        truncation="auto",
    )
    assert body == {
        "model": "gpt-x",
        "messages": [{"role": "user", "content": "Hello"}],
        **same,
        "max_completion_tokens": 99,
        "reasoning_effort": "low",
        "verbosity": "low",
        "logprobs": True,
        "top_logprobs": 2,
    }


def test_logprobs_may_be_asked_for_without_a_number():
    body = chat(include=["message.output_text.logprobs"])
    assert body["logprobs"] is True
    assert "top_logprobs" not in body


def test_a_stream_asks_for_usage():
    body = chat(stream=True)
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}


def test_formats():
    schema = {"name": "city", "schema": {"type": "object"}, "strict": True}
    assert "response_format" not in chat(text={"format": {"type": "text"}})
    assert chat(text={"format": {"type": "json_object"}})["response_format"] == {"type": "json_object"}
    wanted = chat(text={"format": {"type": "json_schema", **schema}})["response_format"]
    assert wanted == {"type": "json_schema", "json_schema": schema}


@pytest.mark.parametrize("wanted", [{"type": "grammar"}, {"type": "json_schema"}, "json"])
def test_an_unknown_format_is_refused(wanted):
    assert refusal(text={"format": wanted}).param == "text.format"


@pytest.mark.parametrize(
    "fields", [{"previous_response_id": "resp_1"}, {"conversation": "conv_1"}, {"prompt": {"id": "pmpt_1"}}]
)
def test_what_is_stored_elsewhere_is_refused(fields):
    assert refusal(**fields).param == next(iter(fields))


def test_what_a_coding_client_sends():
    body = CONVERSION.chat_payload(
        {
            "model": "gpt-x",
            "instructions": "You write code.",
            "input": [
                {"type": "message", "role": "developer", "content": [text("Only in this folder.")]},
                user(text("<environment>"), text("Fix the bug.")),
                {"type": "reasoning", "id": "rs_1", "summary": [], "content": None, "encrypted_content": "gAAAA"},
                function_call("c1", "shell", '{"command":["ls"]}'),
                output("c1", '{"output":"a.py","metadata":{"exit_code":0}}'),
                {
                    "type": "custom_tool_call",
                    "status": "completed",
                    "call_id": "c2",
                    "name": "apply_patch",
                    "input": "*",
                },
                output("c2", "Done!", "custom_tool_call_output"),
            ],
            "tools": [{"type": "function", "name": "shell", "strict": False, "parameters": {"type": "object"}}, PATCH],
            "tool_choice": "auto",
            "parallel_tool_calls": True,
            "reasoning": {"effort": "medium", "summary": "auto"},
            "store": False,
            "stream": True,
            "include": ["reasoning.encrypted_content"],
            "prompt_cache_key": "k1",
            "client_metadata": {"a": "b"},
        }
    )
    assert [said["role"] for said in body.pop("messages")] == [
        *("system", "system", "user"),
        *("assistant", "tool", "assistant", "tool"),
    ]
    assert [tool["function"]["name"] for tool in body.pop("tools")] == ["shell", "apply_patch"]
    assert body == {
        "model": "gpt-x",
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning_effort": "medium",
        "prompt_cache_key": "k1",
        "stream": True,
        "stream_options": {"include_usage": True},
    }
