"""The one door of a process to the money tables: holds, heartbeats and settlements, from async code.

All of them run in one thread with its own database connection, so that a process never waits for itself and the event
loop never waits for the database.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from uuid import UUID

from django.db import DatabaseError, InterfaceError, close_old_connections, connections

from billing import holds
from billing.holds import Hold, Settlement
from billing.pricing import Usage
from config.kernel.errors import Unavailable

logger = logging.getLogger("tollbooth.writer")

T = TypeVar("T")
R = TypeVar("R")
RETRY_FIRST_SECONDS = 0.2
RETRY_MAX_SECONDS = 5.0


class LedgerWriter:
    """Place holds and settle them; `close` waits for what was accepted."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")

    async def place_hold(self, hold: Hold) -> None:
        """Durable when this returns. Raises what `holds.place_hold` raises, or Unavailable without a database."""
        try:
            await self._run(holds.place_hold, hold)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("hold refused, the database failed: %s", error)
            raise Unavailable(
                "Billing is unavailable for a moment. Please retry.", code="billing_unavailable", retry_after=2
            ) from error

    async def settle(self, settlement: Settlement) -> bool:
        """Durable when this returns; keeps trying while the database is away, since the service was given already."""
        pause = RETRY_FIRST_SECONDS
        while True:
            try:
                return await self._run(holds.settle, settlement)
            except (DatabaseError, InterfaceError) as error:
                logger.warning("settlement of %s waits for the database: %s", settlement.id, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, RETRY_MAX_SECONDS)

    async def heartbeat(self, seen: Sequence[tuple[UUID, Usage]]) -> None:
        """Prolong the leases of running requests; a lost beat is made good by the next."""
        try:
            await self._run(holds.heartbeat, seen)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("heartbeat lost: %s", error)

    async def close(self) -> None:
        """Finish what was accepted and let go of the connection."""
        await self._run(lambda _: connections.close_all(), None)
        self._thread.shutdown(wait=True)

    async def _run(self, work: Callable[[T], R], argument: T) -> R:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, _with_fresh_connection, work, argument)


def _with_fresh_connection(work: Callable[[T], R], argument: T) -> R:
    close_old_connections()
    return work(argument)
