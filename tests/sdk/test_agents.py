"""Claude Code and Codex work against any channel: their requests, as they send them, converted and passed through."""

import pytest

from tests.relay.dialects.wire import events_of
from tests.sdk import answers
from tests.sdk.agents import CLAUDE_CODE_HEADERS, CODEX_HEADERS, claude_code, codex, tool_round
from tests.sdk.conftest import bill, priced
from tests.sdk.upstream import streamed, whole

pytestmark = pytest.mark.live

OURS = {"type": "thinking", "thinking": "I read it first.", "signature": ""}
EDIT = {"file_path": "/src/hello.py", "old_string": "Helo", "new_string": "Hello"}


def sent(alice, path, body, headers):
    """What came back, as events by name."""
    response = alice.post(body, path=path, headers={**headers, "Authorization": f"Bearer {alice.key}"})
    assert response.status_code == 200, response.text
    return events_of(response.content)


def of(events, kind):
    return [data for name, data in events if name == kind]


# ── Claude Code ──────────────────────────────────────────────────────────────


def edits(alice, body):
    return sent(alice, "/messages?beta=true", body, CLAUDE_CODE_HEADERS)


def test_claude_code_on_a_chat_channel(caller_on, upstream):
    alice = caller_on("chat")
    deltas = {"reasoning_content": "A letter."}, {"tool_calls": [answers.call("call_1", "Edit", EDIT, index=0)]}
    upstream.will(streamed(*answers.chat_events(*deltas, finish="tool_calls")))
    events = edits(alice, claude_code("model-x", earlier=tool_round(OURS)))
    opened = [data["content_block"]["type"] for data in of(events, "content_block_start")]
    assert opened == ["thinking", "tool_use"]
    (ended,) = of(events, "message_delta")
    assert ended["delta"]["stop_reason"] == "tool_use"
    assert (ended["usage"]["input_tokens"], ended["usage"]["output_tokens"]) == (20, 7)
    assert bill(alice).charge == priced(bill(alice), input=20, output=7)


def test_what_a_chat_channel_is_asked_by_claude_code(caller_on, upstream):
    alice = caller_on("chat")
    upstream.will(streamed(*answers.chat_events({"content": "Done."})))
    edits(alice, claude_code("model-x", earlier=tool_round(OURS)))
    (asked,) = upstream.asked
    assert [message["role"] for message in asked.body["messages"]] == ["system", "user", "assistant", "tool", "user"]
    assert asked.body["messages"][0]["content"].startswith("You help with code")
    assert asked.body["messages"][2]["tool_calls"][0]["id"] == asked.body["messages"][3]["tool_call_id"] == "toolu_01"
    assert [tool["function"]["name"] for tool in asked.body["tools"]] == ["Bash", "Edit", "Read"]
    assert (asked.body["reasoning_effort"], len(asked.body["user"])) == ("medium", 64)
    assert not {"context_management", "output_config", "metadata", "thinking", "system"} & asked.body.keys()
    assert "anthropic-beta" not in asked.headers


def test_claude_code_in_the_sandbox(caller_of):
    alice = caller_of()
    events = edits(alice, claude_code("sandbox-mini", earlier=tool_round(OURS)))
    assert [data["content_block"]["name"] for data in of(events, "content_block_start")] == ["Edit"]
    assert bill(alice).input_tokens > 2_000


def test_claude_code_on_a_channel_that_speaks_messages(caller_on, upstream):
    alice = caller_on("chat", "messages")
    call = {"type": "tool_use", "id": "toolu_02", "name": "Edit", "input": EDIT}
    upstream.will(streamed(*answers.message_events(answers.THOUGHT, call, stop="tool_use")))
    earlier = tool_round(answers.THOUGHT)
    events = edits(alice, claude_code("model-x", earlier=earlier))
    (asked,) = upstream.asked
    assert asked.body == claude_code("model-x", earlier=earlier)
    assert asked.headers["anthropic-beta"] == CLAUDE_CODE_HEADERS["anthropic-beta"]
    assert not {"x-app", "x-stainless-lang", "anthropic-dangerous-direct-browser-access"} & asked.headers.keys()
    assert of(events, "message_delta")[0]["usage"] == {"output_tokens": 7}
    assert bill(alice).charge == priced(bill(alice), input=20, output=7)


def test_a_session_that_comes_from_a_chat_channel_goes_on(caller_on, upstream):
    alice = caller_on("chat", "messages")
    upstream.will(streamed(*answers.message_events({"type": "text", "text": "Done."})))
    edits(alice, claude_code("model-x", earlier=tool_round(OURS)))
    kinds = [block["type"] for block in upstream.asked[0].body["messages"][1]["content"]]
    assert kinds == ["tool_use"]


def test_claude_codes_first_words(caller_on, upstream):
    """Before a session it asks whether the key works, and counts what it is going to say."""
    alice = caller_on("chat")
    upstream.will(whole(answers.chat({"content": "Hi"}, finish="length")))
    quota = {"model": "model-x", "max_tokens": 1, "messages": [{"role": "user", "content": "quota"}], "metadata": {}}
    response = alice.post(quota, path="/messages?beta=true")
    assert (response.status_code, response.json()["stop_reason"]) == (200, "max_tokens")
    question = {name: claude_code("model-x")[name] for name in ("model", "messages", "system", "tools", "thinking")}
    counted = alice.post(question, path="/messages/count_tokens?beta=true", headers=None)
    assert counted.json()["input_tokens"] > 2_000
    assert bill(alice).charge == priced(bill(alice), input=20, output=7)


# ── Codex ────────────────────────────────────────────────────────────────────


def test_codex_on_a_chat_channel(caller_on, upstream):
    alice = caller_on("chat")
    patch, command = {"input": "*** Begin Patch"}, {"cmd": "python hello.py"}
    calls = [
        answers.call("call_8", "exec_command", command, index=0),
        answers.call("call_9", "apply_patch", patch, index=1),
    ]
    deltas = {"reasoning_content": "A letter."}, {"content": "Now."}, {"tool_calls": calls}
    upstream.will(streamed(*answers.chat_events(*deltas, finish="tool_calls")))
    events = sent(alice, "/responses", codex("model-x"), CODEX_HEADERS)
    (ended,) = of(events, "response.completed")
    output = ended["response"]["output"]
    assert [item["type"] for item in output] == ["reasoning", "message", "function_call", "custom_tool_call"]
    assert (output[2]["arguments"], output[3]["input"]) == ('{"cmd": "python hello.py"}', "*** Begin Patch")
    assert [data["item"] for data in of(events, "response.output_item.done")] == output
    assert bill(alice).charge == priced(bill(alice), input=20, output=7)


def test_what_a_chat_channel_is_asked_by_codex(caller_on, upstream):
    alice = caller_on("chat")
    upstream.will(streamed(*answers.chat_events({"content": "Done."})))
    sent(alice, "/responses", codex("model-x"), CODEX_HEADERS)
    (asked,) = upstream.asked
    roles = [message["role"] for message in asked.body["messages"]]
    assert roles == ["system", "system", "user", "user", "assistant", "tool", "assistant", "tool", "user"]
    names = [tool["function"]["name"] for tool in asked.body["tools"]]
    assert names == ["exec_command", "update_plan", "apply_patch", "view_image"]
    assert (asked.body["reasoning_effort"], asked.body["verbosity"]) == ("medium", "low")
    assert asked.body["prompt_cache_key"] == codex("model-x")["prompt_cache_key"]
    assert not {"include", "store", "client_metadata", "instructions", "text", "reasoning"} & asked.body.keys()
    assert not {"originator", "session_id", "openai-beta"} & asked.headers.keys()


def test_codex_in_the_sandbox(caller_of):
    alice = caller_of()
    events = sent(alice, "/responses", codex("sandbox-mini"), CODEX_HEADERS)
    called = [data["item"]["name"] for data in of(events, "response.output_item.done")]
    assert called == ["exec_command", "apply_patch"]
    assert bill(alice).input_tokens > 2_000


def test_codex_on_a_channel_that_speaks_responses(caller_on, upstream):
    alice = caller_on("chat", "responses")
    events = answers.response_events(answers.said("Done."))
    upstream.will(streamed(*events))
    response = alice.post(codex("model-x"), path="/responses")
    assert response.content == b"".join(events)
    assert upstream.asked[0].body == codex("model-x")
    assert bill(alice).charge == priced(bill(alice), input=20, output=7)
