"""The limits of a key, requests and tokens per minute and requests at once, before any money is touched.

With Redis they hold across processes; without it, or while it is away, in each process alone. Losing Redis costs one
request a tenth of a second: after that a breaker leaves it alone for some seconds. No balance depends on it.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeVar

from redis.exceptions import RedisError

from config.kernel.errors import RateLimited
from relay.shared_windows import SharedWindows
from relay.windows import Answer, Ask, Limit, LocalWindows, Windows
from tokens import refusals
from tokens.selectors import TokenSnapshot

logger = logging.getLogger("tollbooth.relay")

T = TypeVar("T")
BREAK_SECONDS = 5.0


class Admission(NamedTuple):
    """What a request was told, and who counted it."""

    answer: Answer
    windows: Windows


class Limiter:
    """One per process: the counts in Redis where there is one, behind a breaker, else those of the process."""

    def __init__(self, redis_url: str = "", *, budget: float = 0.1) -> None:
        self._budget = budget
        self._local = LocalWindows()
        self._shared = SharedWindows(redis_url, budget=budget) if redis_url else None
        # A blocking client in a thread of its own: its time-outs run out when Redis is slow, not when our loop is.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="limits")
        self._away_until = 0.0
        self._running: dict[str, Ask] = {}

    @property
    def is_shared(self) -> bool:
        """Whether Redis is asked at present."""
        return self._shared is not None and time.monotonic() >= self._away_until

    async def admit(self, ask: Ask) -> Admission:
        """Count a request, or be told which limit refuses it and count nothing."""
        admission = await self._asked(lambda windows: windows.admit(ask))
        if admission.answer.refused_by == Limit.NONE:
            self._running[ask.id] = ask
        return admission

    async def look(self, ask: Ask) -> Admission:
        """The counts of a key as they are."""
        return await self._asked(lambda windows: windows.look(ask))

    async def end(self, ask: Ask, admission: Admission, *, requests: int = 0, tokens: int = 0) -> None:
        """Free the slot and add to the counts where they are; what Redis is not there to free expires by itself."""
        self._running.pop(ask.id, None)
        answer, windows = admission
        work = partial(windows.end, ask, second=answer.second, requests=requests, tokens=tokens)
        if windows is self._local:
            work()
        else:
            await self._of_redis(work)

    async def prolong(self) -> None:
        """Keep the slots of what still runs; to be called more often than they expire."""
        self._local.prolong(())
        if self._shared is not None and self._running:
            await self._of_redis(partial(self._shared.prolong, list(self._running.values())))

    async def close(self) -> None:
        """Let go of the thread and the connection."""
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)
        if self._shared is not None:
            self._shared.close()

    async def _asked(self, question: Callable[[Windows], Answer]) -> Admission:
        if self._shared is not None:
            answer = await self._of_redis(partial(question, self._shared))
            if answer is not None:
                return Admission(answer, self._shared)
        return Admission(question(self._local), self._local)

    async def _of_redis(self, work: Callable[[], T]) -> T | None:
        """What Redis answers within the budget, or None while it is away."""
        if not self.is_shared:
            return None
        job = self._thread.submit(self._guarded, work)
        await asyncio.wait([asyncio.wrap_future(job)], timeout=self._budget)
        if job.done():  # the thread's word, not the loop's: a busy loop may see the time-out before the answer
            return job.result()
        job.cancel()
        self._leave_alone("no answer in time")
        return None

    def _guarded(self, work: Callable[[], T]) -> T | None:
        if not self.is_shared:
            return None  # it went away while this waited for the thread
        try:
            return work()
        except RedisError as error:
            self._leave_alone(error)
            return None

    def _leave_alone(self, why: object) -> None:
        self._away_until = time.monotonic() + BREAK_SECONDS
        logger.warning("Redis is away (%s); for %d seconds limits hold per process", why, BREAK_SECONDS)


class Gate:
    """One request of a key: in with an estimate of its tokens, out with what it used. Open for a key without limits."""

    def __init__(self, limiter: Limiter, caller: TokenSnapshot, *, id: str) -> None:
        self._limiter = limiter
        self._admission: Admission | None = None
        self._ask = Ask(
            key=caller.public_id,
            id=id,
            tokens=0,
            max_requests=caller.requests_per_minute,
            max_tokens=caller.tokens_per_minute,
            max_concurrent=caller.concurrent_requests,
        )

    async def enter(self, estimate: Callable[[], int]) -> None:
        """Be counted. Raises RateLimited; a refused request counts for nothing."""
        if not self._ask.is_limited:
            return
        self._ask = replace(self._ask, tokens=estimate() if self._ask.max_tokens is not None else 0)
        self._admission = await self._limiter.admit(self._ask)
        if self._admission.answer.refused_by != Limit.NONE:
            raise _refusal(self._ask, self._admission.answer)

    @property
    def is_counted(self) -> bool:
        """Whether there is anything to leave."""
        return self._admission is not None

    async def leave(self, tokens: int) -> None:
        """Free the slot and count the tokens really used."""
        if self._admission is not None:
            more = tokens - self._ask.tokens if self._ask.max_tokens is not None else 0
            await self._limiter.end(self._ask, self._admission, tokens=more)

    async def give_back(self) -> None:
        """As if the request had never been made: something else refused it."""
        if self._admission is not None:
            await self._limiter.end(self._ask, self._admission, requests=-1, tokens=-self._ask.tokens)
            self._admission = None

    async def headers(self) -> dict[str, str]:
        """What the caller is told of its limits; nothing for a key without limits per minute."""
        ask = self._ask
        if ask.max_requests is None and ask.max_tokens is None:
            return {}
        if self._admission is None:
            self._admission = await self._limiter.look(ask)
        answer = self._admission.answer
        return {
            **_header_lines("requests", ask.max_requests, answer.requests, answer.requests_reset),
            **_header_lines("tokens", ask.max_tokens, answer.tokens, answer.tokens_reset),
        }


def _header_lines(unit: str, limit: int | None, used: int, reset: int) -> dict[str, str]:
    if limit is None:
        return {}
    left = max(limit - used, 0)
    values = {"limit": str(limit), "remaining": str(left), "reset": f"{reset}s"}
    return {f"x-ratelimit-{name}-{unit}": value for name, value in values.items()}


def _refusal(ask: Ask, answer: Answer) -> RateLimited:
    wait = max(answer.retry_after, 1)
    match answer.refused_by:
        case Limit.REQUESTS:
            said = f"This key may send {ask.max_requests} requests per minute."
        case Limit.CONCURRENT:
            said = f"This key may have {ask.max_concurrent} concurrent requests."
        case _:
            said = f"This key may use {ask.max_tokens} tokens per minute; this request asks for about {ask.tokens}."
    return RateLimited(f"{said} Retry in {wait} s, or raise the limit at", retry_after=wait, page=refusals.TOKENS)
