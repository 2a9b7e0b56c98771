"""Whose webhooks are believed, and when."""

import time
from dataclasses import replace

import pytest

from orders.providers.base import BadSignature, EventKind, Malformed
from tests.orders.providers.stripe.signing import OLDER_SECRET, SECRET, event, session, signature, webhook

BODY = event("checkout.session.completed", session())


def refusal(stripe, account, hook):
    with pytest.raises(BadSignature) as caught:
        stripe.parse_webhook(account, hook)
    return caught.value.reason


def with_secrets(account, **secrets):
    return replace(account, secrets={"secret_key": account.secrets["secret_key"], **secrets})


def test_a_signed_message_is_believed(stripe, account):
    (found,) = stripe.parse_webhook(account, webhook(BODY))
    assert found.kind is EventKind.PAID


@pytest.mark.parametrize("change", [BODY + b" ", BODY.replace(b"2990", b"1990"), b"", BODY[:-1]])
def test_a_changed_message_is_not(stripe, account, change):
    assert refusal(stripe, account, replace(webhook(BODY), body=change)) == "wrong_signature"


def test_only_the_signature_that_a_message_has_counts(stripe, account):
    now = int(time.time())
    right = signature(BODY, SECRET, now)
    for header, reason in {
        "": "no_signature",
        "t=": "unreadable_signature",
        f"v1={right}": "unreadable_signature",
        f"t={now}": "wrong_signature",
        f"t={now},v0={right}": "wrong_signature",
        f"t={now},v1={right.upper()}": "wrong_signature",
        f"t={now},v1={right[:-1]}": "wrong_signature",
        f"t={now},v1=": "wrong_signature",
        f"t={now + 1},v1={right}": "wrong_signature",
        f"t={now},t={now},v1={right}": "unreadable_signature",
        f"t={now}.0,v1={right}": "unreadable_signature",
        f"t= {now},v1={right}": "unreadable_signature",
        f"t=-{now},v1={right}": "unreadable_signature",
        f"t={now},v1={right}é": "unreadable_signature",
        f"t={now},v1={right}," + "v0=0," * 1000: "unreadable_signature",
    }.items():
        assert refusal(stripe, account, webhook(BODY, header=header)) == reason, header


def test_one_right_signature_among_several_is_enough(stripe, account):
    now = int(time.time())
    wrong, right = signature(BODY, OLDER_SECRET, now), signature(BODY, SECRET, now)
    header = f"t={now},v1={wrong},v1={right},v0={wrong},v2=whatever"
    assert stripe.parse_webhook(account, webhook(BODY, header=header))


@pytest.mark.parametrize("seconds", [-3600, -330, 330, 3600, 10**9])
def test_an_old_message_and_one_of_the_future_are_refused(stripe, account, seconds):
    hook = webhook(BODY, at=int(time.time()) + seconds)
    assert refusal(stripe, account, hook) == "out_of_time"


@pytest.mark.parametrize("seconds", [-200, 200])
def test_clocks_need_not_agree_to_the_minute(stripe, account, seconds):
    assert stripe.parse_webhook(account, webhook(BODY, at=int(time.time()) + seconds))


def test_both_secrets_count_while_one_replaces_the_other(stripe, account):
    rolling = with_secrets(account, webhook_secret=SECRET, previous_webhook_secret=OLDER_SECRET)
    for secret in (SECRET, OLDER_SECRET):
        assert stripe.parse_webhook(rolling, webhook(BODY, secret=secret))
    rolled = with_secrets(account, webhook_secret=SECRET, previous_webhook_secret="")
    assert refusal(stripe, rolled, webhook(BODY, secret=OLDER_SECRET)) == "wrong_signature"


@pytest.mark.parametrize("secret", ["", " ", "whsec_", "secret", "whsec_short", "whsec_test_secret_test_secret"])
def test_a_weak_secret_opens_nothing(stripe, account, secret):
    weak = with_secrets(account, webhook_secret=secret, previous_webhook_secret=secret)
    assert refusal(stripe, weak, webhook(BODY, secret=secret)) == "wrong_signature"
    assert refusal(stripe, with_secrets(account), webhook(BODY, secret=secret)) == "wrong_signature"


def test_ten_megabytes_are_refused_before_a_look_at_them(stripe, account):
    with pytest.raises(Malformed, match="too_large"):
        stripe.parse_webhook(account, webhook(b" " * 10 * 1024 * 1024))


def test_only_a_post_is_a_message(stripe, account):
    with pytest.raises(Malformed, match="method"):
        stripe.parse_webhook(account, webhook(BODY, method="GET"))


def test_the_status_alone_answers(stripe, account):
    assert stripe.reply(account, accepted=True).status == 200
    assert stripe.reply(account, accepted=False).status == 400
