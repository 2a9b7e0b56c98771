"""The load of benchmarks: asks one server for chat completions and prints what came back, as one line of JSON.

    python -m tests.load.caller < order.json

An order is `Order` as JSON. Without a rate so many connections ask, each anew as soon as it is answered; with one,
requests begin when they are due, however many are still running.
"""

import asyncio
import json
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from itertools import cycle
from statistics import quantiles
from typing import Any, cast

import httptools
import uvloop

from tests.load.machine import allow_many_files

EVENT = b"data: {"
END_MARK = b"[DONE]"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to do. `patience` is how many seconds are waited for answers when no more requests begin."""

    port: int
    keys: list[str]
    model: str
    seconds: float
    connections: int = 1
    rate: float | None = None
    is_stream: bool = False
    patience: float = 30.0
    prompt_bytes: int = 1000


@dataclass
class Result:
    """What came of it; times in milliseconds."""

    elapsed: float = 0.0
    answered: int = 0
    events: int = 0
    reads: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    first_byte: tuple[float, float] = (0.0, 0.0)
    total: tuple[float, float] = (0.0, 0.0)


def middle_and_worst(samples: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile, in milliseconds."""
    if len(samples) < 2:
        return (0.0, 0.0)
    cuts = quantiles(samples, n=100)
    return 1000 * cuts[49], 1000 * cuts[98]


def request_of(order: Order, key: str) -> bytes:
    body = {
        "model": order.model,
        "messages": [{"role": "user", "content": "word " * (order.prompt_bytes // 5)}],
        "max_tokens": 1000,
    }
    if order.is_stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    data = json.dumps(body).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{order.port}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


class Connection(asyncio.Protocol):
    """Sends one request at a time and tells its caller how each ended."""

    def __init__(self, caller: "Caller") -> None:
        self._caller = caller
        self._transport: asyncio.Transport | None = None
        self._is_asking = False

    def ask(self, request: bytes, *, due: float) -> None:
        """Send a request; its times count from `due`."""
        assert self._transport is not None
        self._parser = httptools.HttpResponseParser(self)
        self._due, self._first = due, 0.0
        self._events = self._reads = 0
        self._carried, self._is_done = b"", False
        self._is_complete = self._may_stay = False
        self._is_asking = True
        self._transport.write(request)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._is_asking:
            self._end("cut")
        self._transport = None

    def data_received(self, data: bytes) -> None:
        if not self._is_asking:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._end("not HTTP")
            return
        if self._is_complete:
            self._end(self._problem(), may_stay=self._may_stay)

    def on_body(self, body: bytes) -> None:
        if not self._first:
            self._first = self._caller.now()
        self._reads += 1
        if self._caller.order.is_stream:
            text = self._carried + body
            self._events += text.count(EVENT)
            self._is_done |= END_MARK in text
            self._carried = text[1 - len(EVENT) :]

    def on_message_complete(self) -> None:
        self._is_complete, self._may_stay = True, self._parser.should_keep_alive()

    def _problem(self) -> str:
        if self._parser.get_status_code() != 200:
            return f"status {self._parser.get_status_code()}"
        return "no end mark" if self._caller.order.is_stream and not self._is_done else ""

    def _end(self, problem: str, *, may_stay: bool = False) -> None:
        self._is_asking = False
        if not may_stay and self._transport is not None:
            self._transport.close()
        self._caller.note(problem, due=self._due, first=self._first, events=self._events, reads=self._reads)
        self._caller.free(self if may_stay else None)


class Caller:
    """Keeps to one order."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.result = Result()
        self._loop = asyncio.get_running_loop()
        self.now = time.perf_counter  # uvloop's own clock counts whole milliseconds
        self._requests = cycle([request_of(order, key) for key in order.keys])
        self._idle: deque[Connection] = deque()
        self._running = 0
        self._first_bytes: list[float] = []
        self._totals: list[float] = []
        self._all_ended = asyncio.Event()
        self._kept: set[asyncio.Task[None]] = set()

    async def run(self) -> Result:
        """The result, once all is answered or the patience is over."""
        self._begun = self.now()
        self._deadline = self._begun + self.order.seconds
        if self.order.rate is None:
            for _ in range(self.order.connections):
                self._begin(self._begun)
        else:
            await self._keep_pace(self.order.rate)
        try:
            async with asyncio.timeout(self._deadline - self.now() + self.order.patience):
                await self._all_ended.wait()
        except TimeoutError:
            self.result.errors["unfinished"] = self._running
        self.result.elapsed = self.now() - self._begun
        self.result.first_byte = middle_and_worst(self._first_bytes)
        self.result.total = middle_and_worst(self._totals)
        return self.result

    async def _keep_pace(self, rate: float) -> None:
        for number in range(int(rate * self.order.seconds)):
            due = self._begun + number / rate
            if (pause := due - self.now()) > 0:
                await asyncio.sleep(pause)
            self._begin(due)
        self._deadline = self.now()
        if not self._running:
            self._all_ended.set()

    def _begin(self, due: float) -> None:
        self._running += 1
        if self._idle:
            self._idle.pop().ask(next(self._requests), due=due)
        else:
            task = self._loop.create_task(self._connect_and_ask(due))
            self._kept.add(task)
            task.add_done_callback(self._kept.discard)

    async def _connect_and_ask(self, due: float) -> None:
        try:
            _, connection = await self._loop.create_connection(lambda: Connection(self), "127.0.0.1", self.order.port)
        except OSError:
            self.note("refused", due=due, first=0.0, events=0, reads=0)
            await asyncio.sleep(0.01)
            self.free(None)
        else:
            connection.ask(next(self._requests), due=due)

    def note(self, problem: str, *, due: float, first: float, events: int, reads: int) -> None:
        """How one request ended; an empty problem is none."""
        if problem:
            self.result.errors[problem] = self.result.errors.get(problem, 0) + 1
            return
        self.result.answered += 1
        self.result.events += events
        self.result.reads += reads
        self._first_bytes.append(first - due)
        self._totals.append(self.now() - due)

    def free(self, connection: Connection | None) -> None:
        """A request is over, and its connection, if it stays, is there for the next one."""
        self._running -= 1
        if connection is not None:
            self._idle.append(connection)
        now = self.now()
        if self.order.rate is None and now < self._deadline:
            self._begin(now)
        elif not self._running and now >= self._deadline:
            self._all_ended.set()


async def call(order: Order) -> dict[str, Any]:
    """The result of an order, as JSON can say it."""
    return asdict(await Caller(order).run())


if __name__ == "__main__":
    allow_many_files()
    print(json.dumps(uvloop.run(call(Order(**json.load(sys.stdin))))))
