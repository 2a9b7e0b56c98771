"""Benchmark of the relay: what a request, an event and a stream cost, and how much later the first byte comes.

    python -m tests.load.relay [--rounds 3] [--seconds 3] [--streams 1000] [--litellm /path/to/bin/litellm]

Starts on the loopback address an upstream that costs little, the product as `run.py serve` does (two web processes,
PostgreSQL with full durability) and, where installed, nginx as a plain proxy and LiteLLM's proxy without a database.
They take turns in each round; the table has the medians. CPU of the upstream and of the callers is not counted. A time
says little on a machine that does other work, and CPU moves with it as well: compare within one run, and run again.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import django

from tests.load import gateways, ledger
from tests.load.caller import Order, Result
from tests.load.gateways import MODEL, Gateway
from tests.load.machine import Watch, allow_many_files, counts_instructions, memory_kib
from tests.provision.servers import Server

EVENTS_PER_SECOND = 10_000  # of all slow streams together; more streams are slower ones
PACE = 50.0  # requests a second, for the time to the first byte
THINKING = 0.02  # seconds that the upstream takes there
FEW, MANY, GAP = 2, 102, 0.01  # events of short and long streams, and the seconds between them
STREAMS = 20

Figures = dict[str, float]


class Shot(NamedTuple):
    """One run of the callers against one gateway, and what its processes spent meanwhile."""

    result: Result
    seconds: dict[str, float]
    instructions: dict[str, int]

    def per_request(self, name: str) -> Figures:
        """Milliseconds of CPU by process; thousands of instructions where they are counted."""
        number = max(self.result.answered, 1)
        figures = {f"{name}: CPU ms, all": 1000 * sum(self.seconds.values()) / number}
        if len(self.seconds) > 1:
            figures |= {f"{name}: CPU ms, {part}": 1000 * spent / number for part, spent in self.seconds.items()}
        if self.instructions:
            figures[f"{name}: thousand instructions"] = sum(self.instructions.values()) / number / 1000
        return figures

    def errors(self, name: str) -> Figures:
        """A line only where there were any."""
        return {f"{name}: errors": sum(self.result.errors.values())} if self.result.errors else {}


def main() -> None:
    options = parser().parse_args()
    allow_many_files()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tollbooth-load-")))
        database = _installation(folder, stack)
        direct = stack.enter_context(gateways.upstream())
        report(options, Bench(direct, options.seconds), list(_started(options, direct, database, folder, stack)))


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--accounts", type=int, default=200, help="one key each")
    parser.add_argument("--streams", type=int, default=1000, help="slow ones, measured once; 0 for none")
    parser.add_argument("--litellm", default="", help="its program, in a virtual environment of yours")
    parser.add_argument("--alone", action="store_true", help="nothing beside the product")
    return parser


def _installation(folder: Path, stack: ExitStack) -> Server:
    """Django, migrated, on a PostgreSQL of our own."""
    server = ledger.durable_postgres(stack)
    own = {"VAR_DIR": str(folder / "var"), "ENV_FILE": os.devnull, "REDIS_URL": "", "DATABASE_URL": server.url}
    os.environ.update({**own, "DJANGO_SETTINGS_MODULE": "config.settings"})
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    return server


def _started(
    options: argparse.Namespace, direct: Gateway, database: Server, folder: Path, stack: ExitStack
) -> Iterator[Gateway]:
    if gateways.has_nginx() and not options.alone:
        yield stack.enter_context(gateways.nginx(direct.port, folder=folder))
    served = gateways.product(direct.port, database, accounts=options.accounts, folder=folder)
    yield stack.enter_context(served)
    if options.litellm and not options.alone:
        yield stack.enter_context(gateways.litellm(options.litellm, direct.port, folder=folder))


def report(options: argparse.Namespace, bench: "Bench", measured: list[Gateway]) -> None:
    """Measure in rounds and print the table."""
    for gateway in measured:
        bench.warm_up(gateway)
    figures: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for _ in range(options.rounds):
        for measure in (bench.requests, bench.events, bench.first_byte):
            _collect(figures, measure, measured)
    if options.streams:
        _collect(figures, lambda gateway: bench.slow_streams(gateway, options.streams), measured)
    _print_table(figures, [gateway.name for gateway in measured])
    if not counts_instructions():
        print("Instructions were not counted: perf is missing, or the processor does not let it.")


def _collect(
    figures: dict[str, dict[str, list[float]]], measure: Callable[[Gateway], Figures], measured: list[Gateway]
) -> None:
    for gateway in measured:
        for name, value in measure(gateway).items():
            figures[name][gateway.name].append(value)


def _print_table(figures: dict[str, dict[str, list[float]]], names: list[str]) -> None:
    print(f"{'':<52}" + "".join(f"{name:>12}" for name in names))
    for label, by_gateway in figures.items():
        cells = (f"{median(by_gateway[name]):.3g}" if by_gateway[name] else "" for name in names)
        print(f"{label:<52}" + "".join(f"{cell:>12}" for cell in cells))


class Bench:
    """The measurements; each gives its figures by the label of their line."""

    def __init__(self, direct: Gateway, seconds: float) -> None:
        self._direct = direct
        self._seconds = seconds

    def warm_up(self, gateway: Gateway) -> None:
        """Open connections, load what is loaded at the first request."""
        self._script(events=FEW, gap=0, wait=0)
        self._shoot(gateway, connections=8, seconds=min(self._seconds, 1))
        self._shoot(gateway, connections=8, seconds=min(self._seconds, 1), is_stream=True)

    def requests(self, gateway: Gateway) -> Figures:
        """Plain requests, as many as 8 and 64 connections make."""
        self._script(events=FEW, gap=0, wait=0)
        figures: Figures = {}
        for connections in (8, 64):
            name = f"{connections} connections"
            shot = self._shoot(gateway, connections=connections, seconds=self._seconds)
            figures[f"{name}: requests/s"] = shot.result.answered / shot.result.elapsed
            figures |= shot.per_request(name) | shot.errors(name)
        return figures

    def events(self, gateway: Gateway) -> Figures:
        """What an event costs: the difference between long streams and short ones, of 20 at a time."""
        spent = []
        for number in (FEW, MANY):
            self._script(events=number, gap=GAP, wait=0)
            seconds = max(self._seconds, 1.5 * number * GAP)
            spent.append(self._shoot(gateway, connections=STREAMS, seconds=seconds, is_stream=True))
        short, long = (shot.per_request("") for shot in spent)
        name, label = f"{STREAMS} streams", ": CPU ms, all"
        figures = {f"{name}: CPU µs per event": 1000 * (long[label] - short[label]) / (MANY - FEW)}
        if ": thousand instructions" in long:
            more = long[": thousand instructions"] - short[": thousand instructions"]
            figures[f"{name}: thousand instructions per event"] = more / (MANY - FEW)
        figures[f"{name}: events per read"] = spent[1].result.events / max(spent[1].result.reads, 1)
        return figures | spent[0].errors(name) | spent[1].errors(name)

    def first_byte(self, gateway: Gateway) -> Figures:
        """How much later than from the upstream itself it comes, at a pace that leaves everybody idle."""
        self._script(events=FEW, gap=0, wait=THINKING)
        figures: Figures = {}
        for kind, is_stream in (("whole", False), ("stream", True)):
            waited = [
                self._shoot(one, rate=PACE, seconds=self._seconds, is_stream=is_stream).result.first_byte
                for one in (self._direct, gateway)
            ]
            for number, which in enumerate(("p50", "p99")):
                label = f"{PACE:.0f} requests/s: first byte later by ms, {kind}, {which}"
                figures[label] = waited[1][number] - waited[0][number]
        return figures

    def slow_streams(self, gateway: Gateway, streams: int) -> Figures:
        """So many streams at once, none of which is in a hurry."""
        took, ramp = 3 * self._seconds + 1, self._seconds + 1
        events = max(round(EVENTS_PER_SECOND * took / streams), 1)
        self._script(events=events, gap=took / events, wait=0.2)
        seen = [_memory(gateway)]

        order = {"rate": streams / ramp, "seconds": ramp, "is_stream": True, "patience": took + 60}
        shot = self._shoot(gateway, **order, meanwhile=lambda: seen.append(_memory(gateway)))
        name = f"{streams} slow streams"
        return {
            f"{name}: errors": sum(shot.result.errors.values()),
            f"{name}: first byte ms, p50": shot.result.first_byte[0],
            f"{name}: first byte ms, p99": shot.result.first_byte[1],
            f"{name}: KiB per stream": (max(seen) - seen[0]) / streams,
            f"{name}: CPU µs per event": 1e6 * sum(shot.seconds.values()) / max(shot.result.events, 1),
        }

    def _script(self, **values: float) -> None:
        query = "&".join(f"{name}={value}" for name, value in values.items())
        urllib.request.urlopen(f"http://127.0.0.1:{self._direct.port}/script?{query}", timeout=10).close()

    def _shoot(
        self,
        gateway: Gateway,
        *,
        seconds: float,
        meanwhile: Callable[[], None] | None = None,
        **order: Any,
    ) -> Shot:
        asked = Order(port=gateway.port, keys=gateway.keys, model=MODEL, seconds=seconds, **order)
        with Watch(gateway.processes) as watch:
            answer = _called(asked, meanwhile)
        return Shot(Result(**answer), watch.seconds, watch.instructions)


def _memory(gateway: Gateway) -> int:
    """KiB of all its processes."""
    return sum(map(memory_kib, gateway.processes.values()))


def _called(order: Order, meanwhile: Callable[[], None] | None) -> dict[str, Any]:
    """Let the callers do their work in a process of their own, and look on once a second."""
    command = [sys.executable, "-m", "tests.load.caller"]
    said: str | None = json.dumps(asdict(order))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        while True:
            try:
                output, _ = process.communicate(said, timeout=1 if meanwhile else None)
            except subprocess.TimeoutExpired:
                said = None
                if meanwhile:
                    meanwhile()
            else:
                break
    answer: dict[str, Any] = json.loads(output)
    return answer


if __name__ == "__main__":
    main()
