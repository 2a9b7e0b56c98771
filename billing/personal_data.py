"""The money of one person: exported whole, and kept when the account is closed, because the books need it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db.models import Sum
from django.db.models.functions import TruncMonth

from accounts.models import User
from accounts.personal_data import Section, in_chunks
from billing.csv_lines import Dollars
from billing.models import LedgerEntry, PriceOverride, UserModelHour, Wallet


def sections(user: User) -> Iterator[Section]:
    """Amounts are exact dollars in strings. Usage by month and model; each request is in the usage log's own export."""
    wallet = Wallet.objects.get(user=user)
    yield "wallet", {"balance_usd": str(Dollars(wallet.balance)), "held_usd": str(Dollars(wallet.held))}
    entries = in_chunks(LedgerEntry.objects.filter(wallet=wallet))
    yield (
        "ledger",
        (
            {
                "time": entry.created_at,
                "kind": entry.kind,
                "amount_usd": str(Dollars(entry.amount)),
                "balance_after_usd": str(Dollars(entry.balance_after)),
                "reference": entry.reference,
            }
            for entry in entries
        ),
    )
    yield "usage_by_month", _usage(user)


def _usage(user: User) -> list[dict[str, object]]:
    sums = {f"sum_{name}": Sum(name) for name in ("requests", "input_tokens", "output_tokens", "charge")}
    months = UserModelHour.objects.filter(user=user).annotate(month=TruncMonth("hour")).values("month", "model")
    rows: Iterable[Mapping[str, Any]] = months.annotate(**sums).order_by("month", "model")
    return [
        {
            "month": row["month"].strftime("%Y-%m"),
            "model": row["model"],
            "requests": row["sum_requests"],
            "input_tokens": row["sum_input_tokens"],
            "output_tokens": row["sum_output_tokens"],
            "charge_usd": str(Dollars(row["sum_charge"])),
        }
        for row in rows
    ]


def objections(user: User) -> list[str]:
    """Credit that is left is its owner's to give up: the page says how much it is."""
    return []


def erase(user: User, *, alias: str) -> None:
    """No more notices, no prices of their own. The ledger names no person."""
    Wallet.objects.filter(user=user).update(notify_below=None)
    PriceOverride.objects.filter(user=user).delete()
