"""What a serving product needs for itself alone: its data folder, its port, a port for the sandbox."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from errno import EACCES, EADDRINUSE
from pathlib import Path

from django.conf import settings

from config.sockets import forget_the_vanished

LOCK_NAME = "serve.lock"
BACKLOG = 2048
LOOPBACK = "127.0.0.1"


class CannotServe(Exception):
    """Why the product does not start, in words for the person at the terminal."""


@contextmanager
def only_server_of(folder: Path, *, url: str) -> Iterator[None]:
    """Hold the folder for one `serve`; the kernel lets go of it however the process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_NAME).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CannotServe(
                f"The data in {folder} is being served already: {lock.read() or 'just starting'}.\n"
                "Stop that one first, or set VAR_DIR to another folder."
            ) from None
        lock.truncate(0)
        lock.write(f"{url}, process {os.getpid()}")
        lock.flush()
        yield


def listen(host: str, port: int) -> socket.socket:
    """The listening socket that every web process shares: it stays open while one of them is started again."""
    if not 0 < port < 65536:
        raise CannotServe("A port is a number from 1 to 65535.")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise CannotServe(_why_not(host, port, error)) from None
    _send_at_once(listener)
    forget_the_vanished(listener, seconds=settings.RELAY_SLOW_READER_SECONDS)
    return listener


def _send_at_once(listener: socket.socket) -> None:
    """Let nothing that is written wait for the acknowledgement of what was written before, 40 ms and more.

    What is accepted here inherits it. uvicorn takes a descriptor for a Unix socket and does not set it by itself.
    """
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == EADDRINUSE:
        return f"Port {port} of {host} is taken by another program. Choose another one: --port {port + 1}"
    if error.errno == EACCES:
        return f"This user may not open port {port}. Choose one above 1023 with --port."
    return f"Cannot listen on {host} port {port} ({error}). See --host and --port."


def free_port(preferred: int) -> int:
    """The preferred port of the loopback address, or any other when it is taken."""
    for port in (preferred, 0):
        try:
            with closing(socket.create_server((LOOPBACK, port))) as found:
                return int(found.getsockname()[1])
        except OSError:
            continue
    raise CannotServe(f"No port of {LOOPBACK} is free.")
