"""Benchmark of the ledger alone: hold and settlement, both durable, by so many concurrent callers.

    python -m tests.load.ledger [--database sqlite|postgres] [--callers 1,8,64] [--seconds 3] [--accounts 200]

Prints requests per second and CPU per request, the database's own processes included, beside the same work done in
one transaction per step. Starts its own database in a temporary folder, with full durability, and checks the books.
"""

import argparse
import asyncio
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import django
import psycopg

from tests.provision import postgres
from tests.provision.servers import Server

MOST_THREADS = 32


def main() -> None:
    options = _options()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tollbooth-load-"))
        os.environ.update(
            {"VAR_DIR": folder, "ENV_FILE": os.devnull, "REDIS_URL": "", "DJANGO_SETTINGS_MODULE": "config.settings"}
        )
        os.environ["DATABASE_POOL_SIZE"] = str(MOST_THREADS + 2)  # each thread of the comparison keeps a connection
        os.environ["DATABASE_URL"] = _database(options.database, folder, stack)
        django.setup()
        _run(options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="postgres")
    parser.add_argument("--callers", type=lambda text: [int(part) for part in text.split(",")], default=[1, 8, 64])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--accounts", type=int, default=200)
    return parser.parse_args()


def _database(kind: str, folder: str, stack: ExitStack) -> str:
    if kind == "sqlite":
        return f"sqlite:///{folder}/load.sqlite3"
    return durable_postgres(stack).url


def durable_postgres(stack: ExitStack) -> Server:
    """A PostgreSQL of our own, with an empty database, that loses nothing: the tests' own server may."""
    durable = dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "on")
    postgres.SETTINGS.update(durable)
    server = postgres.start()
    stack.callback(server.stop)
    with psycopg.connect(server.url.replace("/tollbooth", "/postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE tollbooth")
    return server


def _run(options: argparse.Namespace) -> None:
    from django.core.management import call_command
    from django.db import connection, connections

    call_command("migrate", verbosity=0)
    holds = _make_holds(options.accounts)
    print(f"{options.database}: {options.accounts} accounts, {2 * options.accounts} keys, {options.seconds:g} s each")
    print(f"{'callers':>8} {'variant':>22} {'requests/s':>11} {'CPU ms/request':>15} {'of it database':>15}")
    for callers in options.callers:
        for name, work in (("group commit", _grouped), ("a transaction a step", _single)):
            connections.close_all()
            before = _cpu()
            begun = time.perf_counter()
            done = asyncio.run(work(holds, callers, options.seconds))
            elapsed = time.perf_counter() - begun
            time.sleep(0.3)  # the database's processes of closed connections are counted once they are reaped
            spent = [b - a for a, b in zip(before, _cpu(), strict=True)]
            own, database = (1000 * part / done for part in spent)
            print(f"{callers:>8} {name:>22} {done / elapsed:>11.0f} {own + database:>15.3f} {database:>15.3f}")
    assert _books_agree(), "the books do not agree"
    print(f"books exact after {_count()} requests on {connection.vendor}")


def _make_holds(accounts: int) -> list[Any]:
    from tests.factories import make_hold, make_price, make_token, make_user

    price = make_price()
    users = [make_user(balance="1000000") for _ in range(accounts)]
    return [make_hold(make_token(user), price=price, amount="0.01") for user in users for _ in range(2)]


async def _grouped(holds: list[Any], callers: int, seconds: float) -> int:
    from billing.writer import LedgerWriter

    writer = LedgerWriter()
    done = await _callers(holds, callers, seconds, writer.place_hold, writer.settle)
    await writer.close()
    return done


async def _single(holds: list[Any], callers: int, seconds: float) -> int:
    """The same SQL, but each hold and each settlement in a transaction of its own, from as many threads."""
    from billing.lots import place_hold, settle

    threads = min(callers, MOST_THREADS)
    with ThreadPoolExecutor(threads) as pool:
        loop = asyncio.get_running_loop()

        def in_thread(function):
            return lambda argument: loop.run_in_executor(pool, function, argument)

        done = await _callers(holds, callers, seconds, in_thread(place_hold), in_thread(settle))
        everyone = Barrier(threads)
        await asyncio.gather(*(loop.run_in_executor(pool, _close_own_connection, everyone) for _ in range(threads)))
    return done


def _close_own_connection(everyone: Barrier) -> None:
    from django.db import connections

    everyone.wait()  # so that no thread takes two of these
    connections.close_all()


async def _callers(holds: list[Any], callers: int, seconds: float, place, settle) -> int:
    deadline = time.perf_counter() + seconds
    return sum(await asyncio.gather(*(_caller(holds[n::callers], deadline, place, settle) for n in range(callers))))


async def _caller(holds: list[Any], deadline: float, place, settle) -> int:
    from billing.holds import Settlement
    from billing.models import UsageRecord
    from billing.pricing import Usage
    from config.kernel.ids import uuid7
    from config.kernel.money import NanoUSD

    done = 0
    while time.perf_counter() < deadline:
        hold = replace(holds[done % len(holds)], id=uuid7())
        await place(hold)
        await settle(
            Settlement(
                id=hold.id,
                status=UsageRecord.Status.SETTLED,
                end_reason=UsageRecord.EndReason.COMPLETED,
                rule=UsageRecord.Rule.REPORTED,
                usage=Usage(input=100, output=50),
                charge=NanoUSD(200_000),
                channel_id=1,
                channel_name="load",
            )
        )
        done += 1
    return done


def _cpu() -> tuple[float, float]:
    """Seconds of CPU of this process, and of the PostgreSQL processes it talks to."""
    return time.process_time(), sum(_seconds_of(stat) for stat in _postgres_processes())


def _postgres_processes() -> list[Path]:
    """The server that we talk to, by its port, and its children; other servers may run here too."""
    from django.conf import settings

    folders = list(Path("/proc").glob("[0-9]*"))
    port = settings.DATABASES["default"].get("PORT")
    servers = {folder.name for folder in folders if port and f"port={port}" in _text(folder / "cmdline")}
    ours = [folder for folder in folders if folder.name in servers or _parent(folder) in servers]
    return [folder / "stat" for folder in ours]


def _parent(folder: Path) -> str:
    return (_text(folder / "stat").rpartition(")")[2].split() or ["", ""])[1]


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _seconds_of(stat: Path) -> float:
    """User and system time of a process, its ended children included."""
    fields = _text(stat).rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def _books_agree() -> bool:
    from django.db.models import Sum

    from billing.models import LedgerEntry, UsageRecord, Wallet

    granted = LedgerEntry.objects.aggregate(total=Sum("amount"))["total"]
    charged = UsageRecord.objects.aggregate(total=Sum("charge"))["total"]
    wallets = Wallet.objects.aggregate(balance=Sum("balance"), held=Sum("held"))
    return wallets == {"balance": granted - charged, "held": 0}


def _count() -> int:
    from billing.models import UsageRecord

    return UsageRecord.objects.count()


if __name__ == "__main__":
    main()
