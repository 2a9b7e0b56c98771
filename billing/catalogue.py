"""The price catalogue: public list prices from a file of our own, and how those become rows of the price list."""

import tomllib
from collections.abc import Collection, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from django.db import transaction

from billing.models import OPTIONAL_PRICES, ModelPrice
from config.kernel.money import NANO_PER_USD, NanoUSD, ceil_div

CATALOGUE_FILE = Path(__file__).with_name("data") / "price_catalogue.toml"
LONGEST_ANSWER = 16_384
_PRICES = ("input", "output", "per_call", *OPTIONAL_PRICES)


class Listed(NamedTuple):
    """A model of the catalogue: the unsaved row, the page it stands on, when it was read, and whether that is sure."""

    price: ModelPrice
    source: str
    date: str
    is_verified: bool


class Loaded(NamedTuple):
    """What became of the catalogue: rows added, models that had a price already, names it does not know."""

    added: list[Listed]
    kept: list[str]
    unknown: list[str]


def read_catalogue(path: Path = CATALOGUE_FILE) -> list[Listed]:
    """Every model of the file. Raises ValidationError for a price that cannot be."""
    catalogue = tomllib.loads(path.read_text(encoding="utf-8"))
    per_usd = {"USD": Fraction(1), "CNY": Fraction(catalogue["cny_per_usd"])}
    return [
        Listed(_row(model, group, per_usd[group["currency"]]), group["source"], group["date"], group["verified"])
        for group in catalogue["list"]
        for model in group["models"]
    ]


def load_catalogue(*, only: Collection[str] = (), dry_run: bool = False) -> Loaded:
    """Give a price to the models (or those of `only`) that have none; a price that exists is never changed."""
    listed = {entry.price.model: entry for entry in read_catalogue()}
    wanted = {model: entry for model, entry in listed.items() if not only or model in only}
    priced = set(ModelPrice.objects.filter(model__in=wanted).values_list("model", flat=True))
    added = [entry for model, entry in wanted.items() if model not in priced]
    if not dry_run:
        with transaction.atomic():
            for entry in added:
                entry.price.save()
    return Loaded(added, sorted(priced), sorted(set(only) - listed.keys()))


def _row(model: Mapping[str, Any], group: Mapping[str, Any], per_usd: Fraction) -> ModelPrice:
    tiers = [{"above": tier["above"], **_nano(tier, per_usd)} for tier in model.get("tiers", ())]
    row = ModelPrice(
        model=model["model"],
        provider=group["provider"],
        tags=model["tags"],
        display_currency=group["currency"],
        max_output_tokens=LONGEST_ANSWER,
        tiers=tiers,
        **_nano(model, per_usd),
    )
    row.full_clean(validate_unique=False, validate_constraints=False)
    return row


def _nano(prices: Mapping[str, Any], per_usd: Fraction) -> dict[str, NanoUSD]:
    return {name: _dollars(prices[name], per_usd) for name in _PRICES if name in prices}


def _dollars(amount: str, per_usd: Fraction) -> NanoUSD:
    """Nano-dollars, rounded up: a conversion must not undersell."""
    nano = Fraction(amount) * NANO_PER_USD / per_usd
    return NanoUSD(ceil_div(nano.numerator, nano.denominator))
