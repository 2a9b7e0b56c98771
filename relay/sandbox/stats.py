"""Counters of what this process has seen, the oracle of those who test against the sandbox."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["completed", "failed", "aborted"]


class Stats:
    """Requests to the chat endpoint. At every moment requests = completed + failed + aborted + open.

    completed: a whole answer went out; failed: an error status, or an answer that breaks by design; aborted: the client
    left first. `streams` counts the requests that asked for a stream, `models` those to each known model.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.streams = 0
        self.open = 0
        self._outcomes: Counter[Outcome] = Counter()
        self._models: Counter[str] = Counter()

    @contextmanager
    def request(self) -> Iterator["Visit"]:
        """Count one request; unless told otherwise, its outcome is `failed`."""
        self.requests += 1
        self.open += 1
        visit = Visit(self)
        try:
            yield visit
        finally:
            self.open -= 1
            self._outcomes[visit.outcome] += 1

    def count_model(self, model: str, *, stream: bool) -> None:
        self._models[model] += 1
        self.streams += stream

    def snapshot(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "streams": self.streams,
            "completed": self._outcomes["completed"],
            "failed": self._outcomes["failed"],
            "aborted": self._outcomes["aborted"],
            "open": self.open,
            "models": dict(self._models),
        }


@dataclass(slots=True)
class Visit:
    """One request on its way through."""

    stats: Stats
    outcome: Outcome = "failed"

    def known(self, model: str, *, stream: bool) -> None:
        """Say which model the request is for, once it is known to exist."""
        self.stats.count_model(model, stream=stream)
