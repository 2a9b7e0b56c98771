"""Credit is counted in whole nano-dollars (1e-9 USD); this module is the only place that converts or formats it."""

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from typing import NewType

NanoUSD = NewType("NanoUSD", int)

NANO_PER_USD = 1_000_000_000
PPM = 1_000_000
MINUS = "−"  # for people: as wide as a plus, and no line breaks after it
MAX_NANO = NanoUSD(9_000_000_000 * NANO_PER_USD)  # stays inside a signed 64-bit column with room to add


def ceil_div(numerator: int, denominator: int) -> int:
    """Round up without leaving the integers."""
    return -(-numerator // denominator)


def usd(text: str | int | Decimal) -> NanoUSD:
    """Exact dollars as nano-dollars. Raises ValueError for text that is no number or finer than a nano-dollar."""
    try:
        nano = Decimal(text) * NANO_PER_USD
    except InvalidOperation:
        raise ValueError(f"{text!r} is not an amount of dollars") from None
    if not nano.is_finite() or nano != nano.to_integral_value() or abs(nano) > MAX_NANO:
        raise ValueError(f"{text!r} is not an amount of dollars between ±{MAX_NANO // NANO_PER_USD}")
    return NanoUSD(int(nano))


def format_usd(nano: int, *, min_digits: int = 2) -> str:
    """`$1.00`, `$0.000042`, `−$3.50`: every digit that counts, at least `min_digits` after the point."""
    whole, fraction = divmod(abs(nano), NANO_PER_USD)
    digits = f"{fraction:09d}".rstrip("0").ljust(min_digits, "0")
    sign = MINUS if nano < 0 else ""
    return f"{sign}${whole:,}.{digits}" if digits else f"{sign}${whole:,}"


def decimal_usd(nano: int) -> str:
    """Exact dollars for machines: `0.000042`, `0`, `-12.5`."""
    return format_usd(nano, min_digits=0).replace("$", "").replace(",", "").replace(MINUS, "-")


def format_usd_short(nano: int, *, significant: int = 4) -> str:
    """For tiles and cells: cents from a dollar up, below it `significant` digits (`$0.004212`), never a lying zero."""
    if nano == 0 or abs(nano) >= NANO_PER_USD:
        cents = (abs(nano) + NANO_PER_USD // 200) // (NANO_PER_USD // 100)
        return f"{MINUS if nano < 0 else ''}${cents // 100:,}.{cents % 100:02d}"
    step = 10 ** max(len(str(abs(nano))) - significant, 0)
    return format_usd(_round_half_up(nano, step))


def _round_half_up(nano: int, step: int) -> int:
    rounded = (abs(nano) + step // 2) // step * step
    return rounded if nano >= 0 else -rounded


def nano_to_quota(nano: int, *, quota_per_usd: int) -> int:
    """Credit in the field's display unit, rounded down so that nobody is shown more than they have."""
    return nano * quota_per_usd // NANO_PER_USD


def quota_to_nano(quota: int, *, quota_per_usd: int) -> NanoUSD:
    """The display unit as credit. Raises ValueError where one quota is no whole number of nano-dollars."""
    nano = Fraction(quota * NANO_PER_USD, quota_per_usd)
    if nano.denominator != 1:
        raise ValueError(f"{quota} quota is not a whole number of nano-dollars")
    return NanoUSD(int(nano))


@lru_cache(maxsize=256)  # few groups, many rows
def format_ratio(ppm: int) -> str:
    """An exact multiplier from parts per million: 280000 → `0.28x`, 1000000 → `1x`."""
    text = f"{Decimal(ppm) / PPM:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "x"
