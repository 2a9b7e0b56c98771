"""Tiers of long prompts as they are stored and typed, checked before they can price anything. Pure."""

from typing import Any

from billing.pricing import FALLBACKS, KINDS
from config.kernel.money import NANO_PER_USD, decimal_usd, usd

MAX_PRICE = 1_000_000 * NANO_PER_USD  # a million dollars per million tokens: above it somebody mistyped
MAX_THRESHOLD = 100_000_000
MAX_TIERS = 8
_REQUIRED = frozenset(KINDS) - FALLBACKS.keys()


def clean_tiers(value: Any) -> list[dict[str, int]]:
    """`[{"above": tokens, "input": nano, "output": nano, …}]` by rising threshold.

    Raises ValueError that names the tier and its field.
    """
    if not isinstance(value, list) or len(value) > MAX_TIERS:
        raise ValueError(f"tiers must be a list of at most {MAX_TIERS}.")
    reached = 0
    for number, tier in enumerate(value, start=1):
        _check_names(number, tier)
        for name, amount in tier.items():
            _check_number(number, name, amount)
        if tier["above"] <= reached:
            raise ValueError(f"tier {number}: above must be larger than {reached}.")
        reached = tier["above"]
    return value


def _check_names(number: int, tier: Any) -> None:
    if not isinstance(tier, dict):
        raise ValueError(f"tier {number} must be an object.")  # noqa: TRY004 - a value of somebody's form
    if missing := sorted({"above", *_REQUIRED} - tier.keys()):
        raise ValueError(f"tier {number}: {missing[0]} is missing.")
    if unknown := sorted(tier.keys() - {"above", *KINDS}):
        raise ValueError(f"tier {number}: there is no price named {unknown[0]}.")


def _check_number(number: int, name: str, amount: Any) -> None:
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise ValueError(f"tier {number}: {name} must be a whole number.")  # noqa: TRY004
    least, most = (1, MAX_THRESHOLD) if name == "above" else (0, MAX_PRICE)
    if not least <= amount <= most:
        raise ValueError(f"tier {number}: {name} must be from {least} to {most}.")


def parse_tiers(text: str) -> list[dict[str, int]]:
    """Lines such as `200000: input=2.50, output=15, cache_read=0.25`, in dollars per million. Raises ValueError."""
    return clean_tiers([_parse_line(line) for line in text.splitlines() if line.strip()])


def _parse_line(line: str) -> dict[str, int]:
    above, colon, prices = line.partition(":")
    if not colon or not above.strip().isdecimal():
        raise ValueError(f"{line.strip()!r}: begin with the number of tokens and a colon.")
    tier = {"above": int(above)}
    for pair in prices.split(","):
        name, _, dollars = pair.partition("=")
        tier[name.strip()] = usd(dollars.strip())
    return tier


def format_tiers(tiers: list[dict[str, int]]) -> str:
    """The lines that `parse_tiers` reads."""
    return "\n".join(_format_line(tier) for tier in tiers)


def _format_line(tier: dict[str, int]) -> str:
    prices = ", ".join(f"{kind}={decimal_usd(tier[kind])}" for kind in KINDS if kind in tier)
    return f"{tier['above']}: {prices}"
