"""Keeps one server as long as the process that started this one lives, then stops it and removes its folder.

Run as a program: `keeper.py FOLDER USER COMMAND…`, with USER empty for the current one. The end of standard input
is the sign to stop. It comes when the starter closes the pipe, and also when the starter is killed, so no server
and no folder outlives a test run, however it ends.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

STOP_SECONDS = 10
LOG_TAIL = 4000  # bytes of the log shown when the server ends by itself


def main(folder: Path, user: str, command: list[str]) -> int:
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            start_new_session=True,
            user=user or None,
            extra_groups=[] if user else None,
        )
    threading.Thread(target=stop_at_end_of_input, args=(server,), daemon=True).start()
    code = server.wait()
    if code > 0:
        sys.stderr.write(log.read_bytes()[-LOG_TAIL:].decode(errors="replace"))
    shutil.rmtree(folder, ignore_errors=True)  # what a test left running may still write here
    return code


def stop_at_end_of_input(server: subprocess.Popen[bytes]) -> None:
    sys.stdin.read()
    # Interrupt, not terminate: PostgreSQL's polite stop waits until the last client has gone.
    os.killpg(server.pid, signal.SIGINT)
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
