"""One transaction for everything that waits: settlements, heartbeats and holds of many requests.

Rows are locked in one order everywhere (usage records, wallets by user, tokens by id), so two processes cannot
deadlock over the same customers. CHECK constraints stand behind every move.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from billing import store_postgres, store_sqlite
from billing.admission import TokenState, WalletState, admit
from billing.holds import Heartbeat, Hold, Settlement, expired_records, settlement_of_abandoned
from billing.models import UsageRecord
from billing.store import Closed, Store
from config.kernel.errors import DomainError


@dataclass(frozen=True, slots=True)
class Lot:
    """What one transaction does."""

    settlements: Sequence[Settlement] = ()
    heartbeats: Sequence[Heartbeat] = ()
    holds: Sequence[Hold] = ()
    is_retry: bool = False  # an earlier try may have been committed without our learning of it


class Outcome(NamedTuple):
    """Answers in the order of the questions: was it settled by this call; None or why a hold was refused."""

    settled: list[bool]
    refusals: list[DomainError | None]


@dataclass(slots=True)
class Moves:
    """Net changes by row: (balance, held) of wallets by user, (used, held) of tokens; and what was closed for what."""

    wallets: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    tokens: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    closed: list[tuple[Closed, int]] = field(default_factory=list)

    def settle(self, closed: Closed, charge: int) -> None:
        _add(self.wallets[closed.user_id], -charge, -closed.hold)
        _add(self.tokens[closed.token_id], charge, -closed.hold)
        self.closed.append((closed, charge))

    def hold(self, hold: Hold) -> None:
        _add(self.wallets[hold.user_id], 0, hold.amount)
        _add(self.tokens[hold.token_id], 0, hold.amount)


def commit(lot: Lot) -> Outcome:
    """Do all of a lot or, when the database fails, nothing. Raises DatabaseError."""
    now = timezone.now()
    lease_until = now + timedelta(seconds=settings.USAGE_LEASE_SECONDS)
    store = _store()
    # The stores use the driver's own cursors, whose errors nobody else would translate into Django's.
    with connection.wrap_database_errors, transaction.atomic():
        moves = Moves()
        settled = _settle_all(store, lot.settlements, moves, now=now)
        if lot.heartbeats:
            store.prolong_leases(lot.heartbeats, until=lease_until)
        known = _already_open(lot.holds) if lot.is_retry else frozenset()
        new = [hold for hold in lot.holds if hold.id not in known]
        refusals = dict(zip([hold.id for hold in new], _place(store, new, moves, now, lease_until), strict=True))
    return Outcome(settled, [refusals.get(hold.id) for hold in lot.holds])


def _settle_all(store: Store, settlements: Sequence[Settlement], moves: Moves, *, now: datetime) -> list[bool]:
    """Close the records; of several settlements of one record only the first counts."""
    first = {settlement.id: settlement for settlement in reversed(settlements)}
    closed = store.close_records(list(first.values()), now=now) if first else {}
    for record_id, record in closed.items():
        moves.settle(record, first[record_id].charge)
    return [settlement is first[settlement.id] and settlement.id in closed for settlement in settlements]


def _already_open(holds: Sequence[Hold]) -> frozenset[UUID]:
    ids = [hold.id for hold in holds]
    return frozenset(UsageRecord.objects.filter(pk__in=ids).values_list("pk", flat=True))


def _place(
    store: Store, holds: Sequence[Hold], moves: Moves, now: datetime, lease_until: datetime
) -> list[DomainError | None]:
    """Admit holds against locked rows and write every move of the lot at once."""
    wallets = store.lock_wallets(sorted({*moves.wallets, *(hold.user_id for hold in holds)}))
    tokens = store.lock_tokens(sorted({*moves.tokens, *(hold.token_id for hold in holds)}))
    _credit(wallets, tokens, moves)
    refusals = admit(holds, wallets=wallets, tokens=tokens, now=now)
    placed = [hold for hold, refusal in zip(holds, refusals, strict=True) if refusal is None]
    for hold in placed:
        moves.hold(hold)
    if moves.wallets:
        store.move_wallets(moves.wallets)
        store.move_tokens(moves.tokens, tokens=tokens, now=now)
    if placed:
        store.open_records(placed, tokens=tokens, lease_until=lease_until)
    return refusals


def _credit(wallets: Mapping[int, WalletState], tokens: Mapping[int, TokenState], moves: Moves) -> None:
    """Let the holds of a lot use what its settlements have just freed."""
    for user_id, (balance, held) in moves.wallets.items():
        wallets[user_id].available += balance - held
    for token_id, (used, held) in moves.tokens.items():
        state = tokens[token_id]
        if state.left is not None:
            state.left -= used + held
    for closed, charge in moves.closed:
        tokens[closed.token_id].spending.add(charge - closed.hold, counted_on=closed.counted_on)


def place_hold(hold: Hold) -> None:
    """Place one hold, or raise why not and leave nothing."""
    refusal = commit(Lot(holds=[hold])).refusals[0]
    if refusal is not None:
        raise refusal


def settle(settlement: Settlement) -> bool:
    """Settle one request; False when something else settled it first."""
    return commit(Lot(settlements=[settlement])).settled[0]


def heartbeat(heartbeats: Iterable[Heartbeat]) -> None:
    """Note that requests still run."""
    commit(Lot(heartbeats=list(heartbeats)))


def sweep_expired(*, limit: int = 500) -> int:
    """Settle what dead processes left open; returns how many records this call settled."""
    settlements = [settlement_of_abandoned(record) for record in expired_records(limit=limit)]
    return sum(settle(settlement) for settlement in settlements)


def _add(pair: list[int], first: int, second: int) -> None:
    pair[0] += first
    pair[1] += second


def _store() -> Store:
    return store_postgres.STORE if connection.vendor == "postgresql" else store_sqlite.STORE
