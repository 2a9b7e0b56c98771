"""Identifiers: time-ordered UUIDs for requests and short opaque ids for rows that people see."""

import os
import secrets
import time
from datetime import UTC, datetime
from uuid import UUID

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def uuid7() -> UUID:
    """A UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, the rest random. Python before 3.14 makes none."""
    return uuid7_at(time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10), "big"))


def uuid7_at(milliseconds: int, noise: int) -> UUID:
    """Build a UUIDv7 from its two parts; `noise` may have up to 74 significant bits."""
    value = (milliseconds & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76 | ((noise >> 62) & 0xFFF) << 64
    value |= 0b10 << 62 | (noise & ((1 << 62) - 1))
    return UUID(int=value)


def first_uuid7_of(moment: datetime) -> UUID:
    """The smallest UUIDv7 of that millisecond: turns a time range into a primary-key range."""
    return uuid7_at(int(moment.timestamp() * 1000), 0)


def uuid7_time(value: UUID) -> datetime:
    """When a UUIDv7 was made, to the millisecond, in UTC."""
    return datetime.fromtimestamp((value.int >> 80) / 1000, tz=UTC)


def opaque_id(prefix: str, length: int = 16) -> str:
    """`key_7h2k…`: unguessable, without letters that look alike."""
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(length))
