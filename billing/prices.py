"""The price list: an immutable snapshot of the rows in force now and of those that will be."""

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from billing.models import ModelPrice
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
    """Versions by model, oldest first."""

    versions: dict[str, tuple[PriceEntry, ...]]

    def price_of(self, model: str, *, at: datetime) -> PriceEntry | None:
        """The version in force at a moment; None for a model without a price, which cannot be called."""
        entries = self.versions.get(model, ())
        position = bisect_right(entries, at, key=lambda entry: entry.effective_from)
        return entries[position - 1] if position else None


def load_price_list() -> PriceList:
    """Read what is in force now or later; older versions live on in the usage records that were charged by them."""
    now = timezone.now()
    versions: defaultdict[str, list[PriceEntry]] = defaultdict(list)
    for row in ModelPrice.objects.order_by("model", "effective_from"):
        if row.effective_from <= now:
            versions[row.model].clear()
        versions[row.model].append(PriceEntry(row.pk, row.effective_from, row.prices, row.max_output_tokens))
    return PriceList({model: tuple(entries) for model, entries in versions.items()})
