"""Who may send how much in a minute: what a key asks, what it is told, and the counts of one process.

The window slides in steps of a second: no 60 seconds ever hold more than a limit, and what was counted in a second is
forgotten 61 seconds later. Tokens are counted as estimated when a request is admitted and put right when it ends.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple, Protocol

WINDOW_SECONDS = 60


class Limit(IntEnum):
    """Which limit refused a request; the numbers are those of the script in `relay.shared_windows`."""

    NONE = 0
    REQUESTS = 1
    TOKENS = 2
    CONCURRENT = 3


@dataclass(frozen=True, slots=True)
class Ask:
    """A request of a key, its estimate of tokens, and the key's limits; None does not limit."""

    key: str
    id: str
    tokens: int
    max_requests: int | None
    max_tokens: int | None
    max_concurrent: int | None

    @property
    def is_limited(self) -> bool:
        return any(limit is not None for limit in (self.max_requests, self.max_tokens, self.max_concurrent))


class Answer(NamedTuple):
    """`refused_by` is NONE for an admitted request. Counts are those of the window after it, times are seconds."""

    refused_by: Limit
    retry_after: int
    second: int
    requests: int
    requests_reset: int
    tokens: int
    tokens_reset: int


class Windows(Protocol):
    """Where requests are counted."""

    def admit(self, ask: Ask) -> Answer:
        """Check every limit and count the request, its tokens and its slot at once; a refusal counts nothing."""

    def look(self, ask: Ask) -> Answer:
        """What `admit` would find, counting nothing and never refusing."""

    def end(self, ask: Ask, *, second: int, requests: int, tokens: int) -> None:
        """Free the slot of a request admitted in `second`, and add to its counts: less there, more now."""

    def prolong(self, running: Collection[Ask]) -> None:
        """Keep the slots of requests that still run."""


class Counts:
    """Numbers by second, the oldest first."""

    def __init__(self) -> None:
        self._by_second: dict[int, int] = {}

    def forget(self, now: int) -> None:
        for second in [second for second in self._by_second if now - second > WINDOW_SECONDS]:
            del self._by_second[second]

    def add(self, second: int, number: int) -> None:
        """Never below zero; what is taken from a forgotten second is forgotten too."""
        if number > 0 or second in self._by_second:
            self._by_second[second] = max(self._by_second.get(second, 0) + number, 0)

    @property
    def total(self) -> int:
        return sum(self._by_second.values())

    def wait(self, now: int, *, until: int) -> int:
        """Seconds until no more than `until` is left; a whole window when that never happens."""
        left = self.total
        for second, number in self._by_second.items():
            if left <= until:
                break
            left -= number
            if left <= until:
                return second + WINDOW_SECONDS + 1 - now
        return 0 if left <= until else WINDOW_SECONDS


@dataclass(slots=True)
class _Key:
    requests: Counts = field(default_factory=Counts)
    tokens: Counts = field(default_factory=Counts)
    running: set[str] = field(default_factory=set)

    def refusal(self, ask: Ask, now: int) -> tuple[Limit, int]:
        if ask.max_requests is not None and self.requests.total + 1 > ask.max_requests:
            return Limit.REQUESTS, self.requests.wait(now, until=ask.max_requests - 1)
        if ask.max_tokens is not None and self.tokens.total + ask.tokens > ask.max_tokens:
            return Limit.TOKENS, self.tokens.wait(now, until=ask.max_tokens - ask.tokens)
        if ask.max_concurrent is not None and len(self.running) >= ask.max_concurrent:
            return Limit.CONCURRENT, 1
        return Limit.NONE, 0

    def answer(self, refused_by: Limit, retry_after: int, now: int) -> Answer:
        requests, tokens = self.requests, self.tokens
        return Answer(
            refused_by,
            retry_after,
            second=now,
            requests=requests.total,
            requests_reset=requests.wait(now, until=0),
            tokens=tokens.total,
            tokens_reset=tokens.wait(now, until=0),
        )


class LocalWindows:
    """The counts of this process: exact where it is the only one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._keys: dict[str, _Key] = {}

    def admit(self, ask: Ask) -> Answer:
        key, now = self._key(ask)
        refused_by, wait = key.refusal(ask, now)
        if refused_by == Limit.NONE:
            key.requests.add(now, 1)
            key.tokens.add(now, ask.tokens)
            key.running.add(ask.id)
        return key.answer(refused_by, wait, now)

    def look(self, ask: Ask) -> Answer:
        key, now = self._key(ask)
        return key.answer(Limit.NONE, 0, now)

    def end(self, ask: Ask, *, second: int, requests: int, tokens: int) -> None:
        key, now = self._key(ask)
        key.running.discard(ask.id)
        key.requests.add(second, requests)
        key.tokens.add(second if tokens < 0 else now, tokens)

    def prolong(self, running: Collection[Ask]) -> None:
        """Slots here end with the process; what is prolonged is the memory of keys that were used lately."""
        now = self._now()
        for key in self._keys.values():
            key.requests.forget(now)
            key.tokens.forget(now)
        self._keys = {name: key for name, key in self._keys.items() if key.running or key.requests.total}

    def _key(self, ask: Ask) -> tuple[_Key, int]:
        key, now = self._keys.setdefault(ask.key, _Key()), self._now()
        key.requests.forget(now)
        key.tokens.forget(now)
        return key, now

    def _now(self) -> int:
        return int(self._clock())
