"""The attempts of one request: its route's targets one after another, until one of them answers.

What happens when none is left to try: 429 where all that is in the way is a limit, with the shortest wait; 503 at once
where every circuit is open, because a caller who knows retries sooner than one who waits; else the last failure. A
target is not tried against its circuit: a pause ends by itself, and then one request at a time does the trying.
"""

import math
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from django.conf import settings

from config.kernel.errors import RateLimited, Unavailable
from relay.blame import Blame
from relay.health import Health, Standing, Verdict
from relay.limits import Admission, Limiter
from relay.routing import Route, Target
from relay.upstream import Failure
from relay.windows import Ask, Limit

MAX_ATTEMPTS = 3
T = TypeVar("T")


class Keeper(Protocol):
    """What attempts need of the process they run in."""

    health: Health
    limiter: Limiter

    def report_refused(self, target: Target, failure: Failure) -> None:
        """The upstream has refused the target's key: disable it for everybody."""


class Attempts:
    """Fails over until the first byte. `target` is the one in use, `records` says how each attempt went.

    A channel that failed is not tried again by this request; one that only limited or refused a key is, with its other
    keys. After `leave` the slot in use counts as free.
    """

    def __init__(self, route: Route, *, keeper: Keeper, id: str) -> None:
        self._targets = route.targets
        self._keeper = keeper
        self._id = id
        self._begun = 0.0
        self._failures: list[Failure] = []
        self._verdicts: list[Verdict] = []
        self._failed_channels: set[int] = set()
        self._slot: tuple[Ask, Admission] | None = None
        self.target: Target | None = None
        self.records: list[dict[str, object]] = []

    async def run(self, attempt: Callable[[Target], Awaitable[T]]) -> T:
        """What the first target that answers gives. Raises a Failure when none does, or one that no other can mend."""
        self._begun = time.monotonic()
        for target in self._targets:
            if not self._may_go_on:
                break
            if target.channel_id in self._failed_channels:
                continue
            verdict, is_probe = await self._enter(target)
            if verdict.standing is not Standing.READY:
                self._verdicts.append(verdict)
                continue
            try:
                return await self._try(target, attempt, is_probe=is_probe)
            except Failure as failure:
                await self.leave()
                if not failure.may_fail_over:
                    raise
        raise self._outcome()

    @property
    def is_counted(self) -> bool:
        """Whether a channel with limits counts this request."""
        return self._slot is not None

    async def leave(self) -> None:
        """Free the slot of a channel with limits. Safe to call repeatedly."""
        slot, self._slot = self._slot, None
        if slot is not None:
            await self._keeper.limiter.end(*slot)

    def broke_off(self) -> None:
        """The answer had begun and did not end well: nothing is tried again, but the channel's circuit counts it."""
        if self.target is not None:
            self._keeper.health.fail(self.target, Blame.CHANNEL)

    @property
    def _may_go_on(self) -> bool:
        if not self.records:
            return True
        return len(self.records) < MAX_ATTEMPTS and time.monotonic() - self._begun < settings.RELAY_FAILOVER_SECONDS

    async def _enter(self, target: Target) -> tuple[Verdict, bool]:
        """Whether the target may be tried, and whether that decides about its circuit."""
        health = self._keeper.health
        verdict = health.look(target)
        if verdict.standing is not Standing.READY:
            return verdict, False
        is_probe = health.enter(target)
        try:
            verdict = await self._admit(target)
        except BaseException:
            health.leave(target, is_probe=is_probe)
            raise
        if verdict.standing is not Standing.READY:
            health.leave(target, is_probe=is_probe)
        return verdict, is_probe

    async def _admit(self, target: Target) -> Verdict:
        """Count the request against the channel's own limits."""
        ask = Ask(
            key=f"channel:{target.channel_id}",
            id=f"{self._id}:{target.channel_id}",
            tokens=0,
            max_requests=target.requests_per_minute,
            max_tokens=None,
            max_concurrent=target.max_concurrent,
        )
        if not ask.is_limited:
            return Verdict(Standing.READY)
        admission = await self._keeper.limiter.admit(ask)
        if admission.answer.refused_by != Limit.NONE:
            return Verdict(Standing.RESTING, admission.answer.retry_after)
        self._slot = ask, admission
        return Verdict(Standing.READY)

    async def _try(self, target: Target, attempt: Callable[[Target], Awaitable[T]], *, is_probe: bool) -> T:
        health, begun = self._keeper.health, time.monotonic()
        self.target = target
        try:
            result = await attempt(target)
        except Failure as failure:
            self._note(target, begun, failure)
            self._learn(target, failure, is_probe=is_probe)
            raise
        except BaseException:
            health.leave(target, is_probe=is_probe)
            raise
        self._note(target, begun, None)
        health.succeed(target, is_probe=is_probe)
        return result

    def _learn(self, target: Target, failure: Failure, *, is_probe: bool) -> None:
        self._failures.append(failure)
        blame = failure.blame
        if blame is Blame.KEY and target.key_id is None:
            blame = Blame.CHANNEL  # there is no key to disable, and none to try in its place
        if blame is Blame.CHANNEL:
            self._failed_channels.add(target.channel_id)
        wait = failure.error.retry_after or 1
        if self._keeper.health.fail(target, blame, retry_after=wait, is_probe=is_probe):
            self._keeper.report_refused(target, failure)

    def _outcome(self) -> Failure:
        told = [failure for failure in self._failures if failure.blame is not Blame.LIMIT]
        if told:
            return told[-1]
        waits: list[float] = [failure.error.retry_after or 1 for failure in self._failures]
        waits += [verdict.wait for verdict in self._verdicts if verdict.standing is Standing.RESTING]
        if waits:
            message = "Every upstream of this model is at its limit. Please retry later."
            return Failure(RateLimited(message, retry_after=_whole(waits)), may_fail_over=False, upstream_status=429)
        waits = [verdict.wait for verdict in self._verdicts]
        message = "Every channel of this model is down at the moment. Please retry later."
        return Failure(Unavailable(message, retry_after=_whole(waits or [1])), may_fail_over=False)

    def _note(self, target: Target, begun: float, failure: Failure | None) -> None:
        record: dict[str, object] = {
            "channel": target.channel_name,
            "status": 200 if failure is None else failure.upstream_status,
            "error": "" if failure is None else failure.error.code,
            "ms": int((time.monotonic() - begun) * 1000),
        }
        if failure is not None and failure.reason:
            record["reason"] = failure.reason[:200]
        self.records.append(record)


def _whole(waits: list[float]) -> int:
    """The shortest, in whole seconds as a header says them."""
    return max(1, math.ceil(min(waits)))
