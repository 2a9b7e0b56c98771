"""Looks at processes from outside: what they print, which of them are still there."""

import os
import queue
import subprocess
import threading
import time
from pathlib import Path

from django.conf import settings

PATIENCE_SECONDS = 90


class Running:
    """A started program whose output is read as it comes."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(
            command,
            env=environment,
            cwd=settings.BASE_DIR,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines = []
        self._coming = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with self.process.stdout as output:
            for line in output:
                self._coming.put(line.rstrip("\n"))
        self._coming.put(None)

    def line_with(self, text):
        """The next line that holds the text; fails when the output ends before it comes."""
        while True:
            line = self._coming.get(timeout=PATIENCE_SECONDS)
            assert line is not None, f"{text!r} never came:\n" + "\n".join(self.lines)
            self.lines.append(line)
            if text in line:
                return line

    def end(self):
        """Wait for the end; returns the exit code and the whole output."""
        code = self.process.wait(timeout=PATIENCE_SECONDS)
        while (line := self._coming.get(timeout=PATIENCE_SECONDS)) is not None:
            self.lines.append(line)
        return code, "\n".join(self.lines)

    def stop(self, number):
        self.process.send_signal(number)
        return self.end()


def marked(variable, value):
    """Ids of the processes that were started with this variable in their environment, children's children included."""
    wanted = f"{variable}={value}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def command_of(process_id):
    return Path(f"/proc/{process_id}/cmdline").read_bytes().decode().replace("\0", " ")


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def kill_all(variable, value):
    for process_id in marked(variable, value):
        os.kill(process_id, 9)
