"""The secret string of a token: `sk-` + 42 random characters + a 6-character checksum, all of [A-Za-z0-9].

The checksum lets junk and typing errors be refused without asking the database. Pure: hashing is given the pepper.
"""

import secrets
import string
import zlib

from config.kernel.sealing import keyed_hash

PREFIX = "sk-"
RANDOM_LENGTH = 42
CHECK_LENGTH = 6
KEY_LENGTH = len(PREFIX) + RANDOM_LENGTH + CHECK_LENGTH
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase


def make_key() -> str:
    """A fresh key: 250 bits from the system's generator."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return PREFIX + body + _checksum(body)


def is_well_formed(key: str) -> bool:
    """Whether `key` could have been made here; false for almost every typing error."""
    if len(key) != KEY_LENGTH or not key.startswith(PREFIX) or not key.isascii():
        return False
    body, check = key[len(PREFIX) : -CHECK_LENGTH], key[-CHECK_LENGTH:]
    return check == _checksum(body)


def key_hash(key: str, *, pepper: bytes) -> bytes:
    """The 32 bytes a token is looked up by."""
    return keyed_hash(key, pepper=pepper)


def head_and_tail(key: str) -> tuple[str, str]:
    """What is kept in clear to recognise a key: `sk-9Duf` and `KJLe`."""
    return key[:7], key[-4:]


def _checksum(body: str) -> str:
    value = zlib.crc32(body.encode())
    digits = []
    for _ in range(CHECK_LENGTH):
        value, remainder = divmod(value, len(ALPHABET))
        digits.append(ALPHABET[remainder])
    return "".join(reversed(digits))
