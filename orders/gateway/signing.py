"""Signatures, and how to spoil them on request."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

RSA_BITS = 2048


def joined(fields: Mapping[str, str], *, without: tuple[str, ...]) -> str:
    """`a=1&b=2`: sorted by name, values raw, empty ones and the signature itself left out."""
    kept = sorted((name, value) for name, value in fields.items() if value != "" and name not in without)
    return "&".join(f"{name}={value}" for name, value in kept)


def md5(text: str) -> str:
    """32 lower-case hexadecimal digits: what MD5 gateways sign with, the secret at the end of the text."""
    return hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - the protocol says MD5


def same(left: str, right: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


def hmac_sha256(secret: str, payload: bytes) -> str:
    """Lower-case hexadecimal."""
    return hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()


def rsa_sign(private_key: str, text: str) -> str:
    """SHA256withRSA, PKCS #1 v1.5, in base64. The key is PEM, or its base64 alone."""
    key = cast(rsa.RSAPrivateKey, serialization.load_der_private_key(_der(private_key), password=None))
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def rsa_verifies(public_key: str, text: str, signature: str) -> bool:
    """Whether the holder of the private key signed this text."""
    key = cast(rsa.RSAPublicKey, serialization.load_der_public_key(_der(public_key)))
    try:
        key.verify(base64.b64decode(signature, validate=True), text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def rsa_pair() -> tuple[str, str]:
    """A new private key (PKCS #8) and its public key, both as the base64 that such gateways show to merchants."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    der = serialization.Encoding.DER
    private = key.private_bytes(der, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(der, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(private).decode(), base64.b64encode(public).decode()


def _der(key: str) -> bytes:
    """What is inside PEM, with or without its first and last line."""
    return base64.b64decode("".join(line for line in key.split("\n") if not line.startswith("-----")))


def spoiled(signature: str) -> str:
    """A signature of the same form that is wrong."""
    return ("1" if signature[0] == "0" else "0") + signature[1:]
