"""Prices, wallets, the ledger, usage records and their sums. All amounts are integer nano-dollars."""

from billing.models.ledger import AppendOnlyQuerySet, ImmutableRow, LedgerEntry, Wallet
from billing.models.prices import (
    OPTIONAL_PRICES,
    ModelPrice,
    PriceField,
    PriceOverride,
    validate_currency,
    validate_tiers,
)
from billing.models.rollups import (
    COST_SUMS,
    ROLLED_SUMS,
    STREAMED_SUMS,
    HourlySums,
    RollupMark,
    UsageHour,
    UsageRollup,
    UserHour,
    UserModelHour,
    UserTokenHour,
)
from billing.models.usage import DRAWINGS, TASKS, UNSUCCESSFUL, UsageRecord

__all__ = [
    "COST_SUMS",
    "DRAWINGS",
    "OPTIONAL_PRICES",
    "ROLLED_SUMS",
    "STREAMED_SUMS",
    "TASKS",
    "UNSUCCESSFUL",
    "AppendOnlyQuerySet",
    "HourlySums",
    "ImmutableRow",
    "LedgerEntry",
    "ModelPrice",
    "PriceField",
    "PriceOverride",
    "RollupMark",
    "UsageHour",
    "UsageRecord",
    "UsageRollup",
    "UserHour",
    "UserModelHour",
    "UserTokenHour",
    "Wallet",
    "validate_currency",
    "validate_tiers",
]
