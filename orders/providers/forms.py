"""Strict reading of what a gateway sends to a notify address, and how amounts, times and titles are written.

A form that two programs read differently is an attack: no name twice, no parameters in two places at once, no broken
escape, nothing but UTF-8, and neither `&` nor `=` inside a value, because the signatures do not escape them.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from urllib.parse import unquote_to_bytes

from orders.providers.base import Malformed, Money, Webhook

MAX_BYTES = 64 * 1024
MAX_FIELDS = 64
FORM = "application/x-www-form-urlencoded"
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,9})(?:\.([0-9]{1,2}))?")
_FOLDING = frozenset("&=")
_BEIJING = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of one kind of message. Required ones must be there and say something.

    A field that is neither required nor optional is refused or, when the message `is_open`, taken unless forbidden.
    """

    signature: str
    required: frozenset[str]
    optional: frozenset[str] = frozenset()
    is_open: bool = False
    forbidden: frozenset[str] = frozenset()

    def check(self, fields: Mapping[str, str]) -> None:
        """Raises Malformed."""
        if any(not fields.get(name) for name in self.required):
            raise Malformed("missing_field")
        others = fields.keys() - self.required - self.optional
        if others & self.forbidden or (others and not self.is_open):
            raise Malformed("unknown_field")
        if any(not is_plain(value) for name, value in fields.items() if name != self.signature):
            raise Malformed("field_value")


def is_plain(value: str) -> bool:
    """Whether a value can be part of a signed text without being taken for something else."""
    return not _FOLDING & set(value) and not any(unicodedata.category(letter) == "Cc" for letter in value)


def notify_fields(webhook: Webhook, *, methods: frozenset[str]) -> dict[str, str]:
    """The parameters of a notification: the query of a GET or the body of a POST, never both. Raises Malformed."""
    if webhook.method not in methods:
        raise Malformed("method")
    query = _bytes(webhook.query)
    if query and webhook.body:
        raise Malformed("mixed")
    if webhook.method == "GET":
        return _read(query)
    if query:
        raise Malformed("mixed")
    if not _is_form(webhook.headers.get("content-type", "")):
        raise Malformed("content_type")
    return _read(webhook.body)


def _is_form(content_type: str) -> bool:
    kind, _, parameters = content_type.lower().partition(";")
    return kind.strip() == FORM and parameters.strip().replace('"', "") in ("", "charset=utf-8", "charset=utf8")


def _bytes(query: str) -> bytes:
    try:
        return query.encode()
    except UnicodeEncodeError:
        raise Malformed("not_utf8") from None


def _read(raw: bytes) -> dict[str, str]:
    if len(raw) > MAX_BYTES:
        raise Malformed("too_large")
    pairs = raw.split(b"&")
    if len(pairs) > MAX_FIELDS:
        raise Malformed("too_many_fields")
    fields: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition(b"=")
        if not equals or not _NAME.fullmatch(name.decode("latin-1")):
            raise Malformed("field_name")
        if (key := name.decode()) in fields:
            raise Malformed("repeated_field")
        fields[key] = _unquoted(value)
    return fields


def _unquoted(value: bytes) -> str:
    if _BROKEN_ESCAPE.search(value) or b"=" in value:
        raise Malformed("field_value")
    try:
        return unquote_to_bytes(value.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise Malformed("not_utf8") from None


# ── Amounts, times, names ────────────────────────────────────────────────────


def fen(text: str) -> int:
    """Yuan as gateways write them, exactly: `299`, `299.0` and `299.00` are 29900. Raises ValueError."""
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError("no amount of yuan")
    whole, decimals = match.groups(default="")
    return int(whole) * 100 + int(decimals.ljust(2, "0"))


def cny(text: str) -> Money:
    """The same as money. Raises ValueError."""
    return Money(fen(text), "CNY")


def notified_amount(text: str) -> Money:
    """The amount of a notification, which is never nothing. Raises Malformed."""
    try:
        amount = cny(text)
    except ValueError:
        raise Malformed("amount") from None
    if not amount.minor:
        raise Malformed("amount")
    return amount


def yuan(minor: int) -> str:
    """`29900` as `299.00`."""
    return f"{minor // 100}.{minor % 100:02d}"


def beijing_time(text: str) -> datetime | None:
    """`2026-04-06 09:30:12`, in the gateways' own time zone; None for anything else."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=_BEIJING)
    except ValueError:
        return None


def dedupe_key(*, txn_id: str, reference: str, status: str, amount: Money) -> str:
    """One key for every repetition of a notification: its time and nonce are left out, its status is not."""
    return hashlib.sha256(f"{txn_id}\n{reference}\n{status}\n{amount.minor}".encode()).hexdigest()


def plain_title(title: str, *, most_bytes: int, fallback: str) -> str:
    """A title that every gateway signs and stores alike: no `& = % \\`, no control character, no emoji."""
    kept = "".join(letter if _is_safe(letter) else " " for letter in unicodedata.normalize("NFC", title))
    cut = " ".join(kept.split()).encode()[:most_bytes].decode(errors="ignore").strip()
    return cut or fallback


def _is_safe(letter: str) -> bool:
    """Emoji are symbols or lie beyond the first plane, where many of these gateways' databases end."""
    if letter in "\\&=%" or ord(letter) > 0xFFFF or 0xFE00 <= ord(letter) <= 0xFE0F or letter == "\u20e3":
        return False
    return unicodedata.category(letter)[0] != "C" and unicodedata.category(letter) != "So"
