"""Answers whose callers left, read to their ends for the upstream's own counts: a few at once, and not for long.

Some upstreams charge a whole answer whoever reads it. A channel to one of them says so, and then what it reports is
charged; where the end does not come in time, only what had been delivered is.
"""

import asyncio

from django.conf import settings

from relay.stream import AnswerStream
from relay.upstream import Failure


class ReadingOn:
    """One per process."""

    def __init__(self) -> None:
        self._running = 0

    @property
    def has_room(self) -> bool:
        return bool(self._running < settings.RELAY_READ_ON_LIMIT)

    async def read(self, opened: AnswerStream) -> None:
        """Read until the end, the limit of time or a failure; what comes is only counted."""
        self._running += 1
        try:
            async with asyncio.timeout(settings.RELAY_READ_ON_SECONDS):
                async for _ in opened.reader.pieces():
                    pass
        except (TimeoutError, Failure):
            pass
        finally:
            self._running -= 1
            opened.close()
