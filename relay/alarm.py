"""`asyncio.timeout` for a task that waits again and again: its timer is set once and moved only when it goes off.

A stream waits twice for each event, for the upstream and for the caller, and hardly ever too long.
"""

import asyncio
from types import TracebackType


class Alarm:
    """`with alarm.within(seconds): await …` raises TimeoutError. For one wait at a time; `close` it in the end."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._set_for = 0.0
        self._due = 0.0
        self._waiting: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._has_rung = False

    def within(self, seconds: float) -> "Alarm":
        """The limit of the wait that comes next."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + seconds
        return self

    def __enter__(self) -> None:
        self._waiting = task = asyncio.current_task(self._loop)
        assert task is not None
        self._cancelling, self._has_rung = task.cancelling(), False
        if self._timer is None or self._due < self._set_for:
            self.close()
            self._set()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._waiting = self._waiting, None
        assert task is not None
        # Who cancels the task from elsewhere meanwhile is heard, as with asyncio.timeout.
        if self._has_rung and task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def close(self) -> None:
        """Let go of the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self) -> None:
        assert self._loop is not None
        self._set_for = self._due
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._waiting is None or self._loop is None:
            return
        if self._loop.time() < self._due:
            self._set()  # it was set for an earlier wait
        else:
            self._has_rung = True
            self._waiting.cancel()
