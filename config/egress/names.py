"""Names to addresses, within a time limit: a name that is slow or dead costs its own channel and no other."""

import asyncio
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from functools import lru_cache
from threading import Lock, Thread

from django.conf import settings
from django.utils.module_loading import import_string

from config.egress.errors import NameUnresolved

Lookup = Callable[[str], list[str]]
DEAD_SECONDS = 5.0


def system_lookup(host: str) -> list[str]:
    """The addresses of a name as the machine's own resolver knows them. Raises OSError; may take very long."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Names:
    """Looks names up in threads, one look-up at a time for each name; remembers for a while which names failed.

    Threads of its own, because a pool would be full after a few slow names, and daemons, because a process that ends
    need not wait for a name server.
    """

    def __init__(self, lookup: Lookup, *, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lookup, self._patience, self._clock = lookup, patience, clock
        self._lock = Lock()
        self._running: dict[str, Future[list[str]]] = {}
        self._dead: dict[str, tuple[float, str]] = {}

    def addresses(self, host: str) -> list[str]:
        """The name's addresses, blocking. Raises NameUnresolved."""
        try:
            return self._started(host).result(self._patience)
        except FutureTimeout:
            raise self._silent(host) from None

    async def addresses_soon(self, host: str) -> list[str]:
        """The name's addresses. Raises NameUnresolved."""
        try:
            async with asyncio.timeout(self._patience):
                return await asyncio.wrap_future(self._started(host))
        except TimeoutError:
            raise self._silent(host) from None

    def _started(self, host: str) -> "Future[list[str]]":
        """The look-up of this name that is under way, or a new one."""
        with self._lock:
            until, reason = self._dead.get(host, (0.0, ""))
            if reason and self._clock() < until:
                raise NameUnresolved(reason)
            if host not in self._running:
                future: Future[list[str]] = Future()
                self._running[host] = future
                future.set_running_or_notify_cancel()  # so that nobody who stops waiting can cancel it for the others
                Thread(target=self._look_up, args=(host, future), daemon=True, name="look-up").start()
            return self._running[host]

    def _look_up(self, host: str, future: "Future[list[str]]") -> None:
        try:
            found = self._lookup(host)
        except Exception as error:  # whatever it is, somebody is waiting
            reason = getattr(error, "strerror", None) or type(error).__name__
            failure = self._bury(host, f"This host name is unknown: {host} ({reason}).")
            self._forget(host)
            future.set_exception(failure)
        else:
            with self._lock:
                self._dead.pop(host, None)  # it was only slow
            self._forget(host)
            future.set_result(found)

    def _forget(self, host: str) -> None:
        with self._lock:
            self._running.pop(host, None)

    def _silent(self, host: str) -> NameUnresolved:
        return self._bury(host, f"The host name {host} could not be looked up within {self._patience:g} s.")

    def _bury(self, host: str, reason: str) -> NameUnresolved:
        with self._lock:
            self._dead[host] = (self._clock() + DEAD_SECONDS, reason)
        return NameUnresolved(reason)


def names() -> Names:
    """The process's own, shared by all clients and sessions."""
    return _names(settings.EGRESS_LOOKUP, settings.EGRESS_LOOKUP_TIMEOUT)


@lru_cache
def _names(lookup: str, patience: float) -> Names:
    return Names(import_string(lookup), patience=patience)
