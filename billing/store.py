"""What a lot asks of the database, whichever it is: each method is set-based and runs in the caller's transaction."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
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


class Locked(NamedTuple):
    """Tokens by id and the wallets of their users by user id, under lock until the transaction ends."""

    wallets: dict[int, WalletState]
    tokens: dict[int, TokenState]


@dataclass(slots=True)
class Moves:
    """Net changes by row: (balance, held) of wallets by user, (used, held) of tokens; and where they come from."""

    wallets: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    tokens: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    closed: list[tuple[Closed, int]] = field(default_factory=list)
    placed: list[Hold] = field(default_factory=list)

    def settle(self, closed: Closed, charge: int) -> None:
        _add(self.wallets[closed.user_id], -charge, -closed.hold)
        _add(self.tokens[closed.token_id], charge, -closed.hold)
        self.closed.append((closed, charge))

    def hold(self, hold: Hold) -> None:
        _add(self.wallets[hold.user_id], 0, hold.amount)
        _add(self.tokens[hold.token_id], 0, hold.amount)
        self.placed.append(hold)


def _add(pair: list[int], first: int, second: int) -> None:
    pair[0] += first
    pair[1] += second


class Store(Protocol):
    """The SQL of one database."""

    def close_records(self, settlements: Sequence[Settlement], *, now: datetime) -> dict[UUID, Closed]:
        """Move open records to their end by compare-and-set; returns those that this call closed."""

    def prolong_leases(self, heartbeats: Sequence[Heartbeat], *, lease: timedelta) -> set[UUID]:
        """Keep open records from the sweep for a lease from now, by the database's clock, and note what they have
        produced; returns those whose key was revoked."""

    def lock_tokens(self, token_ids: Sequence[int]) -> Locked:
        """Lock tokens and the wallets of their users, in the order of users and then tokens."""

    def write(self, moves: Moves, locked: Locked, *, now: datetime, lease: timedelta) -> None:
        """The net changes of wallets and tokens, the tokens' spending, and an open record for each placed hold."""


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
