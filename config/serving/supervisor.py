"""Child processes: started together, started again when they fall, stopped in order, never left behind."""

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

LEASH = Path(__file__).with_name("leash.py")
AT_ONCE_SECONDS = 10  # a program that ends sooner never really ran
ATTEMPTS = 3
TAIL_LINES = 20
CHUNK_BYTES = 64 * 1024
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Say = Callable[[str, str], None]  # who, what


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One child process: arguments for this Python, when it stops (lower stages first), and how long that may take."""

    name: str
    arguments: tuple[str, ...]
    stage: int
    stop_seconds: float
    pass_fds: tuple[int, ...] = ()


class ProgramFailed(Exception):
    """A program ended at once, again and again; `tail` is the last it said."""

    def __init__(self, name: str, end: str, tail: Sequence[str]) -> None:
        super().__init__(f"{name} does not start: {end}, {ATTEMPTS} times in a row.")
        self.tail = tuple(tail)


class Supervisor:
    """Runs programs until a signal says stop. A second signal stops without waiting."""

    def __init__(self, programs: Sequence[Program], *, say: Say, on_stop: Callable[[], None]) -> None:
        self._children = [Child(program, say=say) for program in programs]
        self._say = say
        self._on_stop = on_stop
        self._stop = asyncio.Event()

    async def run(self, *, once_started: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start everything, run `once_started` beside it, return once all has stopped. Raises ProgramFailed."""
        for number in STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal)
        watched = {asyncio.ensure_future(work) for work in (once_started(), *self._lives())}
        stop = asyncio.ensure_future(self._stop.wait())
        try:
            await _until(stop, watched)
        finally:
            for task in watched:
                task.cancel()
            await self._stop_children()
            await asyncio.gather(stop, *watched, return_exceptions=True)

    def _lives(self) -> list[Coroutine[Any, Any, None]]:
        return [child.keep_running() for child in self._children]

    def _on_signal(self) -> None:
        if self._stop.is_set():
            for child in self._children:
                child.kill()
        self._stop.set()

    async def _stop_children(self) -> None:
        self._stop.set()
        self._on_stop()
        self._say("", "Stopping (Ctrl-C again: at once) …")
        by_stage = attrgetter("program.stage")
        for _stage, children in groupby(sorted(self._children, key=by_stage), key=by_stage):
            await asyncio.gather(*(child.stop() for child in children))


async def _until(stop: "asyncio.Task[Any]", watched: "set[asyncio.Task[None]]") -> None:
    """Return when told to stop; raise what any of the watched raises before that."""
    waiting: set[asyncio.Task[Any]] = {stop, *watched}
    while not stop.done():
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


class Child:
    """One program and the process it runs as at the moment."""

    def __init__(self, program: Program, *, say: Say) -> None:
        self.program = program
        self._say = say
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._process: asyncio.subprocess.Process | None = None
        self._exit: asyncio.Task[int] | None = None

    async def keep_running(self) -> None:
        """Start the program as often as it ends. Raises ProgramFailed when it will not run at all."""
        clock, falls = asyncio.get_running_loop().time, 0
        while True:
            started = clock()
            await self._start()
            assert self._exit is not None
            end = _describe(await asyncio.shield(self._exit))
            falls = falls + 1 if clock() - started < AT_ONCE_SECONDS else 0
            if falls == ATTEMPTS:
                raise ProgramFailed(self.program.name, end, self._tail)
            pause = 2 ** max(falls - 1, 0)
            self._say(self.program.name, f"ended ({end}); starting it again in {pause} s")
            await asyncio.sleep(pause)

    async def stop(self) -> None:
        """Ask it to end, wait as long as it may take, then end it."""
        if self._process is None or self._exit is None or self._exit.done():
            return
        self._signal(self._process.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(asyncio.shield(self._exit), self.program.stop_seconds)
        except TimeoutError:
            self._say(self.program.name, f"did not stop within {self.program.stop_seconds:.0f} s: killed")
            self.kill()
            await self._exit

    def kill(self) -> None:
        """End the process, and all that it started, at once."""
        if self._process is not None:
            self._signal(-self._process.pid, signal.SIGKILL)

    async def _start(self) -> None:
        # Our own pipe: asyncio's would make a wait for the process also wait for whoever else holds the pipe open.
        reading, writing = os.pipe()
        output = await _reader(reading)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *_command(self.program),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,  # Ctrl-C in the terminal reaches the supervisor alone, which stops in order
                pass_fds=self.program.pass_fds,
            )
        finally:
            os.close(writing)
        self._exit = asyncio.ensure_future(self._follow(self._process, output))

    async def _follow(self, process: asyncio.subprocess.Process, output: asyncio.StreamReader) -> int:
        printing = asyncio.ensure_future(self._print(output))
        code = await process.wait()
        self._signal(-process.pid, signal.SIGKILL)  # what the process itself may have left behind
        await printing
        return code

    async def _print(self, output: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await output.read(CHUNK_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._print_line(line)
        if rest:
            self._print_line(rest)

    def _print_line(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        self._tail.append(text)
        self._say(self.program.name, text)

    @staticmethod
    def _signal(target: int, number: signal.Signals) -> None:
        """Signal a process, or with a negative number its whole group; it may be gone already."""
        with suppress(ProcessLookupError):
            os.kill(target, number)


def _command(program: Program) -> tuple[str, ...]:
    return (sys.executable, "-IS", str(LEASH), str(os.getpid()), sys.executable, "-u", *program.arguments)


async def _reader(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(descriptor, "rb", buffering=0))
    return reader


def _describe(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
