"""A serving process killed or stopped in the middle of a stream: every request has its row, the wallet adds up."""

import os
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from time import monotonic

import pytest
import requests
from django.conf import settings
from django.utils import timezone

from billing.lots import sweep_expired
from billing.models import UsageRecord
from config.kernel.money import usd
from tests.factories import make_channel, make_group, make_price, make_user
from tests.live import database_url
from tests.relay.conftest import Caller, chat
from tests.relay.test_leaving import wait_for
from tokens.services import issue_token

pytestmark = [pytest.mark.money, pytest.mark.live]


@pytest.fixture
def process(transactional_db, tmp_path):
    """Start serving processes on the test database; whatever still runs at the end is killed."""
    started = []

    def start(application="config.asgi:application", **variables):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "KEY_PEPPER": settings.KEY_PEPPER.hex(),
            "SEALING_KEY": settings.SEALING_KEY.hex(),
            "VAR_DIR": str(tmp_path),
            **variables,
        }
        command = [sys.executable, "-m", "uvicorn", application, "--port", str(port)]
        options = ["--log-level", "warning", "--timeout-graceful-shutdown", "5", "--no-proxy-headers"]
        child = subprocess.Popen([*command, *options], env=environment, cwd=settings.BASE_DIR)
        started.append(child)
        wait_for(lambda: _answers(port))
        return child, f"http://127.0.0.1:{port}/v1"

    yield start
    for child in started:
        child.kill()
        child.wait()


def _answers(port):
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=2).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


@pytest.fixture
def alice(transactional_db, sandbox):
    for model in ("sandbox-long", "sandbox-mini"):
        make_price(model, input="1", output="2")
    make_channel(sandbox, models=["sandbox-long", "sandbox-mini"])
    user = make_user("alice@example.com", balance="1")
    issued = issue_token(user=user, name="test key", group=make_group())
    return Caller("", user, issued.token, issued.plain_key)


def open_stream(alice, *, model="sandbox-long", **fields):
    """A running stream of which at least one piece has arrived."""
    headers = {"Authorization": f"Bearer {alice.key}"}
    url = f"{alice.base_url}/chat/completions"
    response = requests.post(url, json=chat(model, stream=True, **fields), headers=headers, stream=True, timeout=60)
    pieces = response.iter_content(None)
    next(pieces)
    return response, pieces


def read_until(pieces, condition):
    for _ in pieces:
        if condition():
            return


def read_for(pieces, seconds):
    end = monotonic() + seconds
    for _ in pieces:
        if monotonic() > end:
            return


def test_kill_9_in_the_middle_of_a_stream(process, alice):
    child, alice.base_url = process()
    response, pieces = open_stream(alice)
    read_until(pieces, lambda: alice.records[0].output_tokens)  # a heartbeat has been written
    child.send_signal(signal.SIGKILL)
    child.wait()
    response.close()
    (record,) = alice.records
    assert (record.status, alice.wallet.held) == ("open", record.hold)
    _, alice.base_url = process()
    UsageRecord.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert sweep_expired() == 1
    (record,) = alice.records
    assert (record.status, record.end_reason, record.rule) == ("abandoned", "crashed", "delivered")
    assert 0 < record.charge < record.hold
    assert (alice.wallet.balance, alice.wallet.held) == (usd("1") - record.charge, 0)
    assert requests.get(f"{alice.base_url}/models", headers={"Authorization": f"Bearer {alice.key}"}, timeout=5).ok


def test_a_stop_ends_a_long_stream_with_an_error_and_settles_it(process, alice):
    child, alice.base_url = process(RELAY_DRAIN_SECONDS="0.5")
    response, pieces = open_stream(alice)
    read_for(pieces, 0.5)
    child.terminate()
    rest = b"".join(pieces).decode()
    response.close()
    assert child.wait(timeout=30) in (0, -signal.SIGTERM)
    assert "server_restarting" in rest.rsplit("data: ", 1)[-1]
    assert "[DONE]" not in rest
    (record,) = alice.records
    assert (record.status, record.end_reason, record.rule) == ("failed", "shutdown", "delivered")
    assert 0 < record.charge < record.hold
    assert (alice.wallet.balance, alice.wallet.held) == (usd("1") - record.charge, 0)


def test_a_stop_lets_a_short_stream_finish(process, alice):
    child, alice.base_url = process(RELAY_DRAIN_SECONDS="20")
    response, pieces = open_stream(alice, model="sandbox-mini")
    child.terminate()
    assert b"".join(pieces).decode().endswith("data: [DONE]\n\n")
    response.close()
    child.wait(timeout=30)
    (record,) = alice.records
    assert (record.status, record.rule) == ("settled", "reported")
