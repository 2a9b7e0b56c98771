"""What one serving process owns: the upstream client, the ledger writer, the snapshots and the running exchanges."""

import asyncio
import gc
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import SystemRandom
from threading import Barrier
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connections

from billing.holds import Heartbeat
from billing.models import UsageRecord
from billing.prices import load_price_list
from billing.tokenizer import warm_up
from billing.writer import LedgerWriter
from config.kernel.errors import Unavailable
from config.kernel.snapshot import Snapshot
from relay.catalog import load_routing_table
from relay.channel_keys import disable_refused_key
from relay.exchange import Exchange
from relay.health import Health
from relay.key_cache import KeyCache
from relay.limits import Limiter
from relay.reading_on import ReadingOn
from relay.routing import Target
from relay.upstream import Failure, new_client
from relay.watchdog import Watchdog
from tokens import refusals, sites
from tokens.config_version import current_versions

logger = logging.getLogger("tollbooth.relay")

T = TypeVar("T")
REFRESH_SECONDS = 1.0
HEARTBEAT_SECONDS = 2.0
READER_THREADS = 2
COLLECT_AFTER_OBJECTS = 5_000
WARM_AFTER_SECONDS = 600.0


class Runtime:
    """Started with the process's event loop, stopped before it ends."""

    def __init__(self) -> None:
        self.client = new_client()
        self.writer = LedgerWriter()
        self.limiter = Limiter(settings.REDIS_URL, budget=settings.RELAY_LIMITS_BUDGET)
        self.health = Health()
        self.reading_on = ReadingOn()
        self.random = SystemRandom()
        self.active: dict[UUID, Exchange] = {}
        self.prices = Snapshot(load_price_list, depends_on=("prices", "groups"))
        self.routing = Snapshot(load_routing_table, depends_on=("channels", "groups"))
        self.keys = KeyCache()
        self._readers = ThreadPoolExecutor(max_workers=READER_THREADS, thread_name_prefix="reader")
        self._kept: set[asyncio.Task[Any]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._watchdog: Watchdog
        self.is_draining = False

    async def start(self) -> None:
        """Load the snapshots, then keep them fresh and the leases of running exchanges alive."""
        self._watchdog = Watchdog()
        await asyncio.gather(self._refresh(), self.read(warm_up))
        collect_less_garbage()
        self._loops = [
            asyncio.create_task(self._repeat(REFRESH_SECONDS, self._refresh)),
            asyncio.create_task(self._repeat(HEARTBEAT_SECONDS, self._beat)),
            asyncio.create_task(self._repeat(HEARTBEAT_SECONDS, self.limiter.prolong)),
            asyncio.create_task(self._settle_in()),
        ]

    def drain(self) -> None:
        """Stop being ready; what still runs after the grace period is ended with an error and settled."""
        if not self.is_draining:
            self.is_draining = True
            self._loops.append(asyncio.create_task(self._end_after_grace()))

    async def _end_after_grace(self) -> None:
        await asyncio.sleep(settings.RELAY_DRAIN_SECONDS)
        restarting = Unavailable("The server is restarting. Please retry.", code="server_restarting")
        for exchange in list(self.active.values()):
            exchange.interrupt(restarting, UsageRecord.EndReason.SHUTDOWN)

    async def stop(self) -> None:
        """Settle what still runs, wait for every settlement, let go of sockets, threads and connections."""
        self._watchdog.stop()
        for loop in self._loops:
            loop.cancel()
        for exchange in list(self.active.values()):
            exchange.abandon(UsageRecord.EndReason.SHUTDOWN)
        if self._kept:
            await asyncio.wait(self._kept, timeout=settings.RELAY_DRAIN_SECONDS)
        await self.client.close()
        await self.writer.close()
        await self.limiter.close()
        everyone = Barrier(READER_THREADS)
        await asyncio.gather(*(self.read(_close_connections, everyone) for _ in range(READER_THREADS)))
        self._readers.shutdown(wait=True)

    async def read(self, query: Callable[..., T], *arguments: Any) -> T:
        """Run a database read in a reader thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, _read_or_reconnect, query, arguments)

    def keep(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run something to its end even if nobody waits for it."""
        task = asyncio.create_task(work)
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)
        return task

    def report_refused(self, target: Target, failure: Failure) -> None:
        """An upstream has refused the target's key: disable it, for every process."""
        if target.key_id is not None:
            reason = f"status {failure.upstream_status} {failure.reason}".strip()
            self.keep(self._disable(partial(disable_refused_key, key_id=target.key_id, reason=reason), target))

    async def _disable(self, work: Callable[[], bool], target: Target) -> None:
        try:
            if await self.read(work):
                logger.warning("channel %s: a key is disabled, its upstream refused it", target.channel_name)
        except DatabaseError as error:  # the key rests in this process; the next refusal tries again
            logger.warning("channel %s: a refused key could not be disabled: %s", target.channel_name, error)

    async def _refresh(self) -> None:
        self.keys.refresh(await self.read(self._load))

    def _load(self) -> dict[str, int]:
        """Read the snapshots again that have changed; returns the versions."""
        versions = current_versions()
        self.prices.refresh(versions)
        self.routing.refresh(versions)
        sites.refresh(versions)
        return versions

    async def _beat(self) -> None:
        if not self.active:
            return
        beats = [Heartbeat(exchange.id, exchange.seen()) for exchange in self.active.values()]
        for revoked in await self.writer.heartbeat(beats):
            if exchange := self.active.get(revoked):
                exchange.interrupt(refusals.revoked(), UsageRecord.EndReason.REVOKED)

    async def _settle_in(self) -> None:
        await asyncio.sleep(WARM_AFTER_SECONDS)
        collect_less_garbage()

    async def _repeat(self, seconds: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except (DatabaseError, InterfaceError) as error:
                logger.warning("background work failed, trying again: %s", error)
            except Exception:
                logger.exception("background work failed, trying again")


def collect_less_garbage() -> None:
    """What was loaded by now stays, so it is not searched for garbage; a request leaves next to none in cycles.

    Python would search after every 700 objects, which is several times in a request: a fifth of its CPU. With 5 000 it
    takes 2 ms after some five pages; with ten times as many, one page in fifty waited 60 ms for it. Templates and
    statements are loaded by the first pages that need them: until those are left out, too, a whole search takes 90 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 10, 10)


def _read_or_reconnect(query: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    try:
        return query(*arguments)
    except (OperationalError, InterfaceError):
        connections.close_all()  # a connection that a restart of the database has broken; once more on a new one
        return query(*arguments)


def _close_connections(everyone: Barrier) -> None:
    # Connections belong to threads: each reader must close its own, so none may take two of these tasks.
    everyone.wait()
    connections.close_all()


_current: Runtime | None = None


def current() -> Runtime:
    """The runtime of this process."""
    if _current is None:
        raise RuntimeError("the relay was not started: serve config.asgi:application with lifespan support")
    return _current


def is_draining() -> bool:
    """Whether this process is about to stop; false where no relay was started."""
    return _current is not None and _current.is_draining


async def start() -> Runtime:
    """Start this process's runtime."""
    global _current
    runtime = Runtime()
    await runtime.start()
    _current = runtime
    return runtime


async def stop() -> None:
    """Stop it; safe when it never started."""
    global _current
    runtime, _current = _current, None
    if runtime is not None:
        await runtime.stop()
