"""EPay V1: create, pay, be told, ask, refund."""

from urllib.parse import parse_qsl, urlsplit

from tests.orders.gateway.signatures import md5_of


def ask(gateway, **fields):
    merchant = gateway.merchant("epay")
    return gateway.get("/api.php", act="order", pid=merchant["pid"], key=merchant["key"], **fields).json()


def give_back(gateway, **fields):
    merchant = gateway.merchant("epay")
    return gateway.post("/api.php?act=refund", {"pid": merchant["pid"], "key": merchant["key"], **fields}).json()


def test_a_payment_from_order_to_notify(calls, gateway, shop):
    key = gateway.merchant("epay")["key"]

    made = calls.epay_create("TOP1", param="mine").json()

    assert made["code"] == 1
    assert made["qrcode"] == made["payurl"]
    clicked = calls.pay(made["payurl"])
    (told,) = shop.wait_for()
    assert (told.method, told.path) == ("GET", "/notify")
    assert told.fields["sign"] == md5_of(told.fields, key)
    assert told.fields == {
        "pid": "1001",
        "trade_no": made["trade_no"],
        "out_trade_no": "TOP1",
        "type": "alipay",
        "name": "topup_100",
        "money": "90.00",
        "trade_status": "TRADE_SUCCESS",
        "param": "mine",
        "sign": told.fields["sign"],
        "sign_type": "MD5",
    }
    back = urlsplit(clicked.headers["location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == shop.return_url
    assert dict(parse_qsl(back.query)) == told.fields


def test_a_query_says_how_the_payment_stands(calls, gateway):
    made = calls.epay_create("TOP1").json()

    before = ask(gateway, out_trade_no="TOP1")
    calls.pay(made["payurl"])
    after = ask(gateway, trade_no=made["trade_no"])

    assert (before["code"], before["status"]) == (1, 0)
    assert (after["code"], after["status"], after["money"], after["out_trade_no"]) == (1, 1, "90.00", "TOP1")


def test_a_refund(calls, gateway, shop):
    calls.pay(calls.epay_create("TOP1").json()["payurl"])

    refused = give_back(gateway, out_trade_no="TOP1", money="90.01")
    done = give_back(gateway, out_trade_no="TOP1", money="90.00")

    assert (refused["code"], done["code"]) == (-1, 1)
    assert ask(gateway, out_trade_no="TOP1")["status"] == 2


def test_the_browser_can_bring_the_order(calls, gateway, shop):
    merchant = gateway.merchant("epay")
    order = {
        "pid": merchant["pid"],
        "type": "wxpay",
        "out_trade_no": "TOP1",
        "notify_url": shop.notify_url,
        "return_url": shop.return_url,
        "name": "topup",
        "money": "1",
    }

    answer = gateway.get("/submit.php", **order, sign=md5_of(order, merchant["key"]), sign_type="MD5")

    assert answer.status == 303
    assert "1.00 CNY" in gateway.request("GET", answer.headers["location"]).text


def test_it_refuses_strangers(calls, gateway):
    calls.epay_create("TOP1")

    assert gateway.get("/api.php", act="order", pid="1001", key="x", out_trade_no="TOP1").json()["code"] == -1
    assert gateway.post("/mapi.php", {"pid": "1001", "clientip": "::1", "sign": "x"}).json()["code"] == -1
    assert calls.epay_create("TOP2", type="cash").json()["code"] == -1
