"""Calls that go wrong to order, once unless said otherwise."""

from dataclasses import replace

import pytest

from tests.orders.gateway.calls import Merchants
from tests.orders.gateway.signatures import md5_of


def order(gateway, on, kind, **more):
    gateway.control("/faults", on=on, kind=kind, **more)


@pytest.mark.parametrize(("kind", "status"), [("error", 500), ("down", 503), ("html", 200), ("redirect", 303)])
@pytest.mark.parametrize("create", ["xunhupay_create", "epay_create", "epay_v2_create", "stripe_create"])
def test_the_next_create_breaks_and_does_nothing(calls, gateway, create, kind, status):
    order(gateway, "create", kind)

    broken = getattr(calls, create)("TOP1")

    assert (broken.status, broken.headers["content-type"] == "application/json") == (status, False)
    assert gateway.get("/control/payments").json()["payments"] == []
    assert getattr(calls, create)("TOP1").headers["content-type"] == "application/json"


@pytest.mark.parametrize("create", ["xunhupay_create", "epay_create", "epay_v2_create", "stripe_create"])
def test_a_refusal_in_the_words_of_the_protocol(calls, gateway, create):
    order(gateway, "create", "refuse")

    said = getattr(calls, create)("TOP1").json()

    assert "as ordered" in (said.get("errmsg") or said.get("msg") or said["error"]["message"])


@pytest.mark.parametrize("create", ["xunhupay_create", "stripe_create"])
def test_a_time_out_after_the_payment_was_made(gateway, shop, create):
    key = {"Idempotency_Key": "attempt:1"} if create == "stripe_create" else {}
    order(gateway, "create", "timeout")

    with pytest.raises(TimeoutError):
        getattr(Merchants(replace(gateway, patience=1.5), shop), create)("TOP1", **key)

    made = gateway.payment("TOP1")
    assert getattr(Merchants(gateway, shop), create)("TOP1", **key).status == 200
    assert gateway.payment("TOP1")["id"] == made["id"]


def test_a_time_out_before_anything_was_done(gateway, shop):
    order(gateway, "create", "hang")

    with pytest.raises(TimeoutError):
        Merchants(replace(gateway, patience=1.5), shop).epay_create()

    assert gateway.get("/control/payments").json()["payments"] == []


def test_a_wrong_hash_of_the_answer(calls, gateway):
    order(gateway, "create", "wrong-hash")

    made = calls.xunhupay_create().json()

    assert made["hash"] != md5_of(made, gateway.merchant("xunhupay")["secret"])
    assert made["errcode"] == 0


@pytest.mark.parametrize(
    ("create", "field"),
    [("xunhupay_create", "url"), ("epay_create", "payurl"), ("epay_v2_create", "pay_info"), ("stripe_create", "url")],
)
def test_an_address_of_a_foreign_host(calls, gateway, create, field):
    order(gateway, "create", "foreign-host")

    assert getattr(calls, create)().json()[field].startswith("https://pay.elsewhere.example/")


def test_told_before_the_answer(calls, gateway, shop):
    order(gateway, "create", "pay-first")

    made = calls.xunhupay_create("TOP1").json()

    assert [told.fields["open_order_id"] for told in shop.told] == [made["openid"]]


def test_a_query_that_has_not_heard_of_it_yet(calls, gateway):
    calls.pay(calls.xunhupay_create("TOP1").json()["url"])
    order(gateway, "query", "unpaid")

    states = [calls.xunhupay("/payment/query.html", out_trade_order="TOP1").json()["data"]["status"] for _ in range(2)]

    assert states == ["WP", "OD"]


def test_a_fault_is_for_one_protocol_and_so_many_times(calls, gateway):
    order(gateway, "create", "down", protocol="epay", times=2)

    statuses = [calls.xunhupay_create().status, *(calls.epay_create().status for _ in range(3))]

    assert statuses == [200, 503, 503, 200]


def test_faults_can_be_called_off(calls, gateway):
    order(gateway, "create", "down", times=None)

    broken = calls.epay_create().status
    gateway.request("DELETE", "/control/faults")

    assert (broken, calls.epay_create().status) == (503, 200)
