"""The socket on which the product listens."""

import os
import shutil
import socket
import subprocess
import sys

import pytest
from django.conf import settings

from config.serving.claims import free_port, listen
from relay.stream import PING_SECONDS

ONLY_LINUX = pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux forgets the vanished")
ALONE = ("unshare", "--net")  # a network of its own, which can be taken away
VANISHING = """
import socket, subprocess, sys, time
from config.serving.claims import listen
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
with listen("127.0.0.1", 5999) as listener, socket.create_connection(("127.0.0.1", 5999)):
    accepted, _ = listener.accept()
    subprocess.run(["ip", "link", "set", "lo", "down"], check=True)
    try:
        while sys.argv[1] == "told":
            accepted.send(b": ping\\n\\n")
            time.sleep(0.1)
        accepted.recv(1)
    except TimeoutError:
        print("forgotten")
"""


@ONLY_LINUX
def test_what_it_accepts_does_not_wait_for_ever(settings):
    settings.RELAY_SLOW_READER_SECONDS = 45.0
    port = free_port(0)
    with listen("127.0.0.1", port) as listener, socket.create_connection(("127.0.0.1", port)):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 45_000
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 22


def test_a_stream_to_nobody_ends_within_45_seconds(settings):
    """The first ping that is not acknowledged leaves at the latest one pause after the caller has vanished."""
    assert PING_SECONDS + settings.RELAY_SLOW_READER_SECONDS <= 45


def test_what_it_accepts_is_sent_at_once():
    port = free_port(0)
    with listen("127.0.0.1", port) as listener, socket.create_connection(("127.0.0.1", port)):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@ONLY_LINUX
@pytest.mark.parametrize("caller", ["told", "waiting"])
def test_a_caller_who_vanished_is_forgotten(caller):
    if not shutil.which("ip") or not _may_be_alone():
        pytest.skip("may not make a network")
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "RELAY_SLOW_READER_SECONDS": "1"}
    command = [*ALONE, sys.executable, "-c", VANISHING, caller]
    done = subprocess.run(command, env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "forgotten", done.stderr


def _may_be_alone():
    return bool(shutil.which(ALONE[0])) and subprocess.run([*ALONE, "true"], capture_output=True).returncode == 0
