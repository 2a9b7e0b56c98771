"""One transaction for everything that waits: settlements, heartbeats and holds of many requests.

Rows are locked in one order everywhere (usage records, then wallets and their tokens by user), so two processes cannot
deadlock over the same customers. CHECK constraints stand behind every move.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone

from billing.admission import admit
from billing.holds import Heartbeat, Hold, Settlement, expired_records, settlement_of_abandoned
from billing.models import UsageRecord
from billing.store import Locked, Moves, Opened, Store
from billing.store_postgres import PostgresStore
from billing.store_sqlite import SqliteStore
from config.kernel.errors import DomainError
from config.kernel.money import NanoUSD


@dataclass(frozen=True, slots=True)
class Lot:
    """What one transaction does."""

    settlements: Sequence[Settlement] = ()
    heartbeats: Sequence[Heartbeat] = ()
    holds: Sequence[Hold] = ()
    is_retry: bool = False  # an earlier try may have been committed without our learning of it


class Outcome(NamedTuple):
    """Answers in the order of the questions: was it settled by this call; must it end because its key was revoked;
    how much is held, or why nothing."""

    settled: list[bool]
    revoked: list[bool]
    held: list[NanoUSD | DomainError]

    @property
    def refusals(self) -> list[DomainError | None]:
        """Why holds were refused, None for those that were placed."""
        return [answer if isinstance(answer, DomainError) else None for answer in self.held]


def commit(lot: Lot) -> Outcome:
    """Do all of a lot or, when the database fails, nothing. Raises DatabaseError."""
    now = timezone.now()
    lease = timedelta(seconds=settings.USAGE_LEASE_SECONDS)
    held: dict[UUID, NanoUSD | DomainError] = {**_already_open(lot.holds)} if lot.is_retry else {}
    new = [hold for hold in lot.holds if hold.id not in held]
    first = {item.id: place for place, item in reversed(list(enumerate(lot.settlements)))}
    moves = Moves()
    # The stores use the driver itself, whose errors nobody else would translate into Django's.
    with connection.wrap_database_errors, _transaction() as store:
        opened = _open(store, lot, first.values(), new, now=now, lease=lease)
        for record_id, record in opened.closed.items():
            moves.settle(record, lot.settlements[first[record_id]].charge)
        answers = _place(new, moves, opened.locked, now=now)
        if moves.wallets:
            store.write(moves, opened.locked, now=now, lease=lease)
    held.update(zip([hold.id for hold in new], answers, strict=True))
    return Outcome(
        settled=[place == first[item.id] and item.id in opened.closed for place, item in enumerate(lot.settlements)],
        revoked=[beat.id in opened.revoked for beat in lot.heartbeats],
        held=[held[hold.id] for hold in lot.holds],
    )


def _open(
    store: Store, lot: Lot, firsts: Iterable[int], holds: Sequence[Hold], *, now: datetime, lease: timedelta
) -> Opened:
    """Close and prolong records, then lock what the lot moves.

    Of several settlements of one record only the first counts, of several heartbeats the last.
    """
    if lot.settlements:
        store.close_records([lot.settlements[place] for place in firsts], now=now)
    if lot.heartbeats:
        store.prolong_leases(list({beat.id: beat for beat in lot.heartbeats}.values()), lease=lease)
    return store.lock_tokens(list({hold.token_id for hold in holds}))


def _already_open(holds: Sequence[Hold]) -> dict[UUID, NanoUSD]:
    ids = [hold.id for hold in holds]
    known = UsageRecord.objects.filter(pk__in=ids).values_list("pk", "hold")
    return {record_id: NanoUSD(amount) for record_id, amount in known}


def _place(holds: Sequence[Hold], moves: Moves, locked: Locked, *, now: datetime) -> list[NanoUSD | DomainError]:
    """Admit holds against locked rows, and note the moves of those that are."""
    _credit(locked, moves)
    answers = admit(holds, wallets=locked.wallets, tokens=locked.tokens, now=now)
    for answer in answers:
        if isinstance(answer, Hold):
            moves.hold(answer)
    return [answer.amount if isinstance(answer, Hold) else answer for answer in answers]


def _credit(locked: Locked, moves: Moves) -> None:
    """Let the holds of a lot use what its settlements have just freed."""
    for user_id, (balance, held) in moves.wallets.items():
        locked.wallets[user_id].available += balance - held
    for token_id, (used, held) in moves.tokens.items():
        state = locked.tokens[token_id]
        if state.left is not None:
            state.left -= used + held
    for closed, charge in moves.closed:
        locked.tokens[closed.token_id].spending.add(charge - closed.hold, counted_on=closed.counted_on)


def place_hold(hold: Hold) -> NanoUSD:
    """Place one hold and say how high, or raise why not and leave nothing."""
    held = commit(Lot(holds=[hold])).held[0]
    if isinstance(held, DomainError):
        raise held
    return held


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


def _transaction() -> AbstractContextManager[Store]:
    return PostgresStore.transaction() if connection.vendor == "postgresql" else SqliteStore.transaction()
