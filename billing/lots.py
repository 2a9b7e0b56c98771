"""One transaction for everything that waits: settlements, heartbeats and holds of many requests.

Rows are locked in one order everywhere (usage records, then wallets and their tokens by user), so two processes cannot
deadlock over the same customers. CHECK constraints stand behind every move.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from billing import store_postgres, store_sqlite
from billing.admission import admit
from billing.holds import Heartbeat, Hold, Settlement, expired_records, settlement_of_abandoned
from billing.models import UsageRecord
from billing.store import Locked, Moves, Store
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
    store = _store()
    # The stores use the driver's own cursors, whose errors nobody else would translate into Django's.
    with connection.wrap_database_errors, transaction.atomic():
        moves = Moves()
        settled = _settle_all(store, lot.settlements, moves, now=now)
        revoked = _prolong(store, lot.heartbeats, lease=lease)
        held: dict[UUID, NanoUSD | DomainError] = {**_already_open(lot.holds)} if lot.is_retry else {}
        new = [hold for hold in lot.holds if hold.id not in held]
        held.update(zip([hold.id for hold in new], _place(store, new, moves, now, lease), strict=True))
    return Outcome(settled, revoked, [held[hold.id] for hold in lot.holds])


def _settle_all(store: Store, settlements: Sequence[Settlement], moves: Moves, *, now: datetime) -> list[bool]:
    """Close the records; of several settlements of one record only the first counts."""
    first = {settlement.id: place for place, settlement in reversed(list(enumerate(settlements)))}
    closed = store.close_records([settlements[place] for place in first.values()], now=now) if first else {}
    for record_id, record in closed.items():
        moves.settle(record, settlements[first[record_id]].charge)
    return [place == first[item.id] and item.id in closed for place, item in enumerate(settlements)]


def _prolong(store: Store, heartbeats: Sequence[Heartbeat], *, lease: timedelta) -> list[bool]:
    """Prolong the leases; of several heartbeats of one record the last counts."""
    last = {beat.id: beat for beat in heartbeats}
    revoked = store.prolong_leases(list(last.values()), lease=lease) if last else set()
    return [beat.id in revoked for beat in heartbeats]


def _already_open(holds: Sequence[Hold]) -> dict[UUID, NanoUSD]:
    ids = [hold.id for hold in holds]
    known = UsageRecord.objects.filter(pk__in=ids).values_list("pk", "hold")
    return {record_id: NanoUSD(amount) for record_id, amount in known}


def _place(
    store: Store, holds: Sequence[Hold], moves: Moves, now: datetime, lease: timedelta
) -> list[NanoUSD | DomainError]:
    """Admit holds against locked rows and write every move of the lot at once."""
    concerned = {*moves.tokens, *(hold.token_id for hold in holds)}
    if not concerned:
        return []
    locked = store.lock_tokens(list(concerned))
    _credit(locked, moves)
    answers = admit(holds, wallets=locked.wallets, tokens=locked.tokens, now=now)
    for answer in answers:
        if isinstance(answer, Hold):
            moves.hold(answer)
    if moves.wallets:
        store.write(moves, locked, now=now, lease=lease)
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


def _store() -> Store:
    return store_postgres.STORE if connection.vendor == "postgresql" else store_sqlite.STORE
