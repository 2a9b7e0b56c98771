"""What both servers need: a folder, a free port, a keeper, and patience until they answer."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.provision import keeper

START_SECONDS = 60
PAUSE_SECONDS = 0.05
STOP_SECONDS = keeper.STOP_SECONDS + 5


@dataclass(frozen=True)
class Server:
    """A running server: where to reach it, and where its files are."""

    url: str
    folder: Path
    kept_by: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Stop it and wait until its files are gone. Stopping twice is harmless."""
        dismiss(self.kept_by)


@contextmanager
def new_folder(prefix: str) -> Iterator[Path]:
    """A folder that stays when the block succeeds, for the keeper to remove, and goes when it fails."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def wheel(package: str) -> Path:
    """Where the files of an installed package are, without running its code."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def kept_folder(prefix: str) -> Server:
    """A folder that lives as long as this process, without a server in it."""
    with new_folder(prefix) as folder:
        return Server(
            url=folder.as_uri(),
            folder=folder,
            kept_by=keep(["sleep", "infinity"], folder=folder, user="", answers=lambda: True),
        )


def free_port() -> int:
    """A port of the loopback address that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def keep(command: list[str], *, folder: Path, user: str, answers: Callable[[], bool]) -> subprocess.Popen[bytes]:
    """Start the command under a keeper and return once it answers.

    Raises RuntimeError when it ends by itself (its log is then on stderr) or says nothing for a minute.
    """
    kept_by = subprocess.Popen(
        [sys.executable, keeper.__file__, str(folder), user, *command],
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the test run, which then closes the pipe
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    try:
        wait_for(answers, kept_by)
    except BaseException:
        dismiss(kept_by)
        raise
    return kept_by


def wait_for(answers: Callable[[], bool], kept_by: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        if kept_by.poll() is not None:
            raise RuntimeError("the test server ended before it answered; its log is above")
        if time.monotonic() > deadline:
            raise RuntimeError(f"the test server did not answer within {START_SECONDS} s")
        time.sleep(PAUSE_SECONDS)


def dismiss(kept_by: subprocess.Popen[bytes]) -> None:
    assert kept_by.stdin is not None
    kept_by.stdin.close()
    kept_by.wait(STOP_SECONDS)
