"""The price list: an immutable snapshot of the rows in force now and of those that will be."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from billing.models import ModelPrice, PriceOverride
from billing.pricing import Prices


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """One version of a model's price."""

    price_id: int
    effective_from: datetime
    prices: Prices
    max_output_tokens: int


@dataclass(frozen=True, slots=True)
class PriceList:
    """Versions by model, oldest first; customers' own prices by (user, model) and ratios by user and group code."""

    versions: dict[str, tuple[PriceEntry, ...]]
    own_prices: dict[tuple[int, str], Prices] = field(default_factory=dict)
    own_ratios: dict[int, dict[str, int]] = field(default_factory=dict)

    def price_of(self, model: str, *, at: datetime) -> PriceEntry | None:
        """The version in force at a moment; None for a model without a price, which cannot be called."""
        entries = self.versions.get(model, ())
        position = bisect_right(entries, at, key=lambda entry: entry.effective_from)
        return entries[position - 1] if position else None

    def prices_for(self, user_id: int, model: str, entry: PriceEntry) -> Prices:
        """What this customer pays before the ratio: a price of their own, or the list's."""
        return self.own_prices.get((user_id, model), entry.prices)

    def ratios_for(self, user_id: int) -> Mapping[str, int]:
        """The groups whose ratio is this customer's own, by code, in parts per million."""
        return self.own_ratios.get(user_id, {})


def load_price_list() -> PriceList:
    """Read what is in force now or later; older versions live on in the usage records that were charged by them."""
    now = timezone.now()
    versions: defaultdict[str, list[PriceEntry]] = defaultdict(list)
    for row in ModelPrice.objects.order_by("model", "effective_from"):
        if row.effective_from <= now:
            versions[row.model].clear()
        versions[row.model].append(PriceEntry(row.pk, row.effective_from, row.prices, row.max_output_tokens))
    own_prices, own_ratios = _overrides()
    return PriceList({model: tuple(entries) for model, entries in versions.items()}, own_prices, own_ratios)


def _overrides() -> tuple[dict[tuple[int, str], Prices], dict[int, dict[str, int]]]:
    prices: dict[tuple[int, str], Prices] = {}
    ratios: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for row in PriceOverride.objects.select_related("group"):
        if row.group is None:
            prices[row.user_id, row.model] = row.prices
        elif row.ratio_ppm is not None:
            ratios[row.user_id][row.group.code] = row.ratio_ppm
    return prices, dict(ratios)
