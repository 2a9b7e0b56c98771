"""Configuration as immutable values, replaced whole when a version number moves. Hints only: the hold decides."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class Snapshot(Generic[T]):
    """One loaded value and the versions it was loaded at."""

    def __init__(self, load: Callable[[], T], *, depends_on: tuple[str, ...]) -> None:
        self._load = load
        self._depends_on = depends_on
        self._loaded_at: tuple[int, ...] | None = None
        self._value: T | None = None

    @property
    def value(self) -> T:
        """The value of the last refresh; there is none before the first."""
        if self._value is None:
            raise RuntimeError("the snapshot was never refreshed")
        return self._value

    def refresh(self, versions: Mapping[str, int]) -> bool:
        """Load again when a version it depends on has moved. Versions come first, so a race only loads twice."""
        now = tuple(versions.get(name, 0) for name in self._depends_on)
        if self._value is not None and now == self._loaded_at:
            return False
        self._value = self._load()
        self._loaded_at = now
        return True
