"""Benchmark of all pages: server time and statements, for a stranger, the heaviest user, a light one and the operator.

    python -m tests.load.pages [--rows 1000000] [--database-url postgresql://…] [--requests 20] [--only usage]

An empty database is filled first (`tests.load.seed`). Django's test client runs the whole of a request, compression
included, but no socket; of a streamed file, until its first thousand rows are there. Milliseconds: `p50` and `p95` of
the server time, which is the CPU time of this process and of the database's, for on a machine that does other work the
clock says how busy that is; `database` is the second part alone and `clock` what a clock says, both medians.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from math import ceil
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from asgiref.sync import async_to_sync

from tests.load import seed

if TYPE_CHECKING:
    from django.test import Client

PLAIN_STATIC = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WIDTH = 100


class Visit(NamedTuple):
    """What one request took, in milliseconds, and how many statements."""

    cpu: float
    database: float
    clock: float
    statements: int

    @property
    def server(self) -> float:
        return self.cpu + self.database


def main() -> None:
    options = parser().parse_args()
    with seed.database(options.database_url):
        from accounts.models import User

        if not User.objects.exists():
            seed.fill(rows=options.rows, users=options.users, days=options.days)
        with furnished():
            report(options)


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    seed.add_options(parser)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--orders", type=int, default=60, help="so many more of each customer: a page of a list")
    parser.add_argument("--only", default="", help="only addresses with this in them")
    return parser


@contextmanager
def furnished() -> Iterator[None]:
    """A shop around the usage, and the host name that the test client asks for."""
    from django.conf import settings
    from django.core.management import call_command
    from django.test import override_settings

    call_command("seed", stdout=StringIO())
    with override_settings(ALLOWED_HOSTS=["testserver"], STORAGES=settings.STORAGES | PLAIN_STATIC):
        yield


def report(options: argparse.Namespace) -> None:
    """Print a table for each visitor."""
    from relay.runtime import collect_less_garbage
    from tests.load.addresses import walks

    everywhere = list(walks(orders=options.orders))
    for walk in everywhere:
        for address, status in walk.addresses.items():
            visit(walk.client, address, status)
    collect_less_garbage()  # as processes do that have served for a while
    for walk in everywhere:
        heads = "".join(f"{head:>11}" for head in ("p50", "p95", "database", "clock", "statements"))
        print(f"\n{walk.title}\n{'':<{WIDTH}}{heads}")
        for address, status in walk.addresses.items():
            if options.only in address:
                figures = _measured(walk.client, address, status, options.requests)
                print(f"{address[:WIDTH]:<{WIDTH}}{figures}", flush=True)


def _measured(client: "Client", address: str, status: int, requests: int) -> str:
    visit(client, address, status)  # templates are compiled and connections opened once a process
    visits = [visit(client, address, status) for _ in range(requests)]
    times = sorted(each.server for each in visits)
    database, clock = median(each.database for each in visits), median(each.clock for each in visits)
    figures = "".join(
        f"{figure:>11.1f}" for figure in (median(times), times[ceil(0.95 * requests) - 1], database, clock)
    )
    return f"{figures}{visits[-1].statements:>11}"


def visit(client: "Client", address: str, status: int = 200) -> Visit:
    """Open a page once."""
    began, cpu, database = time.perf_counter(), time.process_time(), _database_cpu()
    statements = count_statements(client, address, status)
    cpu, database, clock = time.process_time() - cpu, _database_cpu() - database, time.perf_counter() - began
    return Visit(cpu * 1_000, database * 1_000, clock * 1_000, statements)


def count_statements(client: "Client", address: str, status: int = 200) -> int:
    """The same by the statements alone."""
    from django.db import connection

    statements = 0

    def counted(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal statements
        statements += 1
        return execute(*arguments)

    with connection.execute_wrapper(counted):
        _open(client, address, status)
    return statements


def _database_cpu() -> float:
    """Seconds that the process at the other end of our connection has computed."""
    from django.db import connection

    connection.ensure_connection()
    assert connection.connection is not None
    of_process = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    return int(of_process.read_text().split()[0]) / 1e9


def _open(client: "Client", address: str, status: int) -> None:
    response: Any = client.get(address)
    leads_on = response.status_code == 302 and not response.headers["Location"].startswith("/accounts/login")
    assert leads_on or response.status_code == status, (address, response.status_code)
    if response.streaming and response.is_async:
        async_to_sync(_first_pieces)(response.streaming_content)  # its statements run in this thread, and are counted
    elif response.streaming:
        pieces = iter(response.streaming_content)
        next(pieces)
        next(pieces, None)


async def _first_pieces(content: Any) -> None:
    pieces = aiter(content)
    await anext(pieces)  # the names of the columns
    await anext(pieces, None)


if __name__ == "__main__":
    main()
