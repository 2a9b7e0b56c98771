"""Says so when the event loop stands still: all that a process serves stands still with it, and nothing else tells."""

import asyncio
import logging
import sys
import threading
import time
import traceback

logger = logging.getLogger("tollbooth.relay")

TICK_SECONDS = 0.5
STILL_SECONDS = 3.0  # a heartbeat is two; leases outlive many


class Watchdog:
    """A thread that watches the loop it was made in, and logs once for each time it stands still, where it stands."""

    def __init__(self) -> None:
        self._ticked = time.monotonic()
        self._loop_thread = threading.get_ident()
        self._stopping = threading.Event()
        self._ticking = asyncio.create_task(self._tick())
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ticking.cancel()
        self._stopping.set()

    async def _tick(self) -> None:
        while True:
            self._ticked = time.monotonic()
            await asyncio.sleep(TICK_SECONDS)

    def _watch(self) -> None:
        told_of = 0.0
        while not self._stopping.wait(TICK_SECONDS):
            ticked = self._ticked
            if ticked != told_of and time.monotonic() - ticked > STILL_SECONDS:
                told_of = ticked
                logger.error("the event loop has stood still for %.1f s\n%s", time.monotonic() - ticked, self._where())

    def _where(self) -> str:
        frame = sys._current_frames().get(self._loop_thread)
        return "".join(traceback.format_stack(frame)) if frame is not None else ""
