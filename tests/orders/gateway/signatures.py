"""The signatures of the protocols, written for the tests: what a shop would check, and how it would sign."""

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key


def canonical(fields):
    """Sorted `name=value` pairs without the empty ones and without the signature."""
    names = [name for name in fields if name not in ("hash", "sign", "sign_type") and fields[name] not in ("", None)]
    return "&".join(f"{name}={fields[name]}" for name in sorted(names))


def md5_of(fields, secret):
    return hashlib.md5(f"{canonical(fields)}{secret}".encode()).hexdigest()


def rsa_of(fields, private_key):
    key = load_der_private_key(base64.b64decode(private_key), None)
    return base64.b64encode(key.sign(canonical(fields).encode(), PKCS1v15(), hashes.SHA256())).decode()


def check_rsa(fields, public_key):
    """Raises InvalidSignature when the fields were not signed by the holder of the key."""
    key = load_der_public_key(base64.b64decode(public_key))
    key.verify(base64.b64decode(fields["sign"]), canonical(fields).encode(), PKCS1v15(), hashes.SHA256())


def stripe_signature(header):
    """Time and signature of a Stripe-Signature header."""
    parts = dict(part.split("=", 1) for part in header.split(","))
    return int(parts["t"]), parts["v1"]


def stripe_is_right(told, secret):
    stamp, signature = stripe_signature(told.headers["stripe-signature"])
    payload = f"{stamp}.".encode() + told.body
    return hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest() == signature
