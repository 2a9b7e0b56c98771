"""Transactions that lost a race are done again: both databases promise that nothing of the first try is left."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import IntegrityError, OperationalError

TRIES = 5
_SERIALIZATION = frozenset({"40001", "40P01"})  # PostgreSQL: serialization failure, deadlock

P = ParamSpec("P")
T = TypeVar("T")


def again_after_races(function: Callable[P, T]) -> Callable[P, T]:
    """Call up to TRIES times while it fails for having been the second.

    A UNIQUE key that another transaction wrote first is such a race: the next try finds that row and acts on it.
    """

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        for _try in range(TRIES - 1):
            try:
                return function(*args, **kwargs)
            except IntegrityError:
                continue
            except OperationalError as error:
                if not _is_race(error):
                    raise
        return function(*args, **kwargs)

    call.__name__, call.__doc__ = function.__name__, function.__doc__
    return call


def _is_race(error: OperationalError) -> bool:
    sqlstate = getattr(error.__cause__, "sqlstate", None)
    return sqlstate in _SERIALIZATION or "locked" in str(error)
