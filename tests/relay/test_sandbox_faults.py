"""Every fault of the sandbox, seen from the wire: the bytes, the end of the connection, the counters."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import APIStatusError, OpenAI

from relay.sandbox.behaviours import BEHAVIOURS, UPSTREAM_ACCOUNT, UPSTREAM_KEY
from tests.relay.sandbox_server import SandboxServer, post, read_to_end, running_sandbox

MESSAGES = [{"role": "user", "content": "Hello, world!"}]
LAST_CHUNK = b"\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with running_sandbox() as running:
        yield running


def request(fault: str, **options: Any) -> dict[str, Any]:
    return {"model": f"sandbox-{fault}", "messages": MESSAGES, **options}


def exchange(server: SandboxServer, fault: str, **options: Any) -> tuple[bytes, bytes]:
    """Head and raw body of the answer, read until the server closes the connection."""
    head, _, body = read_to_end(post(server, request(fault, **options))).partition(b"\r\n\r\n")
    return head, body


def events(body: bytes) -> list[Any]:
    """The JSON of all events but [DONE] in a chunked body."""
    lines = [line.removeprefix(b"data: ") for line in body.splitlines() if line.startswith(b"data: {")]
    return [json.loads(line) for line in lines]


def words(body: bytes) -> list[str]:
    deltas = [choice["delta"] for event in events(body) for choice in event.get("choices", [])]
    return [delta["content"] for delta in deltas if delta.get("content")]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 429, 500, 503])
def test_error_statuses(server: SandboxServer, status: int, stream: bool) -> None:
    sdk = OpenAI(base_url=server.base_url, api_key="any", max_retries=0)
    with sdk as client, pytest.raises(APIStatusError) as error:
        client.chat.completions.create(**request(f"error-{status}", stream=stream))

    assert error.value.status_code == status
    assert isinstance(error.value.body, dict)
    assert error.value.body.keys() == {"message", "type", "param", "code"}
    assert error.value.response.headers.get("retry-after") == ("7" if status == 429 else None)


def test_the_401_gives_away_what_must_not_be_passed_on(server: SandboxServer) -> None:
    head, body = exchange(server, "error-401")

    assert UPSTREAM_KEY.encode() in body
    assert UPSTREAM_ACCOUNT.encode() in body
    assert UPSTREAM_ACCOUNT.encode() in head


def test_cut_breaks_the_connection_inside_the_body(server: SandboxServer) -> None:
    head, body = exchange(server, "cut", stream=True)

    assert head.startswith(b"HTTP/1.1 200")
    assert len(words(body)) == 5
    assert not body.endswith(LAST_CHUNK)
    assert b"[DONE]" not in body


def test_cut_without_a_stream_leaves_half_a_body(server: SandboxServer) -> None:
    head, body = exchange(server, "cut")

    promised = next(line for line in head.lower().splitlines() if line.startswith(b"content-length: "))
    assert 0 < len(body) < int(promised.split()[1])


def test_eof_ends_cleanly_without_an_ending(server: SandboxServer) -> None:
    _, body = exchange(server, "eof", stream=True, stream_options={"include_usage": True})

    assert len(words(body)) == 5
    assert body.endswith(LAST_CHUNK)
    assert b"[DONE]" not in body
    assert {choice["finish_reason"] for event in events(body) for choice in event["choices"]} == {None}
    assert all(event["usage"] is None for event in events(body))


def test_eof_without_a_stream_has_no_finish_reason(server: SandboxServer) -> None:
    answer = json.loads(exchange(server, "eof")[1])

    assert answer["choices"][0]["finish_reason"] is None
    assert "usage" not in answer


def test_error_stream_starts_with_the_error(server: SandboxServer) -> None:
    head, body = exchange(server, "error-stream", stream=True)

    assert head.startswith(b"HTTP/1.1 200")
    assert b"text/event-stream" in head
    assert [event["error"]["code"] for event in events(body)] == ["sandbox_breakdown"]
    assert b"[DONE]" not in body


def test_error_midstream_follows_five_tokens(server: SandboxServer) -> None:
    _, body = exchange(server, "error-midstream", stream=True)

    assert len(words(body)) == 5
    assert "error" in events(body)[-1]
    assert b"[DONE]" not in body


@pytest.mark.parametrize("fault", ["error-stream", "error-midstream"])
def test_stream_errors_without_a_stream_are_error_objects_with_status_200(server: SandboxServer, fault: str) -> None:
    head, body = exchange(server, fault)

    assert head.startswith(b"HTTP/1.1 200")
    assert json.loads(body).keys() == {"error"}


def test_no_usage(server: SandboxServer) -> None:
    _, body = exchange(server, "no-usage", stream=True, stream_options={"include_usage": True}, max_tokens=2)

    assert all(event["choices"] and event["usage"] is None for event in events(body))
    assert b"data: [DONE]" in body
    assert "usage" not in json.loads(exchange(server, "no-usage")[1])


def test_bad_usage(server: SandboxServer) -> None:
    _, body = exchange(server, "bad-usage", stream=True, stream_options={"include_usage": True}, max_tokens=2)
    usage = json.loads(exchange(server, "bad-usage")[1])["usage"]

    assert events(body)[-1]["usage"] == usage
    assert usage["prompt_tokens"] < 0
    assert usage["completion_tokens"] == 10**12
    assert isinstance(usage["total_tokens"], str)


@pytest.mark.parametrize("stream", [False, True])
def test_html(server: SandboxServer, stream: bool) -> None:
    head, body = exchange(server, "html", stream=stream)

    assert head.startswith(b"HTTP/1.1 200")
    assert b"content-type: text/html" in head.lower()
    assert body.startswith(b"<!doctype html>")


def test_badjson(server: SandboxServer) -> None:
    _, body = exchange(server, "badjson")
    _, streamed = exchange(server, "badjson", stream=True)

    with pytest.raises(json.JSONDecodeError):
        json.loads(body)
    with pytest.raises(json.JSONDecodeError):
        events(streamed)


def test_empty(server: SandboxServer) -> None:
    answer = json.loads(exchange(server, "empty")[1])
    _, streamed = exchange(server, "empty", stream=True)

    assert answer["choices"] == []
    assert answer["usage"]["completion_tokens"] == 0
    assert [event["choices"] for event in events(streamed)] == [[]]
    assert b"data: [DONE]" in streamed


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["hang", "stall"])
def test_silence_lasts_until_the_client_leaves(server: SandboxServer, fault: str, stream: bool) -> None:
    before = server.wait_for(open=0)

    connection = post(server, request(fault, stream=stream))
    waiting = server.wait_for(open=1, requests=before["requests"] + 1)
    if fault == "stall":
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    connection.close()

    after = server.wait_for(open=0)
    assert waiting["open"] == 1
    assert after["aborted"] == before["aborted"] + 1
    assert after["completed"] == before["completed"]


def test_a_stalled_stream_has_brought_five_tokens(server: SandboxServer) -> None:
    received = b""
    with post(server, request("stall", stream=True)) as connection:
        while len(words(received)) < 5:
            data = connection.recv(65536)
            assert data, "the server closed a stream that it was to stall"
            received += data

    assert len(words(received)) == 5
    assert server.wait_for(open=0)["open"] == 0


def test_faults_are_counted_as_failed(server: SandboxServer) -> None:
    before = server.wait_for(open=0)

    for fault in ("error-500", "cut", "eof", "html", "empty"):
        exchange(server, fault)
    exchange(server, "no-usage")

    after = server.wait_for(requests=before["requests"] + 6, open=0)
    assert after["failed"] == before["failed"] + 5
    assert after["completed"] == before["completed"] + 1


def test_the_pace_of_the_slow_models() -> None:
    slow, long = BEHAVIOURS["sandbox-slow"], BEHAVIOURS["sandbox-long"]

    assert (slow.first_byte_delay, slow.chunk_delay, slow.answer_tokens) == (2.0, 0.2, 100)
    assert (long.first_byte_delay, long.chunk_delay, long.answer_tokens) == (0.0, 0.05, 600)
