"""Calls to xunhupay: what is sent, and what is believed."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from orders.providers.base import (
    GatewayRefused,
    GatewayUnreachable,
    Money,
    PaymentStatus,
    RefundStatus,
)
from orders.providers.xunhupay import Xunhupay
from tests.orders.providers.makers import OLD, SECRET, charge, hashed, refund_call, xunhupay_account

CREATE, QUERY, REFUND = "/payment/do.html", "/payment/query.html", "/payment/refund.html"
ORDER = {
    "open_order_id": "20260406123456",
    "out_trade_order": "BUY202604060930ABCD",
    "paid_date": "2026-04-06 17:31:01",
    "pay_url": "",
    "payment_method": "wechat",
    "status": "OD",
    "title": "starter plan",
    "total_amount": "299.00",
    "transaction_id": "4200002345202604061234567890",
}


@pytest.fixture
def account(site):
    return xunhupay_account(site.base, live=False)


def created(site, **changes):
    answer = {
        "errcode": 0,
        "errmsg": "success!",
        "openid": 20260406123456,
        "url": f"{site.base}/pay?id=20260406123456&n=1",
        "url_qrcode": f"{site.base}/qr/20260406123456.png",
    }
    answer = {name: value for name, value in (answer | changes).items() if value is not None}
    return answer | {"hash": hashed({name: str(value) for name, value in answer.items()})["hash"]}


def found(**changes):
    return {"errcode": 0, "errmsg": "", "data": ORDER | changes}


def refuses(words="签名错误", code=500):
    return {"errcode": code, "errmsg": words}


def query(account, provider_ref="20260406123456"):
    return Xunhupay().query(account, reference="BUY202604060930ABCD", provider_ref=provider_ref)


# ── Create ───────────────────────────────────────────────────────────────────


def test_a_payment_is_registered(site, account):
    site.answers[CREATE] = created(site)
    before = datetime.now(UTC)
    checkout = Xunhupay().create(account, charge(title="100% starter & more"))
    assert checkout.url == f"{site.base}/pay?id=20260406123456&n=1"
    assert (checkout.qrcode, checkout.qrcode_is_image) == (f"{site.base}/qr/20260406123456.png", True)
    assert checkout.provider_ref == "20260406123456"
    assert checkout.expires_at is not None
    assert checkout.expires_at > before
    [asked] = site.asked
    assert (asked.method, asked.query) == ("POST", {})
    assert asked.form == hashed(asked.form)
    assert set(asked.form.pop("nonce_str")) <= set("0123456789abcdef")
    assert asked.form.pop("time").isdigit()
    del asked.form["hash"]
    assert asked.form == {
        "version": "1.1",
        "appid": "201906123456",
        "trade_order_id": "BUY202604060930ABCD",
        "total_fee": "299.00",
        "title": "100 starter more",
        "notify_url": "https://shop.example/api/webhooks/xunhupay/1",
        "return_url": "https://shop.example/pricing/pay",
    }


def test_extra_fields_are_sent_and_signed(site, account):
    site.answers[CREATE] = created(site)
    options = {"extra_fields": "type=WAP, wap_url=https://shop.example wap_name=商店"}
    Xunhupay().create(replace(account, options={**account.options, **options}), charge())
    form = site.last().form
    assert (form["type"], form["wap_url"], form["wap_name"]) == ("WAP", "https://shop.example", "商店")
    assert form == hashed(form)


@pytest.mark.parametrize("name", ["openid", "oderid", "open_order_id"])
def test_three_names_of_its_number(site, account, name):
    site.answers[CREATE] = created(site, **{"openid": None, name: "77"})
    assert Xunhupay().create(account, charge()).provider_ref == "77"


def test_a_page_or_a_picture_is_enough(site, account):
    site.answers[CREATE] = created(site, url_qrcode="", openid=None)
    checkout = Xunhupay().create(account, charge())
    assert (checkout.qrcode, checkout.qrcode_is_image, checkout.expires_at) == ("", False, None)
    site.answers[CREATE] = created(site, url=None)
    assert Xunhupay().create(account, charge()).url == ""
    site.answers[CREATE] = created(site, url=None, url_qrcode=None)
    with pytest.raises(GatewayRefused, match="without an address"):
        Xunhupay().create(account, charge())


def test_an_answer_without_a_hash_is_taken_and_with_a_wrong_one_not(site, account):
    answer = created(site)
    site.answers[CREATE] = {name: value for name, value in answer.items() if name != "hash"}
    assert Xunhupay().create(account, charge()).url
    for wrong in (answer["hash"].upper(), "0" * 32, "", None, ["x"]):
        site.answers[CREATE] = answer | {"hash": wrong}
        with pytest.raises(GatewayRefused, match="wrong hash"):
            Xunhupay().create(account, charge())


def test_only_the_new_secret_signs_and_checks_answers(site):
    account = xunhupay_account(site.base, live=False, previous=OLD)
    answer = {"errcode": "0", "errmsg": "", "url": f"{site.base}/pay"}
    site.answers[CREATE] = hashed(answer, OLD)
    with pytest.raises(GatewayRefused, match="wrong hash"):
        Xunhupay().create(account, charge())
    assert site.last().form == hashed(site.last().form, SECRET)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/pay",
        "https://evil.example/pay",
        "http://evil.example/pay",
        "javascript:alert(1)",
        "//evil.example/pay",
        "/\\evil.example/pay",
        "https://user@evil.example/",
        "weixin://wxpay/bizpayurl?pr=1",
        "https://127.0.0.1\\@evil.example/",
        "https://pay.example/ x",
    ],
)
@pytest.mark.parametrize("name", ["url", "url_qrcode"])
def test_addresses_that_are_not_shown(site, account, name, url):
    site.answers[CREATE] = created(site, **{name: url})
    with pytest.raises(GatewayRefused, match="address to pay at"):
        Xunhupay().create(account, charge())


def test_another_host_that_the_operator_allows(site, account):
    site.answers[CREATE] = created(site, url="https://pay.example/x", url_qrcode=None)
    allowing = replace(account, options={**account.options, "allowed_hosts": "qr.example, pay.example"})
    assert Xunhupay().create(allowing, charge()).url == "https://pay.example/x"
    site.answers[CREATE] = created(site, url="https://pay.example:8443/x", url_qrcode=None)
    with pytest.raises(GatewayRefused, match="another host"):
        Xunhupay().create(allowing, charge())


def test_it_says_no(site, account):
    site.answers[CREATE] = refuses("appid\u0000 不可用 " + "x" * 500)
    with pytest.raises(GatewayRefused) as refused:
        Xunhupay().create(account, charge())
    assert "appid 不可用 xxx" in str(refused.value)
    assert len(str(refused.value)) < 250


def test_what_is_not_asked_at_all(site, account):
    with pytest.raises(ValueError, match="no query"):
        Xunhupay().create(account, charge(return_url="https://shop.example/pay?x=1&trade_no=9"))
    with pytest.raises(GatewayRefused, match="CNY"):
        Xunhupay().create(account, charge(amount=Money(100, "USD")))
    with pytest.raises(GatewayRefused, match="128"):
        Xunhupay().create(account, charge(notify_url="https://shop.example/" + "x" * 120))
    for unfit in (
        replace(account, live=True),
        replace(account, secrets={"secret": "short"}),
        xunhupay_account("ftp://x"),
    ):
        with pytest.raises(GatewayRefused):
            Xunhupay().create(unfit, charge())
        with pytest.raises(GatewayRefused):
            query(unfit)
        with pytest.raises(GatewayRefused):
            Xunhupay().refund(unfit, refund_call())
    assert site.asked == []


# ── Query ────────────────────────────────────────────────────────────────────


def test_a_paid_order(site, account):
    site.answers[QUERY] = found()
    state = query(account)
    assert (state.status, state.amount) == (PaymentStatus.PAID, Money(29900, "CNY"))
    assert state.txn_id == "4200002345202604061234567890"
    assert state.provider_ref == "20260406123456"
    assert state.paid_at == datetime(2026, 4, 6, 9, 31, 1, tzinfo=UTC)
    assert state.refunded_minor == 0
    form = site.last().form
    assert form == hashed(form)
    assert form.keys() == {"appid", "out_trade_order", "time", "nonce_str", "hash"}
    assert form["out_trade_order"] == "BUY202604060930ABCD"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"status": "WP"}, PaymentStatus.WAITING),
        ({"status": "RD"}, PaymentStatus.WAITING),
        ({"status": "UD"}, PaymentStatus.PAID),
        ({"status": "CD"}, PaymentStatus.REFUNDED),
        ({"status": "CD", "transaction_id": ""}, PaymentStatus.REFUNDED),
        ({"status": "CD", "transaction_id": None, "paid_date": None}, PaymentStatus.CLOSED),
        ({"status": "paid"}, PaymentStatus.WAITING),
        ({"status": None}, PaymentStatus.WAITING),
    ],
)
def test_statuses(site, account, changes, status):
    site.answers[QUERY] = found(**changes)
    state = query(account)
    assert state.status == status
    assert (state.amount is None) == (status in (PaymentStatus.WAITING, PaymentStatus.CLOSED))
    assert state.refunded_minor == (29900 if status is PaymentStatus.REFUNDED else 0)


def test_a_transaction_that_it_does_not_name_is_not_made_up(site, account):
    site.answers[QUERY] = found(transaction_id=None)
    state = query(account)
    assert (state.status, state.txn_id, state.provider_ref) == (PaymentStatus.PAID, "", "20260406123456")


@pytest.mark.parametrize(("status", "failed"), [("UD", True), ("OD", False), ("CD", False), ("RD", False)])
def test_a_refund_that_it_could_not_make(site, account, status, failed):
    site.answers[QUERY] = found(status=status)
    assert query(account).refund_failed is failed


def test_its_own_number_is_tried_second_and_must_lead_back(site, account):
    site.answers[QUERY] = lambda asked, handler: (
        refuses("订单不存在") if "out_trade_order" in asked.form else found(out_trade_order=mine)
    )
    mine = "BUY202604060930ABCD"
    assert query(account).status == PaymentStatus.PAID
    assert site.last().form["open_order_id"] == "20260406123456"
    mine = "BUY2026SOMEBODYELSE"
    with pytest.raises(GatewayRefused, match="another order"):
        query(account)


def test_an_order_that_it_does_not_know(site, account):
    site.answers[QUERY] = refuses("订单不存在")
    assert query(account).status == PaymentStatus.UNKNOWN
    assert len(site.asked) == 2
    assert query(account, provider_ref="").status == PaymentStatus.UNKNOWN
    assert len(site.asked) == 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refuses(), "签名错误"),
        (found(out_trade_order="BUY2"), "another order"),
        (found(out_trade_order=None), "another order"),
        ({"errcode": 0, "status": "OD"}, "another order"),
        ({"errcode": 0, "data": [ORDER]}, "another order"),
        ({"errcode": False, "data": ORDER}, "refused"),
        ({"data": ORDER}, "refused"),
        (found(total_amount="2.99e2"), "amount"),
        (found(total_amount=None), "amount"),
    ],
)
def test_answers_that_prove_nothing(site, account, answer, words):
    site.answers[QUERY] = answer
    with pytest.raises(GatewayRefused, match=words):
        query(account)


def test_amounts_may_be_numbers(site, account):
    site.answers[QUERY] = (
        b'{"errcode":0,"data":{"out_trade_order":"BUY202604060930ABCD","status":"OD","total_amount":299.10}}'
    )
    assert query(account).amount == Money(29910, "CNY")


# ── Refund ───────────────────────────────────────────────────────────────────


def refunded(status="CD", **changes):
    answer = {"errcode": "0", "errmsg": "", "trade_order_id": "BUY202604060930ABCD", "refund_status": status}
    return hashed(answer | {"out_refund_no": "R1"} | changes)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("CD", RefundStatus.SUCCEEDED),
        ("RD", RefundStatus.PENDING),
        ("UD", RefundStatus.FAILED),
        ("OD", RefundStatus.PENDING),
    ],
)
def test_a_refund(site, account, status, expected):
    site.answers[REFUND] = refunded(status)
    state = Xunhupay().refund(account, refund_call(reason="不想要 & 太贵"))
    assert (state.status, state.refund_ref) == (expected, "R1")
    form = site.last().form
    assert form == hashed(form)
    assert (form["trade_order_id"], form["reason"]) == ("BUY202604060930ABCD", "不想要 太贵")


@pytest.mark.parametrize(("status", "expected"), [("CD", RefundStatus.SUCCEEDED), ("RD", RefundStatus.PENDING)])
def test_a_repeated_refund_is_told_from_the_order(site, account, status, expected):
    site.answers |= {REFUND: refuses("订单已退款"), QUERY: found(status=status)}
    assert Xunhupay().refund(account, refund_call()).status == expected


def test_a_refused_refund(site, account):
    site.answers |= {REFUND: refuses("余额不足"), QUERY: found()}
    with pytest.raises(GatewayRefused, match="余额不足"):
        Xunhupay().refund(account, refund_call())
    site.answers[QUERY] = refuses("系统繁忙")
    with pytest.raises(GatewayUnreachable, match="系统繁忙"):
        Xunhupay().refund(account, refund_call())


def test_a_refund_whose_answer_is_not_genuine_is_not_called_refused(site, account):
    site.answers |= {REFUND: refunded() | {"hash": "0" * 32}, QUERY: found()}
    with pytest.raises(GatewayUnreachable, match="wrong hash"):
        Xunhupay().refund(account, refund_call())


def test_part_of_a_payment_is_not_asked_back(site, account):
    with pytest.raises(GatewayRefused, match="whole payments"):
        Xunhupay().refund(account, refund_call(amount=Money(100, "CNY")))
    assert site.asked == []


def test_closing_asks_nothing(site, account):
    Xunhupay().close(account, reference="BUY202604060930ABCD", provider_ref="")
    assert site.asked == []
