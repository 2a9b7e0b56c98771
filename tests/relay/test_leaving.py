"""Callers who hang up: the upstream is told at once and only what was delivered is charged."""

import json
import socket
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import requests

from config.kernel.money import usd
from tests.relay.conftest import chat

pytestmark = pytest.mark.live


@contextmanager
def request_on_a_socket(alice, body, *, receive_buffer=None):
    """A request sent on a bare socket, which is closed at the end of the block."""
    address = urlsplit(alice.base_url)
    content = json.dumps(body).encode()
    head = (
        f"POST {address.path}/chat/completions HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Authorization: Bearer {alice.key}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with socket.socket() as connection:
        connection.settimeout(10)
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.connect((address.hostname, address.port))
        connection.sendall(head.encode() + content)
        yield connection


def hang_up_after(alice, body, *, marker):
    """Send a request on a bare socket, read until `marker` was seen, close the connection."""
    with request_on_a_socket(alice, body) as connection:
        received = b""
        while marker and received.count(marker) < 5:
            received += connection.recv(4096)
        if not marker:
            wait_for(lambda: alice.records)
    return received


def wait_for(condition, *, seconds=60):
    """Poll until the condition holds; returns its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
    return value


def settled(alice):
    return wait_for(lambda: [record for record in alice.records if record.status != "open"])[0]


def stats(sandbox):
    return requests.get(f"{sandbox.removesuffix('/v1')}/stats", timeout=5).json()


def test_leaving_in_the_middle_is_charged_for_what_came(caller_of, sandbox):
    aborted = stats(sandbox)["aborted"]
    alice = caller_of(models=["sandbox-long"])
    hang_up_after(alice, chat("sandbox-long", stream=True), marker=b"data: ")
    record = settled(alice)
    assert (record.status, record.end_reason, record.rule) == ("settled", "client_gone", "delivered")
    assert 0 < record.output_tokens < 100
    assert 0 < record.charge < record.hold
    assert (alice.wallet.balance, alice.wallet.held) == (usd("1") - record.charge, 0)
    wait_for(lambda: stats(sandbox)["aborted"] > aborted)


@pytest.mark.parametrize("stream", [False, True])
def test_leaving_before_the_first_byte_is_free(caller_of, stream):
    alice = caller_of(models=["sandbox-slow"])
    hang_up_after(alice, chat("sandbox-slow", stream=stream), marker=None)
    record = settled(alice)
    assert (record.status, record.end_reason, record.charge) == ("failed", "client_gone", 0)
    assert (alice.wallet.balance, alice.wallet.held) == (usd("1"), 0)
