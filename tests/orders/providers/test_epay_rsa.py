"""EPay of version 2: both sides sign with RSA."""

import time
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from orders.providers.base import (
    Account,
    BadSignature,
    BadWebhook,
    EventKind,
    GatewayRefused,
    GatewayUnreachable,
    Malformed,
    Money,
    PaymentStatus,
    RefundStatus,
    RefundSupport,
)
from orders.providers.epay import EPay
from tests.orders.providers import makers
from tests.orders.providers.makers import EPAY_PAID, charge, got, md5_signed, pairs, posted, refund_call, rsa_signed
from tests.orders.providers.site import says

CREATE, QUERY, CLOSE = "/api/pay/create", "/api/pay/query", "/api/pay/close"
REFUND, REFUND_QUERY = "/api/pay/refund", "/api/pay/refundquery"
ORDER = {
    "code": 0,
    "msg": "succ",
    "trade_no": "2026040609361234567",
    "out_trade_no": "BUY202604060930ABCD",
    "api_trade_no": "4200002345",
    "type": "alipay",
    "status": 1,
    "pid": 1001,
    "addtime": "2026-04-06 17:30:00",
    "endtime": "2026-04-06 17:31:01",
    "money": "299.00",
    "refundmoney": "0.00",
    "param": None,
    "channels": [1, 2],
}


@pytest.fixture
def account(merchant_key, platform_key):
    options = {
        "version": "2",
        "pid": "1001",
        "payment_type": "alipay",
        "base_url": "https://pay.example.com",
    }
    public = makers.bare(makers.public_pem(platform_key))
    return Account(3, options, {"private_key": makers.private_pem(merchant_key), "platform_public_key": public})


@pytest.fixture
def local(account, site):
    return replace(account, live=False, options={**account.options, "base_url": f"{site.base}/api/pay/create"})


def with_options(account, **options):
    return replace(account, options={**account.options, **options})


def with_secrets(account, **secrets):
    return replace(account, secrets={**account.secrets, **secrets})


def event_of(webhook, account):
    [event] = EPay().parse_webhook(account, webhook)
    return event


def reason_of(webhook, account, kind=Malformed):
    with pytest.raises(BadWebhook) as refused:
        EPay().parse_webhook(account, webhook)
    assert type(refused.value) is kind
    return refused.value.reason


@pytest.fixture
def signed(platform_key):
    """An answer, signed by the platform over its scalar fields."""

    def signed(answer):
        flat = {name: str(value) for name, value in answer.items() if isinstance(value, str | int)}
        return answer | rsa_signed(flat, platform_key)

    return signed


def refuse(words, code=-1):
    return {"code": code, "msg": words}


# ── Notifications ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ask", [got, posted])
def test_a_payment(account, platform_key, ask):
    more = {"endtime": "2026-04-06 17:31:01", "addtime": "2026-04-06 17:30:00", "buyer": "买家", "api_trade_no": "42"}
    event = event_of(ask(rsa_signed(EPAY_PAID | more, platform_key)), account)
    assert (event.kind, event.amount) == (EventKind.PAID, Money(9000, "CNY"))
    assert (event.txn_id, event.reference) == ("2026040609361234567", "TOP202604060935WXYZ")
    assert event.occurred_at == datetime(2026, 4, 6, 9, 31, 1, tzinfo=UTC)


def test_a_repetition_has_another_time_and_the_same_key(account, platform_key):
    times = [str(int(time.time()) - seconds) for seconds in (0, 200)]
    events = [event_of(got(rsa_signed(EPAY_PAID | {"timestamp": when}, platform_key)), account) for when in times]
    assert events[0].dedupe_key == events[1].dedupe_key


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_message_of_another_hour(account, platform_key, seconds):
    old = rsa_signed(EPAY_PAID | {"timestamp": str(int(time.time()) + seconds)}, platform_key)
    assert reason_of(got(old), account) == "stale"


@pytest.mark.parametrize("timestamp", ["soon", "-1", "1e9", "１７", "9" * 400])
def test_times_that_are_none(account, platform_key, timestamp):
    assert reason_of(got(rsa_signed(EPAY_PAID | {"timestamp": timestamp}, platform_key)), account) == "stale"


def test_signatures_of_others(account, platform_key, merchant_key):
    assert reason_of(got(rsa_signed(EPAY_PAID, merchant_key)), account, BadSignature) == "signature"
    fields = rsa_signed(EPAY_PAID, platform_key)
    assert reason_of(got(fields | {"money": "0.01"}), account, BadSignature) == "signature"
    assert reason_of(got(fields | {"timestamp": str(int(time.time()) + 9)}), account, BadSignature) == "signature"
    sha1 = platform_key.sign(pairs(fields, "sign", "sign_type").encode(), padding.PKCS1v15(), hashes.SHA1())
    assert reason_of(got(fields | {"sign": b64encode(sha1).decode()}), account, BadSignature) == "signature"


def test_md5_is_no_way_around(account, platform_key):
    """An account of version 2 that still has an MD5 key takes no MD5 signature, whatever `sign_type` says."""
    both = with_secrets(account, secret=makers.KEY)
    timed = EPAY_PAID | {"timestamp": str(int(time.time()))}
    assert reason_of(got(md5_signed(timed)), both) == "sign_type"
    assert reason_of(got(md5_signed(timed) | {"sign_type": "RSA"}), both, BadSignature) == "signature"
    assert reason_of(got(rsa_signed(EPAY_PAID, platform_key) | {"sign_type": "MD5"}), both) == "sign_type"
    assert event_of(got(rsa_signed(EPAY_PAID, platform_key) | {"sign_type": "SHA256WithRSA"}), both)


def test_a_key_that_is_being_changed(account, platform_key, merchant_key):
    new = makers.public_pem(merchant_key)
    old = account.secrets["platform_public_key"]
    changing = with_secrets(account, platform_public_key=new, previous_platform_public_key=old)
    assert event_of(got(rsa_signed(EPAY_PAID, platform_key)), changing)
    assert event_of(got(rsa_signed(EPAY_PAID, merchant_key)), changing)


def test_a_key_that_is_none(account, platform_key):
    weak = makers.new_key(1024)
    for key in ("", "AAAA", makers.public_pem(weak)):
        unfit = with_secrets(account, platform_public_key=key)
        assert reason_of(got(rsa_signed(EPAY_PAID, platform_key)), unfit, BadSignature) == "signature"
        assert reason_of(got(rsa_signed(EPAY_PAID, weak)), unfit, BadSignature) == "signature"


@pytest.mark.parametrize("name", [*sorted(EPAY_PAID), "timestamp"])
def test_a_field_that_is_missing(account, platform_key, name):
    assert reason_of(got(rsa_signed(EPAY_PAID | {name: ""}, platform_key)), account) == "missing_field"


def test_fields_of_others(account, platform_key):
    assert reason_of(got(rsa_signed(EPAY_PAID | {"pid": "1002"}, platform_key)), account) == "foreign_account"
    assert reason_of(got(rsa_signed(EPAY_PAID | {"x": "1"}, platform_key)), account) == "unknown_field"
    assert reason_of(got(rsa_signed(EPAY_PAID | {"notify_url": "1"}, platform_key)), account) == "unknown_field"
    assert reason_of(got(rsa_signed(EPAY_PAID | {"buyer": "a&b"}, platform_key)), account) == "field_value"


# ── Calls ────────────────────────────────────────────────────────────────────


def is_signed(form, key):
    raw = b64decode(form["sign"])
    text = pairs(form, "sign", "sign_type").encode()
    key.public_key().verify(raw, text, padding.PKCS1v15(), hashes.SHA256())
    return form["sign_type"] == "RSA" and abs(time.time() - int(form["timestamp"])) < 300


def query(account):
    return EPay().query(account, reference="BUY202604060930ABCD", provider_ref="")


def test_a_payment_is_registered(site, local, signed, merchant_key):
    jump = {"code": 0, "msg": "", "trade_no": "77", "pay_type": "jump", "pay_info": f"{site.base}/pay/77?a=1&b=2"}
    site.answers[CREATE] = signed(jump)
    checkout = EPay().create(local, charge())
    assert (checkout.url, checkout.qrcode, checkout.provider_ref) == (f"{site.base}/pay/77?a=1&b=2", "", "77")
    form = site.last().form
    assert is_signed(form, merchant_key)
    assert form["method"] == "web"
    assert (form["pid"], form["money"], form["out_trade_no"]) == ("1001", "299.00", "BUY202604060930ABCD")


def test_a_code_to_draw_and_a_chosen_method(site, local, signed):
    site.answers[CREATE] = signed(
        {"code": 0, "trade_no": "77", "pay_type": "qrcode", "pay_info": "https://qr.alipay.com/x"}
    )
    checkout = EPay().create(with_options(local, extra_fields="method=scan,device=mobile,channel_id=7"), charge())
    assert (checkout.url, checkout.qrcode) == ("", "https://qr.alipay.com/x")
    form = site.last().form
    assert (form["method"], form["device"], form["channel_id"]) == ("scan", "mobile", "7")


@pytest.mark.parametrize("kind", ["html", "jsapi", "app", "urlscheme", ""])
def test_ways_to_pay_that_a_page_can_not_show(site, local, signed, kind):
    site.answers[CREATE] = signed({"code": 0, "trade_no": "77", "pay_type": kind, "pay_info": "<form>"})
    with pytest.raises(GatewayRefused, match="neither"):
        EPay().create(local, charge())


def test_answers_that_the_platform_did_not_sign(site, local, signed, platform_key, merchant_key):
    good = signed(ORDER)
    forged = [
        {name: value for name, value in good.items() if name != "sign"},
        good | {"sign": None},
        good | {"money": "0.01"},
        good | {"status": 2},
        ORDER | rsa_signed({"code": "0"}, merchant_key),
        signed(ORDER | {"timestamp": str(int(time.time()) - 3600)}),
        {name: value for name, value in good.items() if name != "timestamp"},
    ]
    for answer in forged:
        site.answers[QUERY] = answer
        with pytest.raises(GatewayRefused, match="not signed"):
            query(local)


def test_a_paid_order(site, local, signed, merchant_key):
    site.answers[QUERY] = signed(ORDER)
    state = query(local)
    assert (state.status, state.amount, state.refunded_minor) == (PaymentStatus.PAID, Money(29900, "CNY"), 0)
    assert state.txn_id == "2026040609361234567"
    assert is_signed(site.last().form, merchant_key)


@pytest.mark.parametrize(
    ("changes", "status", "refunded"),
    [
        ({"status": 0}, PaymentStatus.WAITING, 0),
        ({"status": 2}, PaymentStatus.REFUNDED, 29900),
        ({"status": 2, "refundmoney": "299.00"}, PaymentStatus.REFUNDED, 29900),
        ({"status": 2, "refundmoney": "99.5"}, PaymentStatus.PAID, 9950),
        ({"status": 1, "refundmoney": "99.5"}, PaymentStatus.PAID, 9950),
        ({"status": 1, "refundmoney": None}, PaymentStatus.PAID, 0),
        ({"status": 3}, PaymentStatus.WAITING, 0),
    ],
)
def test_statuses(site, local, signed, changes, status, refunded):
    site.answers[QUERY] = signed(ORDER | changes)
    state = query(local)
    assert (state.status, state.refunded_minor) == (status, refunded)


def test_refusals(site, local, signed):
    site.answers[QUERY] = refuse("订单不存在")
    assert query(local).status is PaymentStatus.UNKNOWN
    site.answers[QUERY] = refuse("签名错误", code=1)
    with pytest.raises(GatewayRefused, match="签名错误"):
        query(local)
    site.answers[QUERY] = signed(ORDER | {"out_trade_no": "BUY2"})
    with pytest.raises(GatewayRefused, match="another order"):
        query(local)


def test_closing(site, local, signed, merchant_key):
    site.answers[CLOSE] = signed({"code": 0, "msg": "ok"})
    EPay().close(local, reference="BUY202604060930ABCD", provider_ref="")
    assert is_signed(site.last().form, merchant_key)
    site.answers[CLOSE] = refuse("不支持")
    with pytest.raises(GatewayRefused, match="不支持"):
        EPay().close(local, reference="BUY202604060930ABCD", provider_ref="")


# ── Refunds ──────────────────────────────────────────────────────────────────


def accepted(signed, number):
    return signed({"code": 0, "msg": "ok", "refund_no": "G1", "out_refund_no": number, "money": "1.50"})


def test_part_of_a_payment(site, local, signed, merchant_key):
    assert EPay().capabilities(local).refund is RefundSupport.PARTIAL
    site.answers |= {
        REFUND: lambda asked, handler: accepted(signed, asked.form["out_refund_no"]),
        REFUND_QUERY: lambda asked, handler: signed({"code": 0, "status": next(statuses)}),
    }
    numbers, statuses = set(), iter((1, 0, 5))
    for expected in (RefundStatus.SUCCEEDED, RefundStatus.FAILED, RefundStatus.PENDING):
        state = EPay().refund(local, refund_call(amount=Money(150, "CNY")))
        assert (state.status, state.refund_ref) == (expected, "G1")
        first, second = site.asked[-2:]
        assert is_signed(first.form, merchant_key)
        assert first.form["money"] == "1.50"
        assert second.form["out_refund_no"] == first.form["out_refund_no"]
        numbers.add(first.form["out_refund_no"])
    [number] = numbers
    assert number.isalnum()
    assert len(number) == 32


def test_a_number_that_fits_is_kept(site, local, signed):
    site.answers |= {REFUND: accepted(signed, "RF17"), REFUND_QUERY: signed({"code": 0, "status": 1})}
    EPay().refund(local, refund_call(idempotency_key="RF17"))
    assert site.asked[0].form["out_refund_no"] == "RF17"


@pytest.mark.parametrize(
    ("asked_again", "expected"),
    [
        (says(b"", status=404), RefundStatus.SUCCEEDED),
        (refuse("no such call"), RefundStatus.SUCCEEDED),
        (says(b"", status=502), RefundStatus.PENDING),
    ],
)
def test_sites_that_can_not_be_asked_about_a_refund(site, local, signed, asked_again, expected):
    site.answers |= {REFUND: accepted(signed, "RF17"), REFUND_QUERY: asked_again}
    assert EPay().refund(local, refund_call(idempotency_key="RF17")).status == expected


def test_a_repeated_refund_that_is_refused(site, local, signed):
    site.answers |= {REFUND: refuse("退款单号已存在"), REFUND_QUERY: signed({"code": 0, "status": 1})}
    assert EPay().refund(local, refund_call()).status is RefundStatus.SUCCEEDED
    site.answers[REFUND_QUERY] = refuse("退款单号不存在")
    with pytest.raises(GatewayRefused, match="已存在"):
        EPay().refund(local, refund_call())
    site.answers[REFUND_QUERY] = says(b"", status=502)
    with pytest.raises(GatewayUnreachable):
        EPay().refund(local, refund_call())


def test_an_answer_about_another_refund(site, local, signed):
    site.answers |= {REFUND: accepted(signed, "RF18"), REFUND_QUERY: says(b"", status=404)}
    with pytest.raises(GatewayRefused, match="refused the refund"):
        EPay().refund(local, refund_call(idempotency_key="RF17"))
