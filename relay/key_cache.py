"""The keys that have called this process lately: hints, for the hold looks at key and wallet itself."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from time import monotonic

from tokens.selectors import TokenSnapshot

KEPT_SECONDS = 60.0
KEPT_KEYS = 20_000
DEPENDS_ON = ("tokens", "groups")


class KeyCache:
    """Tokens by the hash of their key. All are forgotten when a version of what they depend on moves."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._tokens: OrderedDict[bytes, tuple[float, TokenSnapshot]] = OrderedDict()
        self._versions: tuple[int, ...] = ()
        self.generation = 0

    def get(self, digest: bytes) -> TokenSnapshot | None:
        """The token, unless it must be read again."""
        found = self._tokens.get(digest)
        return found[1] if found is not None and self._clock() - found[0] < KEPT_SECONDS else None

    def keep(self, digest: bytes, token: TokenSnapshot, *, generation: int) -> None:
        """Remember a token that was asked for in this generation; what has changed meanwhile is not remembered."""
        if generation != self.generation:
            return
        self._tokens[digest] = (self._clock(), token)
        self._tokens.move_to_end(digest)
        if len(self._tokens) > KEPT_KEYS:
            self._tokens.popitem(last=False)

    def refresh(self, versions: Mapping[str, int]) -> None:
        """Forget all when something has changed. Call it in the event loop, as everything here."""
        now = tuple(versions.get(name, 0) for name in DEPENDS_ON)
        if now != self._versions:
            self._versions = now
            self.generation += 1
            self._tokens.clear()
