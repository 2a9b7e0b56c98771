"""The command that runs the sandbox."""

import re
import signal
import subprocess
import sys

import pytest

from tests.relay.sandbox_server import ROOT, post, running_sandbox

HANGING = {"model": "sandbox-hang", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_leaves_quietly(number: signal.Signals) -> None:
    with running_sandbox() as server:
        assert re.fullmatch(r"sandbox upstream on http://127\.0\.0\.1:\d+/v1", server.line)
        server.stats()

        assert server.stop(number) == (0, "")


def test_an_open_request_does_not_keep_it_alive() -> None:
    with running_sandbox() as server, post(server, HANGING):
        server.wait_for(open=1)

        assert server.stop() == (0, "")


def test_a_port_in_use_is_a_clear_error() -> None:
    with running_sandbox() as server:
        command = [sys.executable, "-m", "relay.sandbox", "--port", str(server.port)]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10)

    assert second.returncode == 1
    assert second.stderr.startswith(f"The sandbox cannot listen on 127.0.0.1:{server.port}: ")


def test_it_needs_nothing_of_the_product() -> None:
    code = "import sys, relay.sandbox.app; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = run.stdout.split()

    assert "django" not in loaded
    assert {name for name in loaded if name.startswith("relay.")} == {
        name for name in loaded if re.match(r"relay\.sandbox(\.|$)", name)
    }
    assert not {"accounts", "tokens", "billing", "orders", "config"} & set(loaded)
