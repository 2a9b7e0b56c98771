"""Leaving in good order: on SIGTERM stop being ready, give running requests their grace, then end and settle them.

uvicorn waits for its connections by itself and then cancels them without a word, so the end is announced here, before
its own patience is over.
"""

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from relay.runtime import Runtime


def drain_on_signals(runtime: Runtime) -> Callable[[], None]:
    """Begin the drain when SIGTERM or SIGINT comes, then let uvicorn's own handler do its work.

    Returns how to undo it. Does nothing outside the main thread, where no signals arrive.
    """
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    loop = asyncio.get_running_loop()
    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(runtime.drain)
        _call(previous[signal.Signals(number)], number, frame)

    for number in previous:
        signal.signal(number, handle)
    return lambda: _restore(previous)


def _call(handler: Any, number: int, frame: FrameType | None) -> None:
    if callable(handler):
        handler(number, frame)


def _restore(handlers: dict[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
