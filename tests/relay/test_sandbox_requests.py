"""What the sandbox refuses, and how it says so."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.relay.sandbox_server import SandboxServer, post, read_to_end, running_sandbox

USER = {"role": "user", "content": "Hi"}
GOOD = {"model": "sandbox-mini", "messages": [USER]}
TOOL = {"type": "function", "function": {"name": "clock"}}


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with running_sandbox() as running:
        yield running


def answer(server: SandboxServer, payload: Any, key: str | None = "any") -> tuple[int, dict[str, Any]]:
    head, _, body = read_to_end(post(server, payload, key=key)).partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def refusal(server: SandboxServer, payload: Any) -> dict[str, Any]:
    status, body = answer(server, payload)
    assert status == 400
    assert body["error"].keys() == {"message", "type", "param", "code"}
    assert body["error"]["type"] == "invalid_request_error"
    error: dict[str, Any] = body["error"]
    return error


@pytest.mark.parametrize("body", [b"", b"{", b'"text"', b"[1]", b'{"a":NaN}', b"\xff", b"[" * 2000])
def test_bodies_that_are_no_json_object(server: SandboxServer, body: bytes) -> None:
    assert refusal(server, body)["code"] == "invalid_json"


def test_json_that_could_not_be_repeated(server: SandboxServer) -> None:
    assert refusal(server, b'{"a":' * 500 + b"1" + b"}" * 500)["code"] == "invalid_json"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 7}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": ["Hi"]}, "messages[0]"),
        ({"messages": [{"content": "Hi"}]}, "messages[0].role"),
        ({"messages": [USER, {"role": "robot", "content": "Hi"}]}, "messages[1].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "smell"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].image_url"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_completion_tokens": "9"}, "max_completion_tokens"),
        ({"n": 0}, "n"),
        ({"n": 5}, "n"),
        ({"stop": 7}, "stop"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"stop": [7]}, "stop"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "hammer"}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": "maybe"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "saw"}}}, "tool_choice"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
            "response_format.json_schema.schema",
        ),
    ],
)
def test_fields_that_are_missing_or_wrong(server: SandboxServer, changes: dict[str, Any], param: str) -> None:
    error = refusal(server, {**GOOD, **changes})

    assert error["param"] == param
    assert param in error["message"]


def test_null_is_the_same_as_missing(server: SandboxServer) -> None:
    nothing = dict.fromkeys(["stream", "stream_options", "max_tokens", "n", "stop", "tools", "tool_choice"])

    assert answer(server, {**GOOD, **nothing, "response_format": None})[0] == 200


def test_fields_nobody_knows_are_no_reason_to_refuse(server: SandboxServer) -> None:
    status, body = answer(server, {**GOOD, "seed": 424242, "temperature": 0.3, "x_own": {"a": 1}})

    assert status == 200
    assert "424242" not in json.dumps(body)


def test_a_model_that_does_not_exist(server: SandboxServer) -> None:
    status, body = answer(server, {**GOOD, "model": "gpt-nobody-has"})

    assert status == 404
    assert body["error"]["code"] == "model_not_found"
    assert body["error"]["param"] == "model"


@pytest.mark.parametrize(("key", "status"), [("any", 200), ("", 401), (" ", 401), (None, 401)])
def test_some_key_is_needed(server: SandboxServer, key: str | None, status: int) -> None:
    got, body = answer(server, GOOD, key)

    assert got == status
    assert status == 200 or body["error"]["code"] == "invalid_api_key"


def test_exactly_the_configured_key_is_needed() -> None:
    with running_sandbox({"SANDBOX_KEY": "sesame"}) as server:
        statuses = [answer(server, GOOD, key)[0] for key in ("sesame", "Sesame", "sesam", "sésame", None)]

    assert statuses == [200, 401, 401, 401, 401]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/stats", 200),
        ("GET", "/v1/models", 401),
        ("GET", "/v1/chat/completions", 404),
        ("POST", "/v1/completions", 404),
        ("POST", "/chat/completions", 404),
        ("GET", "/", 404),
    ],
)
def test_paths(server: SandboxServer, method: str, path: str, status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path)
    response = connection.getresponse()
    body = json.load(response)
    connection.close()

    assert response.status == status
    assert ("error" in body) == (status != 200)
