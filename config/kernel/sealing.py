"""Secrets at rest: keyed hashes to look up what we never need to read, AES-256-GCM for what we must read back.

The associated data names purpose, row and owner, so a ciphertext copied into another row does not open.
"""

import hashlib
import hmac
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION = b"\x01"
_NONCE_BYTES = 12


class SealBroken(Exception):
    """The ciphertext was altered, belongs to another row, or was sealed under another master key."""


def keyed_hash(secret: str, *, pepper: bytes) -> bytes:
    """32 bytes that identify `secret` and reveal nothing without the pepper. Fast: the secret has 240 bits."""
    mac = _keyed(pepper).copy()
    mac.update(secret.encode())
    return mac.digest()


@lru_cache(maxsize=4)
def _keyed(pepper: bytes) -> hmac.HMAC:
    """Made once: the one call that does all lets go of the GIL, and waits for it when other threads are busy."""
    return hmac.new(pepper, digestmod=hashlib.sha256)


def seal(plain: str, *, master: bytes, purpose: str, context: str) -> bytes:
    """Encrypt for one purpose and one row; `context` is the row and owner, e.g. `key_7h2k:42`."""
    nonce = os.urandom(_NONCE_BYTES)
    body = AESGCM(_derive(master, purpose)).encrypt(nonce, plain.encode(), _associated(purpose, context))
    return _VERSION + nonce + body


def unseal(sealed: bytes, *, master: bytes, purpose: str, context: str) -> str:
    """The plain text, or SealBroken."""
    if sealed[:1] != _VERSION or len(sealed) <= 1 + _NONCE_BYTES:
        raise SealBroken("unknown format")
    nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        return AESGCM(_derive(master, purpose)).decrypt(nonce, body, _associated(purpose, context)).decode()
    except InvalidTag:
        raise SealBroken(f"a sealed {purpose} did not open") from None


def _derive(master: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(master)


def _associated(purpose: str, context: str) -> bytes:
    return f"{purpose}\x1f{context}".encode()
