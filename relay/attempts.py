"""The attempts of one request: its route's targets one after another, until one of them answers."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from config.kernel.errors import UpstreamFailed
from relay.routing import Route, Target
from relay.upstream import Failure

MAX_ATTEMPTS = 3
T = TypeVar("T")


class Attempts:
    """Fails over until the first byte. `target` is the one in use, `records` says how each attempt went."""

    def __init__(self, route: Route) -> None:
        self._targets = route.targets[:MAX_ATTEMPTS]
        self.target: Target | None = None
        self.records: list[dict[str, object]] = []

    async def run(self, attempt: Callable[[Target], Awaitable[T]]) -> T:
        """What the first target that answers gives. Raises the last Failure, or one that no other target can mend."""
        for position, target in enumerate(self._targets, start=1):
            self.target = target
            begun = time.monotonic()
            try:
                result = await attempt(target)
            except Failure as failure:
                self._note(target, begun, failure)
                if not failure.may_fail_over or position == len(self._targets):
                    raise
            else:
                self._note(target, begun, None)
                return result
        raise Failure(UpstreamFailed("No upstream could be tried."), may_fail_over=False)

    def _note(self, target: Target, begun: float, failure: Failure | None) -> None:
        status = 200 if failure is None else failure.upstream_status
        took = int((time.monotonic() - begun) * 1000)
        error = "" if failure is None else failure.error.code
        self.records.append({"channel": target.channel_name, "status": status, "error": error, "ms": took})
