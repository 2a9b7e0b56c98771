"""Telling merchants, again and again until they acknowledge it."""

import asyncio
import logging
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from .dialect import TRUTH, Dialect, Post, Tweak, tweaked
from .faults import Faults
from .state import Answer, Message

RETRIES = 6
PATIENCE_S = 10
LONGEST_PAUSE_S = 3600
SHOWN_BYTES = 200
SIGNATURE_FAULTS = {"wrong-signature": "wrong", "no-signature": "none", "upper-signature": "upper"}

logger = logging.getLogger(__name__)


class Notifier:
    """Sends messages in the background. After `pause` seconds a message is sent again, then after twice as long, …"""

    def __init__(
        self, *, dialects: Mapping[str, Dialect], faults: Faults, allowed: frozenset[str], pause: float
    ) -> None:
        self._dialects = dialects
        self._faults = faults
        self._allowed = allowed
        self._pause = pause
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def queue(self, message: Message) -> None:
        """Send a message soon, unless a fault was ordered for it."""
        fault = self._faults.take("notify", message.payment.merchant.protocol)
        if fault.kind in ("drop", "hold"):
            message.state = "dropped" if fault.kind == "drop" else "held"
            return
        tweak = Tweak(signature=SIGNATURE_FAULTS.get(fault.kind, "right"))
        if fault.kind == "wrong-amount":
            tweak = Tweak(amount=max(1, message.payment.amount // 2))
        for _ in range(2 if fault.kind == "twice" else 1):
            self._start(message, tweak, delay=fault.seconds if fault.kind == "delay" else 0)

    async def send(self, message: Message, tweak: Tweak = TRUTH) -> Answer:
        """Send a message once, now."""
        if not is_allowed(message.url, self._allowed):
            message.state = "forbidden"
            return self._note(message, Answer(error="The host of this address is not allowed; see --allow-notify."))
        dialect = self._dialects[message.payment.merchant.protocol]
        post = dialect.post(message, tweaked(message.content, dialect, tweak), tweak)
        answer = await self._exchange(post, dialect)
        if answer.acknowledged:
            message.state = "read"
        return self._note(message, answer)

    async def close(self) -> None:
        """Forget what is still to be sent."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _start(self, message: Message, tweak: Tweak, *, delay: float) -> None:
        task = asyncio.create_task(self._until_read(message, tweak, delay))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _until_read(self, message: Message, tweak: Tweak, delay: float) -> None:
        await asyncio.sleep(delay)
        for attempt in range(RETRIES + 1):
            await self.send(message, tweak)
            if message.state != "queued":
                return
            await asyncio.sleep(min(self._pause * 2**attempt, LONGEST_PAUSE_S))
        message.state = "given-up"

    async def _exchange(self, post: Post, dialect: Dialect) -> Answer:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S))
        try:
            async with self._session.request(
                post.method, URL(post.url, encoded=True), data=post.body, headers=post.headers, allow_redirects=False
            ) as response:
                body = await response.content.read(SHOWN_BYTES)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return Answer(error=repr(error))
        acknowledged = dialect.acknowledges(response.status, body)
        return Answer(response.status, body.decode(errors="replace"), acknowledged=acknowledged)

    @staticmethod
    def _note(message: Message, answer: Answer) -> Answer:
        message.answers.append(answer)
        said = answer.error or f"{answer.status} {answer.body!r}"
        verdict = "acknowledged" if answer.acknowledged else "not acknowledged"
        # Without its query string: an EPay notify carries its signature there.
        where = message.url.partition("?")[0]
        logger.info("%s of %s told to %s: %s, %s", message.happening.kind, message.payment.id, where, said, verdict)
        return answer


def is_allowed(url: str, allowed: frozenset[str]) -> bool:
    """Whether messages may go there: this machine, or a host (maybe with port) that was named at the start."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and (_is_loopback(host) or bool({host, f"{host}:{port}"} & allowed))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
