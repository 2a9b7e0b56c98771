"""Money people pay with: integer minor units and an ISO code. Never mixed with credit."""

import re
from typing import Final

from config.kernel.money import MINUS

_WITHOUT_MINOR_UNIT: Final = frozenset({"JPY", "KRW", "VND", "CLP", "ISK", "XAF", "XOF"})
_AMOUNT: Final = re.compile(r"([0-9]{1,15}|[0-9]{1,3}(?:,[0-9]{3}){1,4})(?:\.([0-9]+))?")  # a comma is no decimal point
_SYMBOLS: Final = {"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£"}


def format_fiat(minor: int, currency: str) -> str:
    """`¥9.90`, `−$20.00`, `JPY 500`: every minor unit shown."""
    mark, size = _SYMBOLS.get(currency, f"{currency} "), abs(minor)
    digits = f"{size:,}" if currency in _WITHOUT_MINOR_UNIT else f"{size // 100:,}.{size % 100:02d}"
    return f"{MINUS if minor < 0 else ''}{mark}{digits}"


def decimal_fiat(minor: int, currency: str) -> str:
    """`9.90`, `500`: as people type it."""
    if currency in _WITHOUT_MINOR_UNIT:
        return str(minor)
    return f"{minor // 100}.{minor % 100:02d}"


def parse_fiat(text: str, currency: str) -> int:
    """The minor units of `9.9`, `1,000.50` or `¥9.90`. Raises ValueError for anything finer or else."""
    digits = 0 if currency in _WITHOUT_MINOR_UNIT else 2
    plain = text.strip().removeprefix(_SYMBOLS.get(currency, currency)).strip()
    match = _AMOUNT.fullmatch(plain)
    fraction = (match[2] or "") if match else ""
    if match is None or len(fraction.rstrip("0")) > digits:
        raise ValueError("no amount of this currency")
    return int(match[1].replace(",", "") + fraction[:digits].ljust(digits, "0"))
