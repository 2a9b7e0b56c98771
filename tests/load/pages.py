"""Benchmark of the pages that read usage: server time and statements, for the heaviest user and for a light one.

    python -m tests.load.pages [--rows 1000000] [--database-url postgresql://…] [--requests 50] [--only usage]

An empty database is filled first (`tests.load.seed`). Times are milliseconds in Django's test client, which runs the
whole of a request but no socket; of the CSV file, until its first thousand rows are there. `CPU` is this process alone
and `database` the time its statements took, both medians: on a machine that does other work they vary less.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from math import ceil
from statistics import median
from typing import Any, NamedTuple

from asgiref.sync import async_to_sync

from tests.load import seed

CSV = "/usage.csv"
RANGES = ("24h", "7d", "30d", "90d")
PLAIN_STATIC = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}


class Visit(NamedTuple):
    """What one request took, in milliseconds, and how many statements."""

    wall: float
    cpu: float
    database: float
    statements: int


def main() -> None:
    options = parser().parse_args()
    with seed.database(options.database_url):
        from django.conf import settings
        from django.test import override_settings

        from billing.models import UsageRecord

        if not UsageRecord.objects.exists():
            seed.fill(rows=options.rows, users=options.users, days=options.days)
        with override_settings(ALLOWED_HOSTS=["testserver"], STORAGES=settings.STORAGES | PLAIN_STATIC):
            report(options)


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    seed.add_options(parser)
    parser.add_argument("--requests", type=int, default=50)
    parser.add_argument("--only", default="", help="only addresses with this in them")
    return parser


def report(options: argparse.Namespace) -> None:
    """Print a table for each kind of visitor."""
    for title, user, addresses in _visits():
        heads = "".join(f"{head:>10}" for head in ("p50", "p95", "CPU", "database", "statements"))
        print(f"\n{title}\n{'':<64}{heads}")
        client = _client_of(user)
        for address in addresses:
            if options.only in address:
                figures = "".join(f"{figure:>10.1f}" for figure in _measured(client, address, options.requests))
                print(f"{address:<64}{figures}{_visit(client, address).statements:>10}", flush=True)


def _visits() -> Iterator[tuple[str, Any, list[str]]]:
    from accounts.models import User
    from billing.models import UsageRecord
    from tests.factories import make_user

    users = User.objects.filter(email__endswith="@example.com", is_staff=False).order_by("id")
    for user in (users[0], users.reverse()[0]):
        count = UsageRecord.objects.filter(user=user).count()
        yield f"{user}, {count:,} requests", user, [*_dashboards(), *_logs(user)]
    operator = User.objects.filter(is_staff=True).first() or make_user("operator@example.com", is_staff=True)
    User.objects.filter(pk=operator.pk).update(is_superuser=True)
    yield "operator", User.objects.get(pk=operator.pk), _admin_lists(users[0])


def _dashboards() -> list[str]:
    return [f"/dashboard?range={period}" for period in RANGES]


def _logs(user: Any) -> list[str]:
    """Pages of the log and the start of its CSV file: all ranges, a page deep in the past, and each filter."""
    from billing.models import UsageRecord

    rows = UsageRecord.objects.filter(user=user, status="settled").order_by("-id")
    newest, deep = rows[0], rows[rows.count() * 4 // 5]
    narrowed = [
        f"token={newest.token.public_id}", f"model={newest.model}", f"group={newest.group.replace('%', '%25')}",
        "status=failed", "status=settled", "status=open", "stream=yes", "status=abandoned&stream=no", f"id={deep.pk}",
    ]  # fmt: skip
    pages = [f"range={period}" for period in RANGES]
    pages += [f"range=90d&older={deep.pk}", f"range=90d&newer={deep.pk}"]
    pages += [f"range={period}&{narrow}" for period in ("7d", "90d") for narrow in narrowed]
    return [f"/usage?{page}" for page in pages] + [f"{CSV}?range=90d", f"{CSV}?range=90d&status=failed"]


def _admin_lists(user: Any) -> list[str]:
    usage = "/admin/billing/usagerecord/"
    narrowed = ["", "?p=100", "?status__exact=failed", "?status__exact=open", "?model=small", "?within=24",
                f"?user__id__exact={user.pk}", f"?q={user.email}"]  # fmt: skip
    return [usage + query for query in narrowed] + ["/admin/billing/usagerollup/", "/admin/billing/ledgerentry/"]


def _client_of(user: Any) -> Any:
    from django.test import Client

    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _measured(client: Any, address: str, requests: int) -> tuple[float, float, float, float]:
    _visit(client, address)  # templates are compiled and connections opened once a process
    visits = [_visit(client, address) for _ in range(requests)]
    walls = sorted(visit.wall for visit in visits)
    return (
        median(walls),
        walls[ceil(0.95 * requests) - 1],
        median(visit.cpu for visit in visits),
        median(visit.database for visit in visits),
    )


def _visit(client: Any, address: str) -> Visit:
    from django.db import connection

    statements: list[float] = []

    def timed(execute: Callable[..., Any], *arguments: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            statements.append(time.perf_counter() - started)

    with connection.execute_wrapper(timed):
        began, cpu = time.perf_counter(), time.process_time()
        (_csv_start if address.startswith(CSV) else _page)(client, address)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    return Visit(wall * 1_000, cpu * 1_000, sum(statements) * 1_000, len(statements))


def _page(client: Any, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 200, (address, response.status_code)


def _csv_start(client: Any, address: str) -> None:
    response = client.get(address)

    async def first_pieces() -> None:
        pieces = aiter(response.streaming_content)
        await anext(pieces)  # the names of the columns
        await anext(pieces, None)

    async_to_sync(first_pieces)()  # its statements run in this thread, and are counted


if __name__ == "__main__":
    main()
