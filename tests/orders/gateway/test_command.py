"""The command that runs the gateway."""

import json
import re
import signal
import socket
import stat
import subprocess
import sys

import pytest

from tests.orders.gateway.calls import Merchants
from tests.orders.gateway.server import ROOT, running_gateway


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_what_and_where_it_is_and_leaves_quietly(number):
    with running_gateway() as gateway:
        assert re.fullmatch(r"local payment gateway, a development tool .* http://127\.0\.0\.1:\d+", gateway.line)
        gateway.get("/")

        assert gateway.stop(number) == (0, "")


def test_an_answer_that_never_comes_does_not_keep_it_alive():
    with running_gateway() as gateway:
        gateway.control("/faults", on="create", kind="hang")
        host, port = gateway.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"POST /mapi.php HTTP/1.1\r\nHost: gateway\r\nContent-Length: 0\r\n\r\n")
            while gateway.get("/control/faults").json()["faults"]:
                pass

            assert gateway.stop() == (0, "")


def test_a_port_in_use_is_a_clear_error():
    with running_gateway() as gateway:
        port = gateway.url.rsplit(":", 1)[1]
        command = [sys.executable, "-m", "orders.gateway", "--port", port]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)

    assert second.returncode == 1
    assert second.stderr.startswith(f"The gateway cannot listen on 127.0.0.1:{port}: ")


def test_a_file_keeps_the_merchants_over_a_restart(tmp_path):
    path = tmp_path / "gateway.json"

    def merchants():
        with running_gateway("--merchants", str(path)) as gateway:
            return gateway.get("/control/merchants").json()

    first = merchants()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == first == merchants()


def test_a_file_of_ones_own(tmp_path):
    path = tmp_path / "gateway.json"
    shop = {"protocol": "stripe", "name": "A", "key": "sk_test_a", "webhook_secret": "whsec_a"}
    path.write_text(json.dumps({"merchants": [shop]}))

    with running_gateway("--merchants", str(path), "--stripe-webhook", "http://127.0.0.1:1/hook") as gateway:
        (merchant,) = gateway.get("/control/merchants").json()["merchants"]

    assert merchant == shop | {"webhook_url": "http://127.0.0.1:1/hook"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"merchants": [{"protocol": "cash"}]}', '{"merchants": [{}]}'])
def test_a_bad_file_is_a_clear_error(tmp_path, text):
    path = tmp_path / "gateway.json"
    path.write_text(text)

    command = [sys.executable, "-m", "orders.gateway", "--merchants", str(path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)

    assert run.returncode == 1
    assert run.stderr.startswith(f"{path} does not say who the merchants are")


def test_a_seed_makes_the_same_numbers(calls_to):
    first, second = calls_to("--seed", "7"), calls_to("--seed", "7")

    assert first == second != calls_to("--seed", "8")


@pytest.fixture
def calls_to(shop):
    def number(*options):
        with running_gateway(*options) as gateway:
            return Merchants(gateway, shop).xunhupay_create().json()["openid"][8:]

    return number


def test_it_needs_nothing_of_the_product():
    code = "import sys, orders.gateway.__main__; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = run.stdout.split()

    assert not {"django", "accounts", "tokens", "billing", "relay", "config", "stripe"} & set(loaded)
    assert all(re.match(r"orders(\.gateway(\.|$)|$)", name) for name in loaded if name.split(".")[0] == "orders")
