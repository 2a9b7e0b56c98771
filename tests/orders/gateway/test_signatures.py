"""Worked examples, for the gateway's own signatures and for those of these tests alike."""

import pytest

from orders.gateway import epay, xunhupay
from tests.orders.gateway.signatures import md5_of

SECRET = "0123456789abcdef0123456789abcdef"
KEY = "k3yk3yk3yk3yk3yk3yk3yk3yk3yk3y01"

XUNHUPAY = {
    "aaa4e95eabef9c7fc9e3b44468b5ab3e": {
        "appid": "201906123456",
        "attach": "",
        "nonce_str": "n0nce0001",
        "notify_url": "https://shop.example/api/webhooks/xunhupay",
        "return_url": "https://shop.example/pricing/pay",
        "time": "1775467800",
        "title": "starter plan",
        "total_fee": "299.00",
        "trade_order_id": "BUY202604060930ABCD",
        "version": "1.1",
    },
    "3cd8ffe26c28151045a945f9cb6d503f": {
        "appid": "201906123456",
        "nonce_str": "8812345",
        "open_order_id": "20260406123456",
        "order_title": "starter plan",
        "plugins": "reseller",
        "status": "OD",
        "time": "1775467861",
        "total_fee": "299.00",
        "trade_order_id": "BUY202604060930ABCD",
        "transaction_id": "4200002345202604061234567890",
    },
    "350f193ed72a5a13c31f5360bef25a6e": {
        "appid": "201906123456",
        "nonce_str": "n0nce0002",
        "out_trade_order": "BUY202604060930ABCD",
        "time": "1775467900",
    },
    "2cf012d36999b8cc2f981e4303d43e78": {"appid": "1", "title": "20 元首购套餐", "total_fee": "20.00"},
}
EPAY = {
    "2392e71760b556f7d449ce12142882e4": {
        "money": "90.00",
        "name": "topup_100",
        "notify_url": "https://shop.example/api/webhooks/epay",
        "out_trade_no": "TOP202604060935WXYZ",
        "pid": "1001",
        "return_url": "https://shop.example/topup/pay",
        "type": "alipay",
        "sign_type": "MD5",
    },
    "5a303538afc5571cbf42a4e48c409587": {
        "money": "90.00",
        "name": "topup_100",
        "out_trade_no": "TOP202604060935WXYZ",
        "pid": "1001",
        "trade_no": "2026040609361234567",
        "trade_status": "TRADE_SUCCESS",
        "type": "alipay",
    },
}


@pytest.mark.parametrize("signature", XUNHUPAY)
def test_xunhupay(signature):
    assert md5_of(XUNHUPAY[signature], SECRET) == signature
    assert xunhupay.sign({"hash": "of another", **XUNHUPAY[signature]}, SECRET) == signature


@pytest.mark.parametrize("signature", EPAY)
def test_epay(signature):
    assert md5_of(EPAY[signature], KEY) == signature
    assert epay.sign({"sign": "another", **EPAY[signature]}, KEY) == signature
