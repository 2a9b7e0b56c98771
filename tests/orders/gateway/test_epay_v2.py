"""EPay V2: the same with RSA on both sides, partial refunds and closing."""

import time

from tests.orders.gateway.signatures import check_rsa


def checked(calls, answer):
    """A successful answer whose signature is right."""
    fields = answer.json()
    check_rsa(fields, calls.gateway.merchant("epay-v2")["platform_public_key"])
    assert (fields["code"], fields["sign_type"]) == (0, "RSA")
    return fields


def paid(calls):
    made = checked(calls, calls.epay_v2_create("TOP1"))
    calls.pay(made["pay_info"])
    return made


def test_a_payment_from_order_to_notify(calls, gateway, shop):
    made = checked(calls, calls.epay_v2_create("TOP1"))
    calls.pay(made["pay_info"])

    (told,) = shop.wait_for()
    check_rsa(told.fields, gateway.merchant("epay-v2")["platform_public_key"])
    assert told.method == "GET"
    assert abs(int(told.fields["timestamp"]) - time.time()) < 60
    assert (
        told.fields.items()
        >= {
            "pid": "1002",
            "trade_no": made["trade_no"],
            "out_trade_no": "TOP1",
            "money": "90.00",
            "trade_status": "TRADE_SUCCESS",
            "sign_type": "RSA",
        }.items()
    )


def test_a_query_says_how_the_payment_stands(calls):
    made = checked(calls, calls.epay_v2_create("TOP1"))

    before = checked(calls, calls.epay_v2("query", out_trade_no="TOP1"))
    calls.pay(made["pay_info"])
    after = checked(calls, calls.epay_v2("query", trade_no=made["trade_no"]))

    assert (before["status"], after["status"], after["money"]) == (0, 1, "90.00")


def test_the_same_refund_number_is_the_same_refund(calls, gateway):
    paid(calls)

    first = checked(calls, calls.epay_v2("refund", out_trade_no="TOP1", money="30.00", out_refund_no="R1"))
    again = checked(calls, calls.epay_v2("refund", out_trade_no="TOP1", money="30.00", out_refund_no="R1"))
    other = calls.epay_v2("refund", out_trade_no="TOP1", money="31.00", out_refund_no="R1").json()
    more = calls.epay_v2("refund", out_trade_no="TOP1", money="60.01", out_refund_no="R2").json()

    assert again["refund_no"] == first["refund_no"]
    assert (other["code"], more["code"]) == (-1, -1)
    asked = checked(calls, calls.epay_v2("query", out_trade_no="TOP1"))
    assert (asked["status"], asked["refundmoney"]) == (1, "30.00")
    assert checked(calls, calls.epay_v2("refundquery", out_refund_no="R1"))["status"] == 1


def test_a_closed_payment_cannot_be_paid(calls, gateway):
    made = checked(calls, calls.epay_v2_create("TOP1"))

    checked(calls, calls.epay_v2("close", out_trade_no="TOP1"))

    assert calls.pay(made["pay_info"]).status == 409
    assert gateway.payment("TOP1")["status"] == "closed"
    assert calls.epay_v2_create("TOP1").json()["code"] == -1


def test_it_refuses_old_times_and_strangers(calls, gateway):
    assert calls.epay_v2_create(timestamp=int(time.time()) - 301).json()["code"] == -1
    assert gateway.post("/api/pay/query", {"pid": "1002", "out_trade_no": "TOP1", "sign": "AAAA"}).json()["code"] == -1
