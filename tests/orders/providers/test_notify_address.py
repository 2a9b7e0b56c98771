"""The addresses that gateways report to, over HTTP and with the real adapters: who has one, and what is let in."""

import hashlib
from urllib.parse import urlencode

import pytest

from orders.models import ProviderAccount, WebhookEvent
from orders.payments.accounts import set_secrets
from tests.orders.providers import makers
from tests.orders.providers.makers import EPAY_PAID, KEY, SECRET, XUNHUPAY_PAID, hashed, md5_signed, rsa_signed
from tests.orders.providers.stripe import signing

pytestmark = pytest.mark.django_db
MARK = "not-in-any-log"
FORM = "application/x-www-form-urlencoded"
EPAY = {"pid": "1001", "payment_type": "alipay", "base_url": "https://pay.example.com"}
STRIPE_KEY = "sk_live_51RvP0wQz8Lk3Jm2Nb7Yc"
PROTOCOLS = ("xunhupay", "epay", "epay2", "stripe")


def xunhupay():
    return {"appid": "201906123456"}, {"secret": SECRET}, urlencode(hashed(XUNHUPAY_PAID | {"order_title": MARK}))


def epay():
    return EPAY, {"secret": KEY}, urlencode(md5_signed(EPAY_PAID | {"name": MARK}))


def stripe():
    body = signing.event("checkout.session.completed", signing.session(note=MARK), livemode=True)
    return {}, {"secret_key": STRIPE_KEY, "webhook_secret": signing.SECRET}, body.decode()


@pytest.fixture
def terms_of(merchant_key, platform_key):
    """`terms_of(protocol)`: options, secrets and a genuine message of an account."""

    def epay2():
        keys = {
            "private_key": makers.private_pem(merchant_key),
            "platform_public_key": makers.public_pem(platform_key),
        }
        return EPAY | {"version": "2"}, keys, urlencode(rsa_signed(EPAY_PAID | {"name": MARK}, platform_key))

    makers_of = {"xunhupay": xunhupay, "epay": epay, "epay2": epay2, "stripe": stripe}
    return lambda protocol: makers_of[protocol]()


@pytest.fixture
def send(client, terms_of):
    """`send(protocol, mangled=…, **secrets)`: what an account with these secrets answers to its message, mangled."""

    def send(protocol, *, mangled=lambda body: body, content_type=None, **secrets):
        options, proper, message = terms_of(protocol)
        row = ProviderAccount(slug=protocol, name=protocol, provider=protocol.rstrip("2"), options=options)
        set_secrets(row, proper | secrets)
        row.save()
        send.body = mangled(message.encode())
        headers, kind = {}, content_type or FORM
        if protocol == "stripe":
            headers, kind = signing.webhook(send.body).headers, "application/json"
        return client.post(f"/api/payments/{protocol}/notify", send.body, content_type=kind, headers=headers)

    return send


# ── Who has an address ───────────────────────────────────────────────────────


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_genuine_message_is_stored(send, protocol):
    assert send(protocol).status_code == 200
    assert WebhookEvent.objects.count() == 1


@pytest.mark.parametrize(
    ("protocol", "name", "secret"),
    [
        *[("xunhupay", "secret", secret) for secret in ("", "short", "6D7B025B8DD098C485F0805193136FB9", "x" * 32)],
        *[("epay", "secret", secret) for secret in ("", "short", "89unJUB8HZ54Hj7x4nUj56HN4nUzUJ8i")],
        *[("epay2", "platform_public_key", key) for key in ("", "short")],
        *[("stripe", "webhook_secret", secret) for secret in ("", "whsec_short", "whsec_test_secret_of_everybody")],
        ("stripe", "secret_key", ""),
    ],
)
def test_without_a_proper_secret_there_is_no_address(send, protocol, name, secret):
    assert send(protocol, **{name: secret}).status_code == 404
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize("provider", ["manual", "free"])
def test_who_has_no_gateway_hears_nothing(client, provider):
    ProviderAccount.objects.create(slug="own", provider=provider, name="own", options={"instructions": "IBAN"})
    assert client.post("/api/payments/own/notify", b"status=paid", content_type=FORM).status_code == 404


# ── What is let in ───────────────────────────────────────────────────────────

FORMS = {
    "a name twice": lambda body: body + b"&" + body.split(b"&")[0],
    "first another amount": lambda body: b"total_fee=0.01&money=0.01&" + body,
    "no UTF-8": lambda body: body + b"&attach=%ff%fe",
    "no UTF-8, not escaped": lambda body: body + b"&attach=\xff\xfe",
    "a broken escape": lambda body: body + b"&attach=%zz",
    "a field folded in": lambda body: body.replace(MARK.encode(), MARK.encode() + b"%26pid%3D1"),
    "many fields": lambda body: body + b"".join(b"&f%d=1" % number for number in range(100)),
    "nothing": lambda body: b"",
    "cut short": lambda body: body[:-1],
}
JSONS = {
    "a name twice": lambda body: body.replace(b'"object": "event"', b'"object": "event", "object": "event"', 1),
    "no UTF-8": lambda body: body.replace(MARK.encode(), MARK.encode() + b"\xff\xfe"),
    "no number": lambda body: body.replace(b"2990", b"NaN"),
    "deeper than one reads": lambda body: b"[" * 30_000,
    "nothing": lambda body: b"",
    "cut short": lambda body: body[:-1],
}


@pytest.mark.parametrize(
    ("protocol", "name"),
    [(protocol, name) for protocol in PROTOCOLS for name in (JSONS if protocol == "stripe" else FORMS)],
)
def test_of_a_hostile_message_nothing_is_kept_but_size_and_hash(send, caplog, protocol, name):
    answer = send(protocol, mangled=(JSONS if protocol == "stripe" else FORMS)[name])
    assert (answer.status_code, len(answer.content) < 20) == (400, True)
    assert not WebhookEvent.objects.exists()
    assert f"({len(send.body)} bytes, sha256 {hashlib.sha256(send.body).hexdigest()})" in caplog.text
    assert MARK not in caplog.text


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_of_ten_megabytes_not_even_that(send, caplog, protocol):
    answer = send(protocol, mangled=lambda body: body + MARK.encode() * (10 * 1024 * 1024 // len(MARK)))
    assert answer.status_code == 413
    assert not WebhookEvent.objects.exists()
    assert MARK not in caplog.text


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_a_form_of_another_type_is_refused(send, content_type):
    assert send("xunhupay", content_type=content_type).status_code == 400
    assert not WebhookEvent.objects.exists()


def test_a_query_is_not_logged_either(client, terms_of, caplog):
    options, secrets, message = terms_of("epay")
    row = ProviderAccount(slug="epay", name="epay", provider="epay", options=options)
    set_secrets(row, secrets)
    row.save()
    query = f"{message}&money=0.01"
    assert client.get(f"/api/payments/epay/notify?{query}").status_code == 400
    assert f"({len(query)} bytes, sha256 {hashlib.sha256(query.encode()).hexdigest()})" in caplog.text
    assert MARK not in caplog.text


# ── Each message at each address ─────────────────────────────────────────────


@pytest.mark.parametrize("teller", PROTOCOLS)
def test_a_message_counts_at_its_own_address_alone(client, terms_of, teller):
    for protocol in PROTOCOLS:
        options, secrets, _message = terms_of(protocol)
        row = ProviderAccount(slug=protocol, name=protocol, provider=protocol.rstrip("2"), options=options)
        set_secrets(row, secrets)
        row.save()
    body = terms_of(teller)[2].encode()
    headers = signing.webhook(body).headers if teller == "stripe" else {}
    kind = "application/json" if teller == "stripe" else FORM
    answers = {
        protocol: client.post(f"/api/payments/{protocol}/notify", body, content_type=kind, headers=headers).status_code
        for protocol in PROTOCOLS
    }
    assert answers == {protocol: 200 if protocol == teller else 400 for protocol in PROTOCOLS}
    assert list(WebhookEvent.objects.values_list("account__slug", flat=True)) == [teller]
