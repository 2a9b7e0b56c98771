"""What a lot asks of the database, whichever it is: one transaction, in which each step is set-based."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, Protocol
from uuid import UUID

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


class Opened(NamedTuple):
    """What the first steps of a lot found: records that it closed, records that must end because their key was revoked,
    and the rows that it locked."""

    closed: dict[UUID, Closed]
    revoked: set[UUID]
    locked: Locked


class Store(Protocol):
    """The SQL of one database for one transaction.

    What is closed and prolonged is told by `lock_tokens`, so that a database far away may do all three at once.
    """

    def close_records(self, settlements: Sequence[Settlement], *, now: datetime) -> None:
        """Move open records to their end by compare-and-set."""

    def prolong_leases(self, heartbeats: Sequence[Heartbeat], *, lease: timedelta) -> None:
        """Keep open records from the sweep for a lease from now, by the database's clock, and note what they have
        produced."""

    def lock_tokens(self, token_ids: Sequence[int]) -> Opened:
        """Lock these tokens, those of the closed records and the wallets of their users, in the order of users and then
        tokens."""

    def write(self, moves: Moves, locked: Locked, *, now: datetime, lease: timedelta) -> None:
        """The net changes of wallets and tokens, the tokens' spending, and an open record for each placed hold."""


def token_row(token_id: int, move: Sequence[int], state: TokenState) -> dict[str, Any]:
    """A token's moves and spending, in the order in which SQLite takes them and by the names of PostgreSQL."""
    spending = state.spending
    return {
        "id": token_id,
        "used": move[0],
        "held": move[1],
        "day": spending.day,
        "day_spent": spending.day_spent,
        "month_spent": spending.month_spent,
    }


def settlement_row(item: Settlement) -> dict[str, Any]:
    """A settlement's values, in the order in which SQLite takes them and by the names of PostgreSQL."""
    usage = item.usage
    return {
        "id": item.id,
        "status": str(item.status),
        "end_reason": str(item.end_reason),
        "rule": str(item.rule),
        "charge": item.charge,
        "input": usage.input,
        "cache_read": usage.cache_read,
        "cache_write": usage.cache_write,
        "output": usage.output,
        "reasoning": usage.reasoning,
        "is_suspect": item.is_suspect,
        "channel_id": item.channel_id,
        "channel_name": item.channel_name,
        "attempts": item.attempts,
        "http_status": item.http_status,
        "error_code": item.error_code,
        "first_byte_ms": item.first_byte_ms,
        "total_ms": item.total_ms,
        "cache_write_1h": usage.cache_write_1h,
        "audio_input": usage.audio_input,
        "audio_output": usage.audio_output,
        "image_input": usage.image_input,
        "cost": item.cost,
    }


def hold_row(hold: Hold, state: TokenState) -> dict[str, Any]:
    """A hold's values, in the order in which SQLite takes them and by the names of PostgreSQL."""
    return {
        "id": hold.id,
        "user_id": hold.user_id,
        "token_id": hold.token_id,
        "token_name": hold.token_name,
        "group": hold.group,
        "endpoint": hold.endpoint,
        "is_stream": hold.is_stream,
        "model": hold.model,
        "price_id": hold.quote.price_id,
        "prices": hold.quote.prices.as_dict(),
        "ratio_ppm": hold.quote.ratio_ppm,
        "hold": hold.amount,
        "created_at": hold.created_at,
        "counted_on": state.spending.day,
    }
