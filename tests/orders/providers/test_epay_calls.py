"""Calls to EPay of version 1: what is sent, and what is believed."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from orders.providers.base import GatewayRefused, GatewayUnreachable, Money, PaymentStatus, RefundStatus, RefundSupport
from orders.providers.epay import EPay
from tests.orders.providers.makers import KEY, OLD, charge, epay_account, md5_signed, refund_call

CREATE, API = "/mapi.php", "/api.php"
ORDER = {
    "code": 1,
    "msg": "查询订单号成功！",
    "trade_no": "2026040609361234567",
    "out_trade_no": "BUY202604060930ABCD",
    "type": "alipay",
    "pid": 1001,
    "addtime": "2026-04-06 17:30:00",
    "endtime": "2026-04-06 17:31:01",
    "name": "starter plan",
    "money": "299.00",
    "status": 1,
}


@pytest.fixture
def account(site):
    return epay_account(site.base, live=False, previous=OLD)


def query(account):
    return EPay().query(account, reference="BUY202604060930ABCD", provider_ref="")


def test_a_payment_is_registered_here_and_not_by_the_customer(site, account):
    site.answers[CREATE] = {"code": 1, "msg": "success", "trade_no": 77, "payurl": f"{site.base}/pay/77?x=1"}
    checkout = EPay().create(account, charge(title="A&B"))
    assert (checkout.url, checkout.qrcode, checkout.provider_ref) == (f"{site.base}/pay/77?x=1", "", "77")
    [asked] = site.asked
    assert (asked.method, asked.path, asked.query) == ("POST", CREATE, {})
    assert asked.form == md5_signed(
        {
            "pid": "1001",
            "type": "alipay",
            "out_trade_no": "BUY202604060930ABCD",
            "notify_url": "https://shop.example/api/webhooks/xunhupay/1",
            "return_url": "https://shop.example/pricing/pay",
            "name": "A B",
            "money": "299.00",
            "clientip": "203.0.113.7",
        }
    )


def test_a_code_to_draw(site, account):
    site.answers[CREATE] = {"code": "1", "trade_no": "77", "qrcode": "weixin://wxpay/bizpayurl?pr=abc"}
    checkout = EPay().create(account, charge(client_ip=""))
    assert (checkout.url, checkout.qrcode, checkout.qrcode_is_image) == ("", "weixin://wxpay/bizpayurl?pr=abc", False)
    assert site.last().form["clientip"] == "127.0.0.1"


def test_a_path_belongs_to_the_gateway(site, account):
    site.answers[CREATE] = {"code": 1, "payurl": "/pay/qrcode/77/"}
    assert EPay().create(account, charge()).url == f"{site.base}/pay/qrcode/77/"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"code": -1, "msg": "签名校验失败"}, "签名校验失败"),
        ({"code": 0, "payurl": "/pay"}, "refused"),
        ({"code": True, "payurl": "/pay"}, "refused"),
        ({"payurl": "/pay"}, "refused"),
        ({"code": 1}, "neither"),
        ({"code": 1, "urlscheme": "weixin://dl/business/?t=1"}, "neither"),
        ({"code": 1, "payurl": ["/pay"]}, "neither"),
        ({"code": 1, "payurl": "https://evil.example/pay"}, "another host"),
        ({"code": 1, "payurl": "http://evil.example/pay"}, "not https"),
        ({"code": 1, "payurl": "//evil.example/pay"}, "not https"),
        ({"code": 1, "payurl": "weixin://wxpay/bizpayurl?pr=1"}, "not https"),
        ({"code": 1, "qrcode": "x" * 1001}, "QR code"),
        ({"code": 1, "qrcode": "a\nb"}, "QR code"),
    ],
)
def test_answers_that_are_not_believed(site, account, answer, words):
    site.answers[CREATE] = answer
    with pytest.raises(GatewayRefused, match=words):
        EPay().create(account, charge())


def test_what_is_not_asked_at_all(site, account):
    with pytest.raises(ValueError, match="no query"):
        EPay().create(account, charge(return_url="https://shop.example/pay?x=1&trade_no=9"))
    with pytest.raises(GatewayRefused, match="CNY"):
        EPay().create(account, charge(amount=Money(100, "USD")))
    unfit = replace(account, live=True)
    with pytest.raises(GatewayRefused, match="https"):
        EPay().create(unfit, charge())
    with pytest.raises(GatewayRefused, match="https"):
        query(unfit)
    with pytest.raises(GatewayRefused, match="https"):
        EPay().refund(unfit, refund_call())
    EPay().close(account, reference="BUY202604060930ABCD", provider_ref="")
    assert site.asked == []


# ── Query ────────────────────────────────────────────────────────────────────


def test_a_paid_order(site, account):
    site.answers[API] = ORDER
    state = query(account)
    assert (state.status, state.amount) == (PaymentStatus.PAID, Money(29900, "CNY"))
    assert (state.txn_id, state.provider_ref) == ("2026040609361234567", "2026040609361234567")
    assert state.paid_at == datetime(2026, 4, 6, 9, 31, 1, tzinfo=UTC)
    asked = site.last()
    assert (asked.method, asked.form) == ("GET", {})
    assert asked.query == {"act": "order", "pid": "1001", "key": KEY, "out_trade_no": "BUY202604060930ABCD"}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"status": 0}, PaymentStatus.WAITING),
        ({"status": "1"}, PaymentStatus.PAID),
        ({"status": 2}, PaymentStatus.REFUNDED),
        ({"status": 3}, PaymentStatus.WAITING),
        ({"status": 4}, PaymentStatus.WAITING),
        ({"status": True}, PaymentStatus.WAITING),
        ({"status": 1, "trade_status": "WAIT_BUYER_PAY"}, PaymentStatus.WAITING),
        ({"status": 1, "trade_status": ""}, PaymentStatus.WAITING),
        ({"status": 1, "trade_status": 0}, PaymentStatus.WAITING),
        ({"status": 1, "trade_status": None}, PaymentStatus.PAID),
        ({"status": 0, "trade_status": "TRADE_SUCCESS"}, PaymentStatus.PAID),
        ({"status": 1, "trade_status": "TRADE_CLOSED"}, PaymentStatus.CLOSED),
    ],
)
def test_statuses(site, account, changes, status):
    site.answers[API] = ORDER | changes
    assert query(account).status == status


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ORDER | {"code": 0}, "refused"),
        ({"code": -3, "msg": "商户密钥错误"}, "商户密钥错误"),
        (ORDER | {"out_trade_no": "BUY2"}, "another order"),
        (ORDER | {"out_trade_no": None}, "another order"),
        (ORDER | {"pid": 1002}, "another order"),
        (ORDER | {"money": "2.99e2"}, "amount"),
        (ORDER | {"money": None}, "amount"),
    ],
)
def test_answers_that_prove_nothing(site, account, answer, words):
    site.answers[API] = answer
    with pytest.raises(GatewayRefused, match=words):
        query(account)


def test_an_order_that_it_does_not_know(site, account):
    site.answers[API] = {"code": -1, "msg": "订单号不存在"}
    assert query(account).status == PaymentStatus.UNKNOWN


# ── Refund ───────────────────────────────────────────────────────────────────


def refunding(account):
    return replace(account, options={**account.options, "refund": "full"})


def test_refunds_are_off_until_the_operator_says_otherwise(site, account):
    assert EPay().capabilities(account).refund is RefundSupport.NONE
    assert EPay().capabilities(refunding(account)).refund is RefundSupport.FULL
    with pytest.raises(GatewayRefused, match="gives back nothing"):
        EPay().refund(account, refund_call())
    with pytest.raises(GatewayRefused, match="whole payments"):
        EPay().refund(refunding(account), refund_call(amount=Money(1, "CNY")))
    assert site.asked == []


def test_a_refund(site, account):
    site.answers[API] = {"code": 1, "msg": "退款成功"}
    assert EPay().refund(refunding(account), refund_call()).status is RefundStatus.SUCCEEDED
    asked = site.last()
    assert (asked.method, asked.query) == ("POST", {"act": "refund"})
    assert asked.form == {"pid": "1001", "key": KEY, "out_trade_no": "BUY202604060930ABCD", "money": "299.00"}


def test_a_repeated_refund_is_told_from_the_order(site, account):
    refusal = {"code": -1, "msg": "该订单已退款"}
    site.answers[API] = lambda asked, handler: refusal if asked.method == "POST" else ORDER | {"status": status}
    status = 2
    assert EPay().refund(refunding(account), refund_call()).status is RefundStatus.SUCCEEDED
    status = 1
    with pytest.raises(GatewayRefused, match="已退款"):
        EPay().refund(refunding(account), refund_call())
    site.answers[API] = refusal
    with pytest.raises(GatewayUnreachable, match="已退款"):
        EPay().refund(refunding(account), refund_call())
