"""What arrives at xunhupay's notify address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.providers.base import BadSignature, BadWebhook, EventKind, Malformed, Money, Webhook
from orders.providers.xunhupay import Xunhupay
from tests.orders.providers.makers import (
    FORM,
    OLD,
    SECRET,
    XUNHUPAY_PAID,
    got,
    hashed,
    pairs,
    posted,
    xunhupay_account,
)

ACCOUNT = xunhupay_account()


def event_of(webhook, account=ACCOUNT):
    [event] = Xunhupay().parse_webhook(account, webhook)
    return event


def reason_of(webhook, account=ACCOUNT, kind=Malformed):
    with pytest.raises(BadWebhook) as refused:
        Xunhupay().parse_webhook(account, webhook)
    assert type(refused.value) is kind
    return refused.value.reason


def changed(**fields):
    return {name: value for name, value in (XUNHUPAY_PAID | fields).items() if value is not None}


def test_a_payment():
    body = pairs(XUNHUPAY_PAID) + "&hash=3cd8ffe26c28151045a945f9cb6d503f"
    event = event_of(Webhook("POST", FORM, "", body.replace(" ", "+").encode()))
    assert (event.kind, event.amount, event.live) == (EventKind.PAID, Money(29900, "CNY"), True)
    assert event.reference == "BUY202604060930ABCD"
    assert event.provider_ref == "20260406123456"
    assert event.txn_id == "4200002345202604061234567890"


def test_a_payment_with_chinese_words():
    assert event_of(posted(hashed(changed(order_title="20 元首购套餐")))).kind is EventKind.PAID


@pytest.mark.parametrize("amount", ["299", "299.0", "299.00"])
def test_amounts_that_are_equal(amount):
    event = event_of(posted(hashed(changed(total_fee=amount))))
    assert event.amount == Money(29900, "CNY")
    assert event.dedupe_key == event_of(posted(hashed(XUNHUPAY_PAID))).dedupe_key


@pytest.mark.parametrize("amount", ["299.000", "2.99e2", "-299", "２９９", "NaN", "0", "0.00", " 299"])
def test_amounts_that_are_refused(amount):
    assert reason_of(posted(hashed(changed(total_fee=amount)))) == "amount"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("WP", EventKind.WAITING),
        ("CD", EventKind.REFUNDED),
        ("RD", EventKind.OTHER),
        ("UD", EventKind.REFUND_FAILED),
        ("XX", EventKind.OTHER),
    ],
)
def test_other_statuses_say_no_amount(status, kind):
    event = event_of(posted(hashed(changed(status=status, transaction_id=None, open_order_id=None))))
    assert (event.kind, event.amount) == (kind, None)


def test_a_failed_refund_may_name_itself():
    event = event_of(posted(hashed(changed(status="UD", out_refund_no="R1"))))
    assert (event.kind, event.refund_ref) == (EventKind.REFUND_FAILED, "R1")


def test_one_key_for_repetitions_and_another_for_another_happening():
    first = event_of(posted(hashed(XUNHUPAY_PAID))).dedupe_key
    again = event_of(posted(hashed(changed(time="1775469999", nonce_str="other", attach="")))).dedupe_key
    assert again == first
    others = [{"status": "CD"}, {"total_fee": "298.00"}, {"transaction_id": "1"}, {"trade_order_id": "BUY2"}]
    keys = {event_of(posted(hashed(changed(**other)))).dedupe_key for other in others}
    assert len(keys | {first}) == 5


# ── Signatures ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("hash_of", [str.upper, lambda right: right + " ", lambda right: right[::-1]])
def test_wrong_hashes(hash_of):
    fields = hashed(XUNHUPAY_PAID)
    fields["hash"] = hash_of(fields["hash"])
    assert reason_of(posted(fields), kind=BadSignature) == "signature"


@pytest.mark.parametrize("name", sorted(XUNHUPAY_PAID.keys() - {"status", "total_fee"}))
def test_no_field_can_be_changed(name):
    fields = hashed(XUNHUPAY_PAID)
    fields[name] += "1"
    assert reason_of(posted(fields), kind=BadSignature) == "signature"


def test_a_secret_that_is_being_changed():
    changing = xunhupay_account(previous=OLD)
    assert event_of(posted(hashed(XUNHUPAY_PAID, OLD)), changing)
    assert event_of(posted(hashed(XUNHUPAY_PAID, SECRET)), changing)
    assert reason_of(posted(hashed(XUNHUPAY_PAID, OLD)), kind=BadSignature) == "signature"


@pytest.mark.parametrize("secret", ["", "short", "6D7B025B8DD098C485F0805193136FB9"])
def test_a_secret_that_is_none(secret):
    account = xunhupay_account(secret=secret)
    assert reason_of(posted(hashed(XUNHUPAY_PAID, secret)), account, BadSignature) == "signature"
    assert reason_of(posted(hashed(XUNHUPAY_PAID, "")), account, BadSignature) == "signature"


def test_another_account_of_the_same_secret():
    assert reason_of(posted(hashed(changed(appid="201906120002")))) == "foreign_account"
    assert reason_of(posted(hashed(XUNHUPAY_PAID)), xunhupay_account(appid="")) == "foreign_account"


# ── Shapes ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("name", sorted(XUNHUPAY_PAID.keys() - {"plugins", "order_title"}))
def test_a_field_that_is_missing(name, value):
    assert reason_of(posted(hashed(changed(**{name: value})))) == "missing_field"


def test_no_hash_at_all():
    assert reason_of(posted(XUNHUPAY_PAID)) == "missing_field"
    assert reason_of(posted(XUNHUPAY_PAID | {"hash": ""})) == "missing_field"


def test_a_new_field_is_part_of_the_hash():
    assert event_of(posted(hashed(changed(order_date="2026-04-06"))))
    fields = hashed(XUNHUPAY_PAID) | {"order_date": "2026-04-06"}
    assert reason_of(posted(fields), kind=BadSignature) == "signature"


@pytest.mark.parametrize("name", ["notify_url", "return_url", "version", "type", "title", "url", "errcode", "openid"])
def test_fields_of_requests_and_answers(name):
    assert reason_of(posted(hashed(changed(**{name: "1"})))) == "unknown_field"


def test_values_that_fold_fields():
    """The same text to hash, once as two fields and once as one."""
    one = hashed(changed(order_title="starter plan&plugins=reseller", plugins=None))
    assert one["hash"] == hashed(XUNHUPAY_PAID)["hash"]
    assert reason_of(posted(one)) == "field_value"


def test_forms_that_two_programs_read_differently():
    fields = hashed(XUNHUPAY_PAID)
    whole = posted(fields).body
    assert reason_of(posted(whole + b"&total_fee=0.01")) == "repeated_field"
    assert reason_of(posted(b"total_fee=0.01&" + whole)) == "repeated_field"
    assert reason_of(Webhook("POST", FORM, "total_fee=0.01", whole)) == "mixed"
    assert reason_of(got(fields)) == "method"
    assert reason_of(posted(whole + b"&x=" + b"1" * 10_000_000)) == "too_large"
    assert reason_of(posted(whole + b"&x=%ff")) == "not_utf8"


names = st.sampled_from([*XUNHUPAY_PAID, "hash", "attach", "version", "x"])
values = st.one_of(st.sampled_from([*XUNHUPAY_PAID.values(), "", "CD", "-1"]), st.text(max_size=20))


@given(st.lists(st.tuples(names, values), max_size=14), st.booleans())
def test_any_form_is_an_event_or_refused(fields, is_signed):
    """Only fields that were signed as they are make an event."""
    if is_signed:
        fields = list(hashed(dict(fields)).items())
    text = "&".join(f"{name}={value}" for name, value in fields)
    for webhook in (posted(fields), posted(text.encode(errors="replace"))):
        try:
            events = Xunhupay().parse_webhook(ACCOUNT, webhook)
        except BadWebhook:
            continue
        assert is_signed
        assert len(events) == 1


@given(st.binary(max_size=400))
def test_any_bytes_are_refused(body):
    with pytest.raises(BadWebhook):
        Xunhupay().parse_webhook(ACCOUNT, posted(body))


def test_replies():
    assert Xunhupay().reply(ACCOUNT, accepted=True)[:2] == (200, "success")
    assert Xunhupay().reply(ACCOUNT, accepted=False)[:2] == (400, "fail")
