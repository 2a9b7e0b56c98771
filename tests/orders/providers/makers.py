"""Accounts, charges and signed messages, made without the code under test."""

import base64
import time
from datetime import UTC, datetime
from hashlib import md5
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from orders.providers.base import Account, Charge, Money, RefundCall, Webhook

SECRET = "0123456789abcdef0123456789abcdef"
KEY = "k3yk3yk3yk3yk3yk3yk3yk3yk3yk3y01"
OLD = "an older secret of this account"
FORM = {"content-type": "application/x-www-form-urlencoded"}

XUNHUPAY_PAID = {
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
}
EPAY_PAID = {
    "money": "90.00",
    "name": "topup_100",
    "out_trade_no": "TOP202604060935WXYZ",
    "pid": "1001",
    "trade_no": "2026040609361234567",
    "trade_status": "TRADE_SUCCESS",
    "type": "alipay",
}


def xunhupay_account(base_url="", *, live=True, secret=SECRET, previous="", **options):
    named = {"appid": "201906123456", "base_url": base_url} | options
    return Account(1, named, {"secret": secret, "previous_secret": previous}, live)


def epay_account(base_url="https://pay.example.com", *, live=True, secret=KEY, previous="", **options):
    named = {"pid": "1001", "payment_type": "alipay", "base_url": base_url} | options
    return Account(2, named, {"secret": secret, "previous_secret": previous}, live)


def charge(**changes):
    given = {
        "reference": "BUY202604060930ABCD",
        "order_no": "BUY202604060930ABCD",
        "title": "starter plan",
        "amount": Money(29900, "CNY"),
        "notify_url": "https://shop.example/api/webhooks/xunhupay/1",
        "return_url": "https://shop.example/pricing/pay",
        "expires_at": datetime(2026, 4, 6, 9, 30, tzinfo=UTC),
        "client_ip": "203.0.113.7",
    }
    return Charge(**given | changes)


def refund_call(**changes):
    given = {
        "reference": "BUY202604060930ABCD",
        "provider_ref": "20260406123456",
        "txn_id": "4200002345202604061234567890",
        "amount": Money(29900, "CNY"),
        "total": Money(29900, "CNY"),
        "idempotency_key": "refund:17",
        "reason": "not wanted",
    }
    return RefundCall(**given | changes)


# ── Signatures ───────────────────────────────────────────────────────────────


def pairs(fields, *without):
    return "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if value and name not in without)


def hashed(fields, secret=SECRET):
    """Signed as xunhupay does."""
    return fields | {"hash": md5((pairs(fields, "hash") + secret).encode()).hexdigest()}


def md5_signed(fields, key=KEY):
    """Signed as EPay V1 does."""
    sign = md5((pairs(fields, "sign", "sign_type") + key).encode()).hexdigest()
    return fields | {"sign": sign, "sign_type": "MD5"}


def rsa_signed(fields, key):
    """Signed as EPay V2 does, now unless it says another time."""
    fields = {"timestamp": str(int(time.time()))} | fields
    raw = key.sign(pairs(fields, "sign", "sign_type").encode(), padding.PKCS1v15(), hashes.SHA256())
    return fields | {"sign": base64.b64encode(raw).decode(), "sign_type": "RSA"}


def new_key(bits=2048):
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def private_pem(key, form=serialization.PrivateFormat.PKCS8):
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def public_pem(key):
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, spki).decode()


def bare(pem):
    """As the gateways' own pages show a key: one line without its armour."""
    return "".join(line for line in pem.splitlines() if not line.startswith("-"))


# ── Requests ─────────────────────────────────────────────────────────────────


def posted(fields):
    body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
    return Webhook("POST", FORM, "", body)


def got(fields):
    return Webhook("GET", {}, fields if isinstance(fields, str) else urlencode(fields), b"")
