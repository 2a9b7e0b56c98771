"""The one door of a serving process to the money tables: holds, heartbeats and settlements, committed in groups.

While one lot is being committed the next one gathers; an idle process commits at once. One thread and one connection
do all of it, so that a process never waits for itself and the event loop never waits for the database.
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError, connections

from billing.holds import Heartbeat, Hold, Settlement
from billing.lots import Lot, Outcome, commit
from billing.models import UsageRecord
from billing.pricing import Usage
from config.kernel.errors import DomainError, Unavailable
from config.kernel.money import NanoUSD

logger = logging.getLogger("tollbooth.writer")

GATHER_SECONDS = 0.004  # waited only when the last lot held more than one request
MAX_LOT = 512
MAX_WAITING_HOLDS = 4_096
HOLD_SECONDS = 2.0
RETRY_FIRST_SECONDS = 0.05
RETRY_MAX_SECONDS = 2.0


@dataclass(slots=True, eq=False)
class Asked:
    """One request to the writer and the future its asker waits for."""

    what: Hold | Settlement | Heartbeat
    answer: "asyncio.Future[Any]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class LedgerWriter:
    """Gathers what is asked, commits it lot by lot, answers each asker exactly."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._waiting: list[Asked] = []
        self._waiting_holds = 0
        self._turning: asyncio.Task[None] | None = None
        self._gather = False
        self._closed = False

    async def place_hold(self, hold: Hold) -> NanoUSD:
        """How much is held, durably. Raises why nothing is, or Unavailable when the database does not answer."""
        if self._closed or self._waiting_holds >= MAX_WAITING_HOLDS:
            raise _unavailable()
        asked = self._ask(hold)
        self._waiting_holds += 1
        asked.answer.add_done_callback(self._hold_answered)
        try:
            async with asyncio.timeout(HOLD_SECONDS):
                return NanoUSD(await asyncio.shield(asked.answer))
        except TimeoutError:
            asked.answer.add_done_callback(lambda answer: self._undo_late(hold, answer))
            raise _unavailable() from None

    async def settle(self, settlement: Settlement) -> bool:
        """Durable when this returns; waits for as long as the database is away, since the service was given already."""
        return bool(await asyncio.shield(self._ask(settlement).answer))

    async def heartbeat(self, heartbeats: Sequence[Heartbeat]) -> set[UUID]:
        """Prolong the leases of running requests; returns those that must end because their key was revoked."""
        revoked = await asyncio.gather(*[self._ask(beat).answer for beat in heartbeats])
        return {beat.id for beat, is_revoked in zip(heartbeats, revoked, strict=True) if is_revoked}

    async def close(self) -> None:
        """Finish what was accepted and let go of the connection."""
        self._closed = True
        while self._turning is not None and not self._turning.done():
            await asyncio.shield(self._turning)
        await asyncio.get_running_loop().run_in_executor(self._thread, connections.close_all)
        self._thread.shutdown(wait=True)

    def _ask(self, what: Hold | Settlement | Heartbeat) -> Asked:
        asked = Asked(what)
        self._waiting.append(asked)
        if self._turning is None or self._turning.done():
            self._turning = asyncio.create_task(self._turn())
        return asked

    def _hold_answered(self, answer: "asyncio.Future[Any]") -> None:
        self._waiting_holds -= 1

    def _undo_late(self, hold: Hold, answer: "asyncio.Future[Any]") -> None:
        """Free a hold that was placed after its asker had been told no."""
        if not answer.cancelled() and answer.exception() is None:
            self._ask(_nothing_happened(hold))

    async def _turn(self) -> None:
        """Commit lots until nothing waits."""
        while self._waiting:
            if self._gather:
                await asyncio.sleep(GATHER_SECONDS)
            lot, self._waiting = self._waiting[:MAX_LOT], self._waiting[MAX_LOT:]
            self._gather = len(lot) > 1
            await self._commit(lot)

    async def _commit(self, asked: list[Asked], *, is_retry: bool = False) -> None:
        """Commit a lot, again and again while the database fails; a lot that breaks a rule is taken apart."""
        pause = RETRY_FIRST_SECONDS
        while True:
            try:
                outcome = await self._in_thread(lot_of(asked, is_retry=is_retry))
            except (IntegrityError, DataError) as error:
                await self._take_apart(asked, error, is_retry=is_retry)
                return
            except (DatabaseError, InterfaceError) as error:
                logger.warning("the ledger waits for the database: %s", error)
                await asyncio.sleep(pause)
                pause, is_retry = min(pause * 2, RETRY_MAX_SECONDS), True
            except Exception as error:  # a waiter must never be left without an answer
                logger.exception("the ledger failed")
                _fail(asked, error)
                return
            else:
                _answer(asked, outcome)
                return

    async def _take_apart(self, asked: list[Asked], error: Exception, *, is_retry: bool) -> None:
        """One bad request must not fail its neighbours; alone, it gets a second try and then its error."""
        if len(asked) > 1 or not is_retry:
            for one in asked:
                await self._commit([one], is_retry=True)
            return
        logger.error("the database refused %s: %s", asked[0].what, error)
        _fail(asked, error)

    async def _in_thread(self, lot: Lot) -> Outcome:
        return await asyncio.get_running_loop().run_in_executor(self._thread, _commit_or_reconnect, lot)


def lot_of(asked: Sequence[Asked], *, is_retry: bool) -> Lot:
    """The lot of what was asked, each kind in the order of asking."""
    return Lot(
        settlements=[one.what for one in asked if isinstance(one.what, Settlement)],
        heartbeats=[one.what for one in asked if isinstance(one.what, Heartbeat)],
        holds=[one.what for one in asked if isinstance(one.what, Hold)],
        is_retry=is_retry,
    )


def _answer(asked: Sequence[Asked], outcome: Outcome) -> None:
    settled, revoked, held = iter(outcome.settled), iter(outcome.revoked), iter(outcome.held)
    for one in asked:
        match one.what:
            case Settlement():
                _resolve(one, next(settled))
            case Hold():
                _resolve(one, next(held))
            case Heartbeat():
                _resolve(one, next(revoked))


def _fail(asked: Sequence[Asked], error: Exception) -> None:
    for one in asked:
        if not one.answer.done():
            one.answer.set_exception(error)


def _resolve(asked: Asked, answer: object) -> None:
    if asked.answer.done():
        return
    if isinstance(answer, DomainError):
        asked.answer.set_exception(answer)
    else:
        asked.answer.set_result(answer)


def _commit_or_reconnect(lot: Lot) -> Outcome:
    try:
        return commit(lot)
    except (OperationalError, InterfaceError):
        connections.close_all()  # what broke stays broken; the next try opens a new one
        raise


def _nothing_happened(hold: Hold) -> Settlement:
    return Settlement(
        id=hold.id,
        status=UsageRecord.Status.FAILED,
        end_reason=UsageRecord.EndReason.INTERNAL_ERROR,
        rule=UsageRecord.Rule.NOTHING,
        usage=Usage(),
        charge=NanoUSD(0),
        http_status=503,
        error_code="billing_unavailable",
    )


def _unavailable() -> Unavailable:
    return Unavailable("Billing is unavailable for a moment. Please retry.", code="billing_unavailable", retry_after=2)
