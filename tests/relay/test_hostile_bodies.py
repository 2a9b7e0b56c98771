"""Bodies that are too long, too deep, not text or not what they seem, and upstreams whose words no database takes."""

import socket
from urllib.parse import urlsplit

import orjson
import pytest
import requests

from relay.openapi import PATHS
from tests.factories import make_price
from tests.relay.conftest import chat
from tests.relay.odd_upstream import Answer, error, odd_upstream
from tests.relay.odd_upstream import chat as answer

LIMIT = 32 * 1024 * 1024
JSON_PATHS = [
    path
    for path, methods in PATHS.items()
    if "post" in methods and "application/json" in methods["post"]["requestBody"]["content"] and "{" not in path
]
MESSAGE_PATHS = ("/messages", "/messages/count_tokens")


def post(alice, raw, path="/chat/completions"):
    headers = {"Authorization": f"Bearer {alice.key}", "Content-Type": "application/json"}
    return requests.post(f"{alice.base_url}{path}", data=raw, headers=headers, timeout=60)


def code_of(response, path="/chat/completions"):
    """The code of an error, or its type in Anthropic's envelope, which has no codes."""
    error = response.json()["error"]
    return error["type"] if path in MESSAGE_PATHS else error["code"]


# ── Long ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [100_000, 30_000_000])
def test_a_long_body_is_answered(caller_of, size):
    alice = caller_of(balance="1000")
    response = alice.post(chat(content="word " * (size // 5), max_tokens=5))
    assert response.status_code == 200, response.text
    assert alice.records[0].status == "settled"


@pytest.mark.parametrize("path", JSON_PATHS)
def test_a_body_that_says_it_is_too_long_is_refused_before_it_comes(caller_of, path):
    alice = caller_of()
    head = f"POST /v1{path} HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer {alice.key}\r\n"
    answer = exchanged(alice, [head.encode() + b"Content-Length: %d\r\n\r\n" % (LIMIT + 1)])
    assert answer.startswith(b"HTTP/1.1 413 ")
    kind = "request_too_large"
    assert kind.encode() in answer
    assert (b'"type":"error"' in answer) is (path in MESSAGE_PATHS)
    assert alice.records == []


def test_a_body_that_is_too_long_without_saying_so_is_not_read_on(caller_of, settings):
    settings.RELAY_MAX_BODY_BYTES = 100_000
    alice = caller_of()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: relay\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%s\r\n" % (60_000, b"x" * 60_000)
    assert exchanged(alice, [head, chunk, chunk]).startswith(b"HTTP/1.1 413 ")


def exchanged(alice, pieces):
    """What comes back, to the end of the connection, for a request that never ends."""
    address = urlsplit(alice.base_url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        for piece in pieces:
            connection.sendall(piece)
        received = b""
        while piece := connection.recv(65_536):  # a server that reads on does not close, and this times out
            received += piece
    return received


# ── Deep, odd, doubled ───────────────────────────────────────────────────────


@pytest.mark.parametrize("path", JSON_PATHS)
@pytest.mark.parametrize(
    "raw",
    [
        b'{"model":"sandbox-mini","messages":[{"role":"user","content":' + b"[" * 100_000,
        b'{"model":"sandbox-mini","input":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
        b'{"model":"sandbox-mini","messages":[{"role":"user","content":"\xff\xfe"}]}',
        b'{"model":"sandbox-mini","prompt":"\\ud800"}',
        b'{"model":"sandbox-mini","max_tokens":NaN}',
        b"\x00",
    ],
    ids=["deep lists", "deep objects", "no UTF-8", "half a surrogate pair", "NaN", "NUL"],
)
def test_what_is_no_proper_json_is_refused(caller_of, path, raw):
    alice = caller_of()
    response = post(alice, raw, path)
    assert response.status_code == 400
    assert code_of(response, path) == ("invalid_request_error" if path in MESSAGE_PATHS else "invalid_json")
    assert alice.records == []


@pytest.mark.parametrize("depth", [200, 300, 1000])
def test_deep_json_is_passed_on_or_refused(caller_of, depth):
    alice = caller_of()
    nested = b'{"a":' * depth + b"1" + b"}" * depth
    response = post(alice, b'{"model":"sandbox-mini","messages":[{"role":"user","content":"x"}],"x":%s}' % nested)
    assert response.status_code == (200 if depth == 200 else 400)
    assert alice.wallet.held == 0


@pytest.mark.parametrize("number", [10**18, 10**30, 10**400, -1, 0, 1.5, 1e308])
@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens", "n"])
def test_numbers_that_no_hold_can_be_made_from_are_refused(caller_of, field, number):
    alice = caller_of()
    raw = b'{"model":"sandbox-mini","messages":[{"role":"user","content":"x"}],"%s":%s}'
    response = post(alice, raw % (field.encode(), str(number).encode()))
    assert response.status_code == 400
    assert alice.records == []


def test_a_field_said_twice_goes_up_once(caller_of):
    with odd_upstream(chat=answer()) as upstream:
        make_price("cheap")
        alice = caller_of(models=(), channels=[{"base_url": upstream.base_url, "models": ["cheap"]}])
        raw = b'{"model":"dear","mod\\u0065l":"dearer","messages":[{"role":"user","content":"x"}],"model":"cheap"}'
        assert post(alice, raw).status_code == 200
        ((_path, _headers, body),) = upstream.asked
    assert body["model"] == "cheap"
    assert alice.records[0].model == "cheap"


@pytest.mark.parametrize("twin", ["Model", "MAX_TOKENS", "\u017ftream", "N"])
def test_a_priced_field_in_other_letters_is_refused(caller_of, twin):
    alice = caller_of()
    response = alice.post({**chat(), twin: 1})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == twin.casefold()


# ── NUL ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", JSON_PATHS)
def test_a_nul_in_every_text_breaks_nothing(caller_of, path):
    alice = caller_of()
    body = {**chat("sandbox-mini\0", "a\0b"), "prompt": "a\0b", "input": "a\0b", "user": "\0", "max_tokens": 5}
    body |= {"query": "\0", "documents": ["\0"], "metadata": {"user_id": "\0"}}
    assert post(alice, orjson.dumps(body), path).status_code == (200 if path == "/messages/count_tokens" else 404)
    response = post(alice, orjson.dumps({**body, "model": "sandbox-mini"}), path)
    assert response.status_code < 500, response.text
    assert alice.wallet.held == 0


@pytest.mark.parametrize("path", ["/models/%00", "/ai/%00/models", "/%00", "/models/sandbox-mini?x=%00"])
def test_a_nul_in_an_address_breaks_nothing(caller_of, path):
    assert caller_of().get(path).status_code in (200, 404)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "words",
    [
        error(500, "bad \0 thing", code="a\0b"),
        error(400, "bad \0 thing", code="a\0b", param="x\0"),
        error(400, "bad", code="c" * 5000, param="p" * 5000),
        error(401, "\0" * 5000, code="\0"),
        Answer(b'{"error":{"message":"\\u0000","code":null}}', status=500),
        Answer({"error": {"message": "bad \0 thing"}}, headers={"Content-Type": "application/json"}),
    ],
)
def test_what_an_upstream_says_is_always_recorded(caller_of, words, stream):
    with odd_upstream(chat=words) as upstream:
        make_price("m")
        alice = caller_of(models=(), channels=[{"base_url": upstream.base_url, "models": ["m"]}])
        response = alice.post(chat("m", stream=stream))
    assert response.status_code in (400, 502)
    (record,) = alice.records
    assert (record.status, record.charge, alice.wallet.held) == ("failed", 0, 0)
