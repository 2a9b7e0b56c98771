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
from django.db import connection
from django.utils import timezone

from billing.lots import sweep_expired
from billing.models import UsageRecord
from config.kernel.money import usd
from tests.factories import make_channel, make_group, make_price, make_user
from tests.relay.conftest import Caller, chat
from tests.relay.test_leaving import wait_for
from tokens.services import issue_token

pytestmark = [pytest.mark.money, pytest.mark.live]


def database_url():
    """Where another process finds the test database."""
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    host = str(values["HOST"]).replace("/", "%2F")
    return f"postgres://{values['USER']}:{values['PASSWORD']}@{host}:{values['PORT']}/{values['NAME']}"


@pytest.fixture
def process(transactional_db, tmp_path):
    """Start serving processes on the test database; whatever still runs at the end is killed."""
    started = []

    def start():
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "KEY_PEPPER": settings.KEY_PEPPER.hex(),
            "SEALING_KEY": settings.SEALING_KEY.hex(),
            "VAR_DIR": str(tmp_path),
        }
        command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port)]
        options = ["--log-level", "warning", "--timeout-graceful-shutdown", "1", "--no-proxy-headers"]
        child = subprocess.Popen([*command, *options], env=environment, cwd=settings.BASE_DIR)
        started.append(child)
        wait_for(lambda: _answers(port), seconds=30)
        return child, f"http://127.0.0.1:{port}/v1"

    yield start
    for child in started:
        child.kill()
        child.wait()


def _answers(port):
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=2).ok
    except requests.ConnectionError:
        return False


@pytest.fixture
def alice(transactional_db, sandbox):
    make_price("sandbox-long", input="1", output="2")
    make_channel(sandbox, models=["sandbox-long"])
    user = make_user("alice@example.com", balance="1")
    issued = issue_token(user=user, name="test key", group=make_group())
    return Caller("", user, issued.token, issued.plain_key)


def open_stream(alice):
    """A running stream of which at least one piece has arrived."""
    headers = {"Authorization": f"Bearer {alice.key}"}
    url = f"{alice.base_url}/chat/completions"
    response = requests.post(url, json=chat("sandbox-long", stream=True), headers=headers, stream=True, timeout=60)
    pieces = response.iter_content(None)
    next(pieces)
    return response, pieces


def read_for(pieces, seconds):
    end = monotonic() + seconds
    for _ in pieces:
        if monotonic() > end:
            return


def test_kill_9_in_the_middle_of_a_stream(process, alice):
    child, alice.base_url = process()
    response, pieces = open_stream(alice)
    read_for(pieces, 2.6)  # one heartbeat has been written
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


def test_a_stop_that_cannot_wait_settles_the_stream(process, alice):
    child, alice.base_url = process()
    response, pieces = open_stream(alice)
    read_for(pieces, 0.5)
    child.terminate()
    child.wait(timeout=30)
    response.close()
    (record,) = alice.records
    assert record.status in ("settled", "failed")
    assert record.rule == "delivered"
    assert 0 < record.charge < record.hold
    assert (alice.wallet.balance, alice.wallet.held) == (usd("1") - record.charge, 0)
