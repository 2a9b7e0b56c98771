"""A Celery broker made of files: one folder per queue, one file per message. For one worker on one machine.

kombu's own file transport lets a reader take a message while it is still being written, and forgets a message the
moment it is read. Here a message appears complete or not at all, and stays on disk until its task has ended: what a
killed worker had taken is put back by `recover`.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any
from uuid import uuid4

import orjson
from kombu.transport import TRANSPORT_ALIASES, virtual

SCHEME = "spool"
LONGEST_WAIT = 0.5  # seconds
TRANSPORT_ALIASES[SCHEME] = "config.spool:Transport"

_DRAFTS, _TAKEN = ".drafts", ".taken"  # no queue can be called like this


def recover(root: Path) -> int:
    """Put back what was taken and never finished; returns how many. Only while no worker runs on this spool."""
    taken = [path for folder in _folders(root / _TAKEN) for path in folder.iterdir()]
    for path in taken:
        path.rename(_folder(root, path.parent.name) / path.name)
    return len(taken)


class Channel(virtual.Channel):
    """Renaming inside one file system is atomic: that is the whole locking."""

    do_restore = True

    def _put(self, queue: str, message: dict[str, Any], **_options: Any) -> None:
        name = f"{time.time_ns():020d}-{uuid4().hex}"
        draft = _folder(self._root, _DRAFTS) / name
        draft.write_bytes(orjson.dumps(message))
        draft.rename(_folder(self._root, queue) / name)

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        for waiting in self._waiting(queue):
            taken = _folder(self._root, _TAKEN, queue) / waiting.name
            try:
                waiting.rename(taken)
            except FileNotFoundError:
                continue
            message: dict[str, Any] = orjson.loads(taken.read_bytes())
            message["properties"]["delivery_info"]["file"] = str(taken)
            return message
        raise Empty

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        self._forget(delivery_tag)
        super().basic_ack(delivery_tag, multiple)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if not requeue:
            self._forget(delivery_tag)
        super().basic_reject(delivery_tag, requeue)

    def _restore(self, message: virtual.Message) -> None:
        taken = Path(message.delivery_info["file"])
        taken.rename(_folder(self._root, taken.parent.name) / taken.name)

    def _forget(self, delivery_tag: str) -> None:
        Path(self.qos.get(delivery_tag).delivery_info["file"]).unlink(missing_ok=True)

    def _size(self, queue: str) -> int:
        return len(self._waiting(queue))

    def _purge(self, queue: str) -> int:
        waiting = self._waiting(queue)
        for path in waiting:
            path.unlink(missing_ok=True)
        return len(waiting)

    def _waiting(self, queue: str) -> list[Path]:
        """Oldest first."""
        return sorted(_folder(self._root, queue).iterdir())

    @property
    def _root(self) -> Path:
        return Path(self.connection.client.transport_options["folder"])


class Transport(virtual.Transport):
    """`spool://` with the folder in the transport options."""

    Channel = Channel
    state = virtual.BrokerState()
    driver_type = driver_name = SCHEME

    def drain_events(self, connection: Any, timeout: float | None = None, **options: Any) -> Any:
        """A worker notices a request to stop only between two calls, and would make calls of two seconds."""
        return super().drain_events(connection, timeout=timeout and min(timeout, LONGEST_WAIT), **options)

    def driver_version(self) -> str:
        return "1"


def _folder(root: Path, *names: str) -> Path:
    folder = root.joinpath(*names)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _folders(parent: Path) -> Iterator[Path]:
    return parent.iterdir() if parent.is_dir() else iter(())
