"""What arrives at EPay's notify address, signed with MD5 (version 1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.providers.base import BadSignature, BadWebhook, EventKind, Malformed, Money, Webhook
from orders.providers.epay import EPay
from tests.orders.providers.makers import (
    EPAY_PAID,
    FORM,
    KEY,
    OLD,
    epay_account,
    got,
    md5_signed,
    pairs,
    posted,
)

ACCOUNT = epay_account()


def event_of(webhook, account=ACCOUNT):
    [event] = EPay().parse_webhook(account, webhook)
    return event


def reason_of(webhook, account=ACCOUNT, kind=Malformed):
    with pytest.raises(BadWebhook) as refused:
        EPay().parse_webhook(account, webhook)
    assert type(refused.value) is kind
    return refused.value.reason


def changed(**fields):
    return {name: value for name, value in (EPAY_PAID | fields).items() if value is not None}


@pytest.mark.parametrize("ask", [got, posted])
def test_a_payment(ask):
    fields = EPAY_PAID | {"sign": "5a303538afc5571cbf42a4e48c409587", "sign_type": "MD5"}
    event = event_of(ask(fields))
    assert (event.kind, event.amount, event.live) == (EventKind.PAID, Money(9000, "CNY"), True)
    assert event.reference == "TOP202604060935WXYZ"
    assert (event.txn_id, event.provider_ref) == ("2026040609361234567", "2026040609361234567")


def test_names_and_parameters_of_the_shop():
    assert event_of(got(md5_signed(changed(name="20 元首购套餐", param="")))).kind is EventKind.PAID
    assert event_of(got(md5_signed(changed(param="abc")))).kind is EventKind.PAID


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("WAIT_BUYER_PAY", EventKind.WAITING),
        ("TRADE_CLOSED", EventKind.EXPIRED),
        ("TRADE_FINISHED", EventKind.OTHER),
        ("trade_success", EventKind.OTHER),
    ],
)
def test_other_statuses_say_no_amount(status, kind):
    event = event_of(got(md5_signed(changed(trade_status=status))))
    assert (event.kind, event.amount) == (kind, None)


@pytest.mark.parametrize("amount", ["90", "90.0", "90.00"])
def test_amounts_that_are_equal(amount):
    event = event_of(got(md5_signed(changed(money=amount))))
    assert event.amount == Money(9000, "CNY")
    assert event.dedupe_key == event_of(got(md5_signed(EPAY_PAID))).dedupe_key


@pytest.mark.parametrize("amount", ["90.000", "9e1", "-90", "９０", "NaN", "0.00"])
def test_amounts_that_are_refused(amount):
    assert reason_of(got(md5_signed(changed(money=amount)))) == "amount"


# ── Signatures ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("sign_of", [str.upper, lambda right: right + " ", lambda right: right[::-1]])
def test_wrong_signatures(sign_of):
    fields = md5_signed(EPAY_PAID)
    fields["sign"] = sign_of(fields["sign"])
    assert reason_of(got(fields), kind=BadSignature) == "signature"


@pytest.mark.parametrize("name", sorted(EPAY_PAID))
def test_no_field_can_be_changed(name):
    fields = md5_signed(EPAY_PAID)
    fields[name] += "1"
    assert reason_of(got(fields), kind=BadSignature) == "signature"


@pytest.mark.parametrize("sign_type", ["RSA", "md5", "HMAC-SHA256", "none"])
def test_only_this_kind_of_signature(sign_type):
    assert reason_of(got(md5_signed(EPAY_PAID) | {"sign_type": sign_type})) == "sign_type"


def test_a_key_that_is_being_changed():
    changing = epay_account(previous=OLD)
    assert event_of(got(md5_signed(EPAY_PAID, OLD)), changing)
    assert event_of(got(md5_signed(EPAY_PAID, KEY)), changing)
    assert reason_of(got(md5_signed(EPAY_PAID, OLD)), kind=BadSignature) == "signature"


@pytest.mark.parametrize("secret", ["", "short", "89unJUB8HZ54Hj7x4nUj56HN4nUzUJ8i"])
def test_a_key_that_is_none(secret):
    account = epay_account(secret=secret)
    assert reason_of(got(md5_signed(EPAY_PAID, secret)), account, BadSignature) == "signature"
    assert reason_of(got(md5_signed(EPAY_PAID, "")), account, BadSignature) == "signature"


def test_another_merchant_of_the_same_key():
    assert reason_of(got(md5_signed(changed(pid="1002")))) == "foreign_account"


# ── Reflected and folded signatures ──────────────────────────────────────────

LINK = {
    "money": "90.00",
    "name": "topup_100",
    "notify_url": "https://shop.example/api/webhooks/epay",
    "out_trade_no": "TOP202604060935WXYZ",
    "pid": "1001",
    "return_url": "https://shop.example/topup/pay?x=1&trade_no=9&trade_status=TRADE_SUCCESS",
    "type": "alipay",
}


def test_a_signature_reflected_from_a_payment_link():
    """The customer sees the link's signature; two fields of its return address become fields of their own."""
    reflected = LINK | {
        "return_url": "https://shop.example/topup/pay?x=1",
        "trade_no": "9",
        "trade_status": "TRADE_SUCCESS",
    }
    assert pairs(reflected) == pairs(LINK)
    forged = reflected | {"sign": md5_signed(LINK)["sign"], "sign_type": "MD5"}
    assert reason_of(got(forged)) == "unknown_field"
    assert reason_of(posted(forged)) == "unknown_field"


def test_a_signature_whose_foreign_fields_are_folded_into_the_name():
    """What a notification must not have is hidden in the value of a field that sorts just before it."""
    folded = {
        "money": "90.00",
        "name": "topup_100&notify_url=https://shop.example/api/webhooks/epay",
        "out_trade_no": "TOP202604060935WXYZ",
        "pid": "1001&return_url=https://shop.example/topup/pay?x=1",
        "trade_no": "9",
        "trade_status": "TRADE_SUCCESS",
        "type": "alipay",
    }
    assert pairs(folded) == pairs(LINK)
    forged = folded | {"sign": md5_signed(LINK)["sign"], "sign_type": "MD5"}
    assert reason_of(got(forged)) == "field_value"


def test_a_folded_field_in_the_parameter():
    link = {name: value for name, value in LINK.items() if name != "return_url"} | {"param": "x"}
    link["sitename"] = "shop&trade_no=9&trade_status=TRADE_SUCCESS"
    folded = {
        "money": "90.00",
        "name": "topup_100&notify_url=https://shop.example/api/webhooks/epay",
        "out_trade_no": "TOP202604060935WXYZ",
        "param": "x",
        "pid": "1001&sitename=shop",
        "trade_no": "9",
        "trade_status": "TRADE_SUCCESS",
        "type": "alipay",
    }
    assert pairs(folded) == pairs(link)
    forged = folded | {"sign": md5_signed(link)["sign"], "sign_type": "MD5"}
    assert reason_of(got(forged)) == "field_value"


# ── Shapes ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("name", sorted(EPAY_PAID))
def test_a_field_that_is_missing(name, value):
    assert reason_of(got(md5_signed(changed(**{name: value})))) == "missing_field"


@pytest.mark.parametrize("name", ["sign", "sign_type"])
def test_a_signature_that_is_missing(name):
    assert reason_of(got(md5_signed(EPAY_PAID) | {name: ""})) == "missing_field"
    assert (
        reason_of(got({key: value for key, value in md5_signed(EPAY_PAID).items() if key != name})) == "missing_field"
    )


def test_a_new_field_has_to_be_named():
    webhook = got(md5_signed(changed(buyer="42")))
    assert reason_of(webhook) == "unknown_field"
    assert event_of(webhook, epay_account(notify_fields="endtime, buyer"))


def test_a_field_of_requests_can_not_be_named():
    account = epay_account(notify_fields="notify_url,key,sitename")
    for name in ("notify_url", "key", "sitename"):
        assert reason_of(got(md5_signed(changed(**{name: "1"}))), account) == "unknown_field"


def test_forms_that_two_programs_read_differently():
    fields = md5_signed(EPAY_PAID)
    query, body = got(fields).query, posted(fields).body
    assert reason_of(got(query + "&money=0.01")) == "repeated_field"
    assert reason_of(Webhook("GET", FORM, query, b"money=0.01")) == "mixed"
    assert reason_of(Webhook("POST", FORM, query, body)) == "mixed"
    assert reason_of(Webhook("POST", FORM, query, b"")) == "mixed"
    assert reason_of(Webhook("HEAD", {}, query, b"")) == "method"
    assert reason_of(posted(body + b"&x=" + b"1" * 10_000_000)) == "too_large"
    assert reason_of(got(query + "&x=%ff")) == "not_utf8"


names = st.sampled_from([*EPAY_PAID, "sign", "sign_type", "param", "notify_url", "x"])
values = st.one_of(st.sampled_from([*EPAY_PAID.values(), "", "MD5", "RSA", "-1"]), st.text(max_size=20))


@given(st.lists(st.tuples(names, values), max_size=12), st.booleans())
def test_any_form_is_an_event_or_refused(fields, is_signed):
    if is_signed:
        fields = list(md5_signed(dict(fields)).items())
    for webhook in (posted(fields), got(fields), got("&".join(f"{name}={value}" for name, value in fields))):
        for account in (ACCOUNT, epay_account(version="2")):
            try:
                EPay().parse_webhook(account, webhook)
            except BadWebhook:
                continue
            assert is_signed
            assert account is ACCOUNT


@given(st.binary(max_size=300), st.text(max_size=300))
def test_any_bytes_are_refused(body, query):
    for webhook in (posted(body), Webhook("GET", {}, query, b"")):
        with pytest.raises(BadWebhook):
            EPay().parse_webhook(ACCOUNT, webhook)


def test_replies():
    assert EPay().reply(ACCOUNT, accepted=True)[:2] == (200, "success")
    assert EPay().reply(epay_account(success_reply="ok"), accepted=True)[:2] == (200, "ok")
    assert EPay().reply(ACCOUNT, accepted=False)[:2] == (400, "fail")
