"""Amounts: integer minor units inside, decimal yuan on the wire of the Chinese gateways."""

import re

from .web import Refused

YUAN = re.compile(r"(\d{1,12})(?:\.(\d{1,2}))?", re.ASCII)
WITHOUT_MINOR_UNITS = frozenset({"clp", "jpy", "krw", "pyg", "ugx", "vnd", "xaf", "xof"})  # of those in common use


def fen(text: str) -> int:
    """`299`, `299.0` and `299.00` as 29900. Raises Refused for anything else, and for nothing at all."""
    found = YUAN.fullmatch(text)
    amount = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else 0
    if amount == 0:
        raise Refused("The amount is not a positive number of yuan with at most two places.")
    return amount


def yuan(amount: int) -> str:
    """29900 as `299.00`."""
    return f"{amount // 100}.{amount % 100:02}"


def readable(amount: int, currency: str) -> str:
    """For people: `299.00 CNY`, `500 JPY`."""
    number = str(amount) if currency.lower() in WITHOUT_MINOR_UNITS else yuan(amount)
    return f"{number} {currency.upper()}"
