"""Which targets are worth trying just now, as far as this process has seen. Pure: the clock is given.

A channel's model has a circuit. Failures open it, for a pause that grows; then one request is let through, and its
outcome closes the circuit or opens it again. A key that an upstream has limited rests for as long as the upstream
said, for that model; a key that it has refused rests until the database has told every process that it is disabled.
"""

import time
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple

from relay.blame import Blame
from relay.routing import Target

FAILURES_IN_A_ROW = 5
WINDOW_SECONDS = 30.0
WINDOW_OUTCOMES = 20
FEWEST_OUTCOMES = 10  # fewer say nothing about a share
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 120.0
PROBE_SECONDS = 1.0  # how long to stay away from a circuit that another request is trying
REFUSED_SECONDS = 15.0


class Standing(Enum):
    """What a look at a target finds."""

    READY = auto()
    RESTING = auto()
    OPEN = auto()


class Verdict(NamedTuple):
    """`wait` is seconds until another look may find something else."""

    standing: Standing
    wait: float = 0.0


READY = Verdict(Standing.READY)


class Circuit:
    """Closed, open until a moment, or half-open: with one request under way that will tell."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._recent: deque[tuple[float, bool]] = deque(maxlen=WINDOW_OUTCOMES)
        self._open_until: float | None = None
        self._pause = FIRST_PAUSE
        self._is_tried = False

    @property
    def is_spotless(self) -> bool:
        """Whether nothing is left to remember."""
        return self._open_until is None and all(ok for _, ok in self._recent)

    def wait(self, now: float) -> float:
        """Seconds until a request may be let through; 0 for now."""
        if self._open_until is None:
            return 0.0
        if now < self._open_until:
            return self._open_until - now
        return PROBE_SECONDS if self._is_tried else 0.0

    def enter(self) -> bool:
        """Let a request through; whether it is the one that will tell."""
        self._is_tried = self._open_until is not None
        return self._is_tried

    def leave(self, *, is_probe: bool) -> None:
        """A request that ended without telling anything."""
        if is_probe:
            self._is_tried = False

    def succeed(self, now: float) -> None:
        """Remember a request that was no probe; those from before it opened say nothing new."""
        if self._open_until is None:
            self._in_a_row = 0
            self._recent.append((now, True))

    def fail(self, now: float, *, is_probe: bool) -> None:
        """Open it again if this was the probe; else when too many have failed in a row or lately."""
        if is_probe:
            self._is_tried = False
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            self._open_until = now + self._pause
        elif self._open_until is None:
            self._in_a_row += 1
            self._recent.append((now, False))
            if self._in_a_row >= FAILURES_IN_A_ROW or self._fails_often(now):
                self._open_until = now + self._pause

    def _fails_often(self, now: float) -> bool:
        lately = [ok for then, ok in self._recent if now - then <= WINDOW_SECONDS]
        return len(lately) >= FEWEST_OUTCOMES and lately.count(False) * 2 >= len(lately)


class Health:
    """One per process: circuits by channel and upstream model, rests by key."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._circuits: dict[tuple[int, str], Circuit] = {}
        self._rests: dict[tuple[int, int | None, str], float] = {}

    def look(self, target: Target) -> Verdict:
        """Whether to try it, changing nothing."""
        if not self._circuits and not self._rests:
            return READY
        now = self._clock()
        circuit = self._circuits.get(_circuit_of(target))
        wait = max(circuit.wait(now) if circuit else 0.0, self._rest_left(target, "", now))
        if wait > 0:
            return Verdict(Standing.OPEN, wait)
        rest = self._rest_left(target, target.upstream_model, now)
        return Verdict(Standing.RESTING, rest) if rest > 0 else READY

    def is_up(self, target: Target) -> bool:
        """Whether `look` finds it ready."""
        return self.look(target).standing is Standing.READY

    def enter(self, target: Target) -> bool:
        """Begin a try of a target that is ready; the answer belongs into whatever ends it."""
        circuit = self._circuits.get(_circuit_of(target))
        return circuit.enter() if circuit else False

    def leave(self, target: Target, *, is_probe: bool) -> None:
        """End a try that tells nothing: its caller left, or a limit of ours was in the way."""
        if circuit := self._circuits.get(_circuit_of(target)):
            circuit.leave(is_probe=is_probe)

    def succeed(self, target: Target, *, is_probe: bool = False) -> None:
        """End a try with an answer, be it the refusal of a bad request."""
        circuit = self._circuits.get(_circuit_of(target))
        if circuit is None:
            return
        circuit.succeed(self._clock())
        if is_probe or circuit.is_spotless:
            del self._circuits[_circuit_of(target)]

    def fail(self, target: Target, blame: Blame, *, retry_after: float = 1.0, is_probe: bool = False) -> bool:
        """End a try without an answer. Returns whether this is news of a refused key, to be passed on."""
        match blame:
            case Blame.CALLER:
                self.succeed(target, is_probe=is_probe)
            case Blame.CHANNEL:
                circuit = self._circuits.setdefault(_circuit_of(target), Circuit())
                circuit.fail(self._clock(), is_probe=is_probe)
            case Blame.LIMIT:
                self.leave(target, is_probe=is_probe)
                self._rest(target, target.upstream_model, retry_after)
            case Blame.KEY:
                self.leave(target, is_probe=is_probe)
                return self._rest(target, "", REFUSED_SECONDS)
        return False

    def _rest(self, target: Target, model: str, seconds: float) -> bool:
        """Rest a key for one model, or for all with an empty name; whether it was awake."""
        now = self._clock()
        was_awake = self._rest_left(target, model, now) <= 0
        self._rests = {key: until for key, until in self._rests.items() if until > now}
        self._rests[target.channel_id, target.key_id, model] = now + seconds
        return was_awake

    def _rest_left(self, target: Target, model: str, now: float) -> float:
        return self._rests.get((target.channel_id, target.key_id, model), now) - now


def _circuit_of(target: Target) -> tuple[int, str]:
    return target.channel_id, target.upstream_model
