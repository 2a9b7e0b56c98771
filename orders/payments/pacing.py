"""Turns: work that waits for gateways and mail servers stops after a while, so that none holds up the worker."""

from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

T = TypeVar("T")
TURN_SECONDS = 20.0


def for_a_turn(rows: Iterable[T]) -> Iterator[T]:
    """The rows until the turn is over, one at least; the next turn finds what is left."""
    end = monotonic() + TURN_SECONDS
    for row in rows:
        yield row
        if monotonic() > end:
            return
