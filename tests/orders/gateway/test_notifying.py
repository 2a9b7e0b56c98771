"""Merchants are told until they acknowledge, and only where they may be."""

import time

import pytest

from tests.orders.gateway.calls import Merchants
from tests.orders.gateway.server import running_gateway

PATIENCE_S = 10


def message_in(gateway, state):
    """The only message, once it is in this state."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        (message,) = gateway.get("/control/messages").json()["messages"]
        if message["state"] == state or time.monotonic() > deadline:
            assert message["state"] == state
            return message
        time.sleep(0.02)


@pytest.mark.parametrize("create", ["xunhupay_create", "epay_create"])
def test_only_the_exact_word_is_an_acknowledgement(calls, gateway, shop, create):
    no = [(500, b"success"), (200, b"fail"), (200, b"SUCCESS"), (200, b"success\n"), (302, b"success")]
    shop.answers = list(no)
    getattr(calls, create)("TOP1")
    gateway.control(f"/payments/{gateway.payment('TOP1')['id']}/pay")

    told = shop.wait_for(6)

    message = message_in(gateway, "read")
    assert [answer["acknowledged"] for answer in message["answers"]] == [False] * 5 + [True]
    assert len({(one.method, one.path, one.query, one.body) for one in told}) == 1


def test_stripe_wants_any_status_of_success(calls, gateway, shop):
    shop.answers = [(400, b""), (302, b""), (500, b""), (204, b"")]

    gateway.control(f"/payments/{calls.stripe_create().json()['id']}/pay")

    assert len(shop.wait_for(4)) == 4
    assert [answer["status"] for answer in message_in(gateway, "read")["answers"]] == [400, 302, 500, 204]


def test_it_gives_up_in_the_end(calls, gateway, shop):
    shop.answers = [(500, b"")] * 20

    calls.pay(calls.xunhupay_create().json()["url"])

    assert len(message_in(gateway, "given-up")["answers"]) == 7


def test_a_shop_that_is_away_is_told_later(calls, gateway, shop):
    away = calls.xunhupay_create("TOP1", notify_url="http://127.0.0.1:9/notify")
    calls.pay(away.json()["url"])

    assert "ClientConnector" in message_in(gateway, "given-up")["answers"][0]["error"]


@pytest.mark.parametrize(
    "url",
    ["http://shop.example/notify", "http://10.0.0.1/notify", "ftp://127.0.0.1/notify", "http://127.0.0.1.example/"],
)
def test_other_machines_are_not_told(calls, gateway, url):
    calls.pay(calls.xunhupay_create("TOP1", notify_url=url).json()["url"])

    (answer,) = message_in(gateway, "forbidden")["answers"]
    assert "--allow-notify" in answer["error"]


def test_a_named_host_is_told(shop):
    url = f"http://localhost.localdomain:{shop.url.rsplit(':', 1)[1]}/notify"
    with running_gateway("--allow-notify", "localhost.localdomain") as gateway:
        Merchants(gateway, shop).xunhupay_create("TOP1", notify_url=url)
        gateway.control(f"/payments/{gateway.payment('TOP1')['id']}/pay")

        (message,) = gateway.get("/control/messages").json()["messages"]

    assert message["state"] != "forbidden"
