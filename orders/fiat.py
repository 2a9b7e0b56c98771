"""Money people pay with: integer minor units and an ISO code. Never mixed with credit."""

from typing import Final

_WITHOUT_MINOR_UNIT: Final = frozenset({"JPY", "KRW", "VND", "CLP", "ISK", "XAF", "XOF"})
_SYMBOLS: Final = {"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£"}


def format_fiat(minor: int, currency: str) -> str:
    """`¥9.90`, `$20.00`, `JPY 500`: every minor unit shown."""
    mark = _SYMBOLS.get(currency, f"{currency} ")
    if currency in _WITHOUT_MINOR_UNIT:
        return f"{mark}{minor:,}"
    return f"{mark}{minor // 100:,}.{minor % 100:02d}"
