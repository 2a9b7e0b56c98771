"""What a channel that speaks Messages itself is sent otherwise than the caller wrote it."""

import orjson
import pytest

from relay.dialects.messages import MESSAGES, parse

OURS = {"type": "thinking", "thinking": "Hm.", "signature": ""}
THEIRS = {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"}
TEXT = {"type": "text", "text": "Hello"}
CALL = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}


def turn(role, *content):
    return {"role": role, "content": list(content)}


def changes(*messages):
    raw = orjson.dumps({"model": "m", "max_tokens": 9, "messages": messages})
    return MESSAGES.adjust(parse(raw))


def test_thoughts_that_nobody_signed_are_left_out():
    asked, result = {"role": "user", "content": "Hi"}, turn("user", {"type": "tool_result", "tool_use_id": "t1"})
    sent = changes(asked, turn("assistant", OURS, TEXT, CALL), result)
    assert sent == {"messages": [asked, turn("assistant", TEXT, CALL), result]}


def test_a_turn_of_nothing_else_is_left_out():
    asked, again = turn("user", TEXT), turn("user", TEXT)
    unsigned = {"type": "thinking", "thinking": "Hm."}
    assert changes(asked, turn("assistant", unsigned), again) == {"messages": [asked, again]}


def test_signed_thoughts_stay_where_they_are():
    assert changes(turn("user", TEXT), turn("assistant", THEIRS, CALL)) == {}
    assert changes({"role": "user", "content": "Hi"}) == {}


@pytest.mark.parametrize(
    ("asked", "passed"),
    [
        ("context-management-2025-06-27", "context-management-2025-06-27"),
        (
            "claude-code-20250219, redact-thinking-2026-02-12",
            "claude-code-20250219,redact-thinking-2026-02-12",
        ),
        ("fast-mode-2026-02-01,context-1m-2025-08-07,effort-2025-11-24", "effort-2025-11-24"),
        ("oauth-2025-04-20", None),
        ("effort-\x7f", None),
        ("", None),
    ],
)
def test_betas_pass_unless_they_cost(asked, passed):
    assert MESSAGES.headers({"anthropic-beta": asked, "x-app": "cli"}) == ({"anthropic-beta": passed} if passed else {})


def test_nothing_is_made_up():
    assert MESSAGES.headers({}) == {}
