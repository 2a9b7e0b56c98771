"""xunhupay: create, pay, be told, ask, refund."""

import pytest

from tests.orders.gateway.signatures import md5_of


def test_a_payment_from_order_to_notify(calls, gateway, shop):
    secret = gateway.merchant("xunhupay")["secret"]

    made = calls.xunhupay_create("BUY1", plugins="reseller").json()

    assert made["errcode"] == 0
    assert made["hash"] == md5_of(made, secret)
    page = gateway.request("GET", made["url"])
    assert page.status == 200
    assert "starter plan" in page.text
    assert "299.00 CNY" in page.text

    clicked = calls.pay(made["url"])

    assert (clicked.status, clicked.headers["location"]) == (303, shop.return_url)
    (told,) = shop.wait_for()
    assert (told.method, told.path) == ("POST", "/notify")
    assert told.fields["hash"] == md5_of(told.fields, secret)
    assert (
        told.fields.items()
        >= {
            "appid": gateway.merchant("xunhupay")["appid"],
            "open_order_id": made["openid"],
            "order_title": "starter plan",
            "plugins": "reseller",
            "status": "OD",
            "total_fee": "299.00",
            "trade_order_id": "BUY1",
        }.items()
    )


def test_the_qr_code_is_a_picture(calls, gateway):
    picture = gateway.request("GET", calls.xunhupay_create().json()["url_qrcode"])

    assert picture.headers["content-type"] == "image/svg+xml"
    assert b"<svg" in picture.body


@pytest.mark.parametrize("by", ["out_trade_order", "open_order_id"])
def test_a_query_says_how_the_payment_stands(calls, by):
    made = calls.xunhupay_create("BUY1").json()
    number = {by: "BUY1" if by == "out_trade_order" else made["openid"]}

    before = calls.xunhupay("/payment/query.html", **number).json()["data"]
    calls.pay(made["url"])
    after = calls.xunhupay("/payment/query.html", **number).json()["data"]

    assert (before["status"], before["transaction_id"]) == ("WP", None)
    assert (after["status"], after["total_amount"], after["out_trade_order"]) == ("OD", "299.00", "BUY1")
    assert after["transaction_id"].isdecimal()


def test_a_refund_gives_everything_back_once(calls, gateway, shop):
    secret = gateway.merchant("xunhupay")["secret"]
    calls.pay(calls.xunhupay_create("BUY1").json()["url"])
    shop.wait_for()

    first = calls.xunhupay("/payment/refund.html", trade_order_id="BUY1", reason="asked for it").json()
    again = calls.xunhupay("/payment/refund.html", trade_order_id="BUY1", reason="asked for it").json()

    assert (first["refund_status"], first["refund_fee"]) == ("CD", "299.00")
    assert first["hash"] == md5_of(first, secret)
    assert again["out_refund_no"] == first["out_refund_no"]
    assert len(gateway.payment("BUY1")["refunds"]) == 1
    assert shop.wait_for(2)[1].fields["status"] == "CD"
    assert calls.xunhupay("/payment/query.html", out_trade_order="BUY1").json()["data"]["status"] == "CD"


def test_what_is_not_paid_is_not_refunded(calls):
    calls.xunhupay_create("BUY1")

    assert calls.xunhupay("/payment/refund.html", trade_order_id="BUY1", reason="x").json()["errcode"] != 0


def test_the_same_order_again_is_the_same_payment(calls):
    first, again = calls.xunhupay_create("BUY1").json(), calls.xunhupay_create("BUY1").json()
    other = calls.xunhupay_create("BUY1", total_fee="1.00").json()

    assert again["openid"] == first["openid"]
    assert other["errcode"] != 0


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"appid": "2019"}, "invalid appid"),
        ({"time": 1775467800}, "invalid time"),
        ({"total_fee": "2.999"}, "amount"),
        ({"total_fee": "-1"}, "amount"),
        ({"total_fee": "0.00"}, "amount"),
        ({"total_fee": "1e2"}, "amount"),
        ({"trade_order_id": "x" * 33}, "too long"),
        ({"notify_url": None}, "required"),
    ],
)
def test_it_refuses(calls, fields, reason):
    answer = calls.xunhupay_create(**fields).json()

    assert answer["errcode"] != 0
    assert reason in answer["errmsg"]


def test_it_refuses_a_wrong_hash(calls, gateway):
    fields = {"appid": gateway.merchant("xunhupay")["appid"], "hash": "0" * 32}

    assert gateway.post("/payment/do.html", fields).json()["errmsg"] == "invalid hash"
