"""Counters of what this process has seen, the oracle of those who test against the sandbox."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["completed", "failed", "aborted"]


class Stats:
    """Requests to models. At every moment requests = completed + failed + aborted + open.

    completed: a whole answer went out; failed: an error status, or an answer that breaks by design; aborted: the client
    left first. `streams` counts the requests that asked for a stream, `models` those to each known model. A client that
    has read the end of its answer finds it counted.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.streams = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.models: Counter[str] = Counter()

    @contextmanager
    def request(self) -> Iterator["Visit"]:
        """Count one request; it has failed if nobody says how it ended."""
        self.requests += 1
        visit = Visit(self)
        try:
            yield visit
        finally:
            visit.end("failed")

    def snapshot(self) -> dict[str, Any]:
        """The counters as JSON; `open` is the number of requests in progress."""
        return {
            "requests": self.requests,
            "streams": self.streams,
            "completed": self.outcomes["completed"],
            "failed": self.outcomes["failed"],
            "aborted": self.outcomes["aborted"],
            "open": self.requests - self.outcomes.total(),
            "models": dict(self.models),
        }


@dataclass(slots=True)
class Visit:
    """One request on its way through."""

    _stats: Stats
    _ended: bool = False

    def known(self, model: str, *, stream: bool) -> None:
        """Say which model the request is for, once it is known to exist."""
        self._stats.models[model] += 1
        self._stats.streams += stream

    def end(self, outcome: Outcome) -> None:
        """Say how it ended; only the first word counts."""
        if not self._ended:
            self._ended = True
            self._stats.outcomes[outcome] += 1
