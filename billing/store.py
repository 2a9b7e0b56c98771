"""What a lot asks of the database, whichever it is: each method is set-based and runs in the caller's transaction."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import orjson

from billing.admission import TokenState, WalletState
from billing.holds import Heartbeat, Hold, Settlement


class Closed(NamedTuple):
    """An open record that a settlement has just closed."""

    user_id: int
    token_id: int
    hold: int
    counted_on: date | None


class Store(Protocol):
    """The SQL of one database."""

    def close_records(self, settlements: Sequence[Settlement], *, now: datetime) -> dict[UUID, Closed]:
        """Move open records to their end by compare-and-set; returns those that this call closed."""

    def prolong_leases(self, heartbeats: Sequence[Heartbeat], *, until: datetime) -> None:
        """Keep open records from the sweep and note what they have produced."""

    def lock_wallets(self, user_ids: Sequence[int]) -> dict[int, WalletState]:
        """Lock wallets in the order of `user_ids`."""

    def lock_tokens(self, token_ids: Sequence[int]) -> dict[int, TokenState]:
        """Lock tokens in the order of `token_ids`."""

    def move_wallets(self, moves: Mapping[int, Sequence[int]]) -> None:
        """Add (balance, held) to wallets by user."""

    def move_tokens(
        self, moves: Mapping[int, Sequence[int]], *, tokens: Mapping[int, TokenState], now: datetime
    ) -> None:
        """Add (used, held) to tokens, write down their spending as it is now, and note that they were used."""

    def open_records(self, holds: Sequence[Hold], *, tokens: Mapping[int, TokenState], lease_until: datetime) -> None:
        """Insert one open usage record per hold, counted in its token's day."""


def token_row(token_id: int, move: Sequence[int], state: TokenState) -> tuple[Any, ...]:
    """A token's moves and spending in the order both databases take them."""
    spending = state.spending
    return (token_id, *move, spending.day, spending.day_spent, spending.month_spent)


def settlement_row(item: Settlement) -> tuple[Any, ...]:
    """A settlement's values in the order both databases take them."""
    usage = item.usage
    return (
        item.id,
        str(item.status),
        str(item.end_reason),
        str(item.rule),
        item.charge,
        usage.input,
        usage.cache_read,
        usage.cache_write,
        usage.output,
        usage.reasoning,
        item.is_suspect,
        item.channel_id,
        item.channel_name,
        orjson.dumps(item.attempts).decode(),
        item.http_status,
        item.error_code,
        item.first_byte_ms,
        item.total_ms,
        usage.cache_write_1h,
        usage.audio_input,
        usage.audio_output,
        usage.image_input,
        item.cost,
    )


def hold_row(hold: Hold, state: TokenState) -> tuple[Any, ...]:
    """A hold's values in the order both databases take them."""
    return (
        hold.id,
        hold.user_id,
        hold.token_id,
        hold.token_name,
        hold.group,
        hold.endpoint,
        hold.is_stream,
        hold.model,
        hold.quote.price_id,
        orjson.dumps(hold.quote.prices.as_dict()).decode(),
        hold.quote.ratio_ppm,
        hold.amount,
        hold.created_at,
        state.spending.day,
    )
