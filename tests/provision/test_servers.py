"""The servers of a test run answer, and leave nothing behind, however the run ends."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis

from tests.provision import postgres, valkey
from tests.provision.plugin import numbered
from tests.provision.servers import free_port, keep, new_folder

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30


def test_postgres_answers_and_leaves_no_files():
    server = postgres.start()
    with psycopg.connect(server.url.replace("/tollbooth", "/postgres")) as connection:
        (version,) = connection.execute("show server_version_num").fetchone()
        (encoding,) = connection.execute("show server_encoding").fetchone()
    server.stop()
    assert int(version) >= 180000
    assert encoding == "UTF8"
    assert not server.folder.exists()
    assert not postgres.answers(server.url)


def test_valkey_answers_and_leaves_no_files():
    server = valkey.start()
    with redis.Redis.from_url(server.url) as client:
        client.set("greeting", "hello")
        answer = client.get("greeting")
    server.stop()
    assert answer == b"hello"
    assert not server.folder.exists()
    assert not valkey.answers(server.url)


def test_a_server_wants_its_password():
    server = valkey.start()
    try:
        with (
            redis.Redis(port=redis.connection.parse_url(server.url)["port"]) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()
    finally:
        server.stop()


STARTS_ONE_AND_WAITS = """
from tests.provision import valkey
print(valkey.start().folder, flush=True)
input()
"""


def test_a_killed_run_leaves_nothing():
    command = [sys.executable, "-c", STARTS_ONE_AND_WAITS]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        folder = Path(run.stdout.readline().strip())
        assert (folder / "valkey.conf").exists()
        run.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()


def test_a_server_that_ends_by_itself_is_reported_with_its_log(capfd):
    command = ["sh", "-c", "echo no room on the disk; exit 3"]
    with pytest.raises(RuntimeError, match="ended before it answered"), new_folder("tollbooth-broken-") as folder:
        keep(command, folder=folder, user="", answers=lambda: False)
    assert "no room on the disk" in capfd.readouterr().err
    assert not folder.exists()


def test_free_ports_can_be_bound():
    assert 1024 < free_port() < 65536


@pytest.mark.parametrize(
    ("url", "number", "expected"),
    [
        ("redis://127.0.0.1:6379", 0, "redis://127.0.0.1:6379/0"),
        ("redis://:secret@127.0.0.1:6379/2", 3, "redis://:secret@127.0.0.1:6379/5"),
    ],
)
def test_each_worker_has_a_redis_database_of_its_own(url, number, expected):
    assert numbered(url, number) == expected
