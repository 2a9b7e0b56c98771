"""Callers who offer to go on in HTTP/2, as Java's client does: the offer may be ignored, the request may not."""

import json
import socket
from time import sleep
from urllib.parse import urlsplit

import pytest

from tests.relay.conftest import chat
from tests.relay.test_leaving import wait_for

pytestmark = pytest.mark.live
OFFER = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQ\r\n"


def asked(alice, *, offer, **fields):
    """Head and body of a chat completion."""
    address, body = urlsplit(alice.base_url), json.dumps(chat(**fields)).encode()
    head = (
        f"POST {address.path}/chat/completions HTTP/1.1\r\nHost: {address.netloc}\r\n{offer}"
        f"Authorization: Bearer {alice.key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode(), body


def connect(alice):
    address = urlsplit(alice.base_url)
    return socket.create_connection((address.hostname, address.port), timeout=5)


def answer_on(connection):
    """The status line and the body of one answer."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split()[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head.split(b"\r\n")[0], json.loads(body)


@pytest.mark.parametrize("pause", [0, 0.2])
def test_the_request_is_answered_in_http_1(caller_of, pause):
    alice = caller_of()
    with connect(alice) as connection:
        for part in asked(alice, offer=OFFER):
            connection.sendall(part)
            sleep(pause)
        status, answer = answer_on(connection)
    assert status == b"HTTP/1.1 200 OK"
    assert answer["choices"]


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_may_come_in_any_framing(caller_of, framing):
    alice = caller_of()
    head, body = asked(alice, offer=OFFER)
    if framing == "chunked":
        head = head[: head.index(b"Content-Length")] + b"Transfer-Encoding: chunked\r\n\r\n"
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    with connect(alice) as connection:
        for byte in range(0, len(head), 50):
            connection.sendall(head[byte : byte + 50])
        connection.sendall(body)
        assert answer_on(connection)[0] == b"HTTP/1.1 200 OK"


def test_so_is_the_next_one_on_the_same_connection(caller_of):
    alice = caller_of()
    with connect(alice) as connection:
        for offer in (OFFER, "", OFFER, ""):
            connection.sendall(b"".join(asked(alice, offer=offer)))
            assert answer_on(connection)[0] == b"HTTP/1.1 200 OK"
    assert len(wait_for(lambda: alice.records)) == 4


def test_the_body_is_no_request_of_its_own(caller_of):
    """However much it looks like one."""
    alice = caller_of()
    hidden = b"".join(asked(alice, offer=""))
    head = f"POST /v1/nothing HTTP/1.1\r\nHost: a\r\n{OFFER}Content-Length: {len(hidden)}\r\n\r\n"
    with connect(alice) as connection:
        connection.sendall(head.encode() + hidden)
        assert answer_on(connection)[0] == b"HTTP/1.1 404 Not Found"
        connection.sendall(b"".join(asked(alice, offer="")))
        assert answer_on(connection)[0] == b"HTTP/1.1 200 OK"
    assert len(wait_for(lambda: alice.records)) == 1


def test_a_tunnel_is_refused(caller_of):
    with connect(caller_of()) as connection:
        connection.sendall(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 Bad Request")
