"""What processes take from the machine: CPU, memory and, where the kernel counts them, instructions. Linux only."""

import os
import resource
import subprocess
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import TracebackType

PERF = ("perf", "stat", "-x", ",", "-e", "instructions")
PAUSE_SECONDS = 0.5
IDLE_SHARE = 0.1  # of one core
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def allow_many_files() -> None:
    """As many open files as this user may have, for this process and those it starts."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def tree(root: int) -> list[int]:
    """A process and all that it has started, directly or not, and that still runs."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if fields := _fields(int(folder.name)):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found, open_ends = [], [root]
    while open_ends:
        found.append(open_ends.pop())
        open_ends += children.get(found[-1], [])
    return found


def cpu_seconds(root: int) -> float:
    """User and system time of a tree of processes, those that have ended included."""
    return sum(int(field) for process in tree(root) for field in _fields(process)[11:15]) / TICKS_PER_SECOND


def wait_until_idle(root: int) -> None:
    """Return when a tree of processes has used next to no CPU for half a second, or after two minutes."""
    deadline, before = time.monotonic() + 120, -1.0
    while (spent := cpu_seconds(root)) - before > IDLE_SHARE * PAUSE_SECONDS and time.monotonic() < deadline:
        before = spent
        time.sleep(PAUSE_SECONDS)


def memory_kib(root: int) -> int:
    """The memory of a tree of processes; what several share is counted once."""
    return sum(_proportional_kib(process) for process in tree(root))


def _fields(process: int) -> list[str]:
    """The fields of its `stat` after the name; empty when it has gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _proportional_kib(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


class Watch:
    """What each named tree of processes spends while the block runs: `seconds` and `instructions` by name."""

    def __init__(self, roots: Mapping[str, int]) -> None:
        self._roots = roots
        self.seconds: dict[str, float] = {}
        self.instructions: dict[str, int] = {}

    def __enter__(self) -> "Watch":
        self._counting = {name: _counter(root) for name, root in self._roots.items()} if counts_instructions() else {}
        self._before = {name: cpu_seconds(root) for name, root in self._roots.items()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = {name: cpu_seconds(root) - self._before[name] for name, root in self._roots.items()}
        for name, counter in self._counting.items():
            counter.send_signal(2)  # perf prints what it has when it is interrupted
            self.instructions[name] = counted(counter.communicate()[1]) or 0


@cache
def counts_instructions() -> bool:
    """Whether `perf` is installed and the processor lets it count; most virtual machines do not."""
    try:
        trial = subprocess.run(
            ["perf", "stat", "-x", ",", "-e", "instructions", "true"], capture_output=True, text=True
        )
    except OSError:
        return False
    return counted(trial.stderr) is not None


def counted(report: str) -> int | None:
    """The number in what `perf stat -x ,` printed, or None where it could not count."""
    for line in report.splitlines():
        number, *rest = line.split(",")
        if number.isdigit() and any(field.startswith("instructions") for field in rest):
            return int(number)
    return None


def _counter(root: int) -> "subprocess.Popen[str]":
    processes = ",".join(map(str, tree(root)))
    return subprocess.Popen([*PERF, "-p", processes], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
