"""Callers who never tire, an upstream that remembers every request, and a PostgreSQL server to be mistreated."""

import itertools
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import requests
from django.core.management import call_command
from django.db import connections
from django.db.utils import ConnectionHandler

from billing.models import UsageRecord
from relay.sandbox.app import app as sandbox_app
from tests.provision import postgres
from tests.relay.conftest import chat
from tests.relay.test_leaving import wait_for

NANO_A_TOKEN = 2_000
FIRST_NUMBER = 2_000  # above the longest answer of the sandbox, so that it cuts none off
_numbers = itertools.count(FIRST_NUMBER)


def new_number():
    """A `max_tokens` that no other request has."""
    return next(_numbers)


class Tally:
    """The sandbox upstream, with the `max_tokens` of every request that reached it: each caller's number is one."""

    def __init__(self):
        self.seen = []

    async def __call__(self, scope, receive, send):
        body = b""

        async def listening():
            nonlocal body
            message = await receive()
            if message["type"] == "http.request":
                body += message["body"]
                if not message.get("more_body") and scope["method"] == "POST":
                    self.seen.append(json.loads(body)["max_tokens"])
            return message

        await sandbox_app(scope, listening, send)


def numbers_on_record(**fields):
    """The callers' numbers of the usage records: a prompt costs nothing, so that the hold says `max_tokens`."""
    return [hold // NANO_A_TOKEN for hold in UsageRecord.objects.filter(**fields).values_list("hold", flat=True)]


class Load:
    """Callers in threads, each with one request after the other, until they are stopped or nobody answers."""

    def __init__(self, caller, *, random, callers=8):
        self.caller = caller
        self.served = []  # numbers of requests whose answer came to its proper end
        self.refused = []  # statuses of those that were told no
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(random.random(),)) for _ in range(callers)]
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _call(self, luck):
        models = itertools.cycle(["sandbox-mini", "sandbox-pro", "sandbox-mini", "sandbox-long"])
        for model in itertools.islice(models, int(luck * 4), None):
            if self._stopping.is_set():
                return
            try:
                self._request(model, stream=model != "sandbox-mini" or luck < 0.5)
            except requests.RequestException:
                return

    def _request(self, model, *, stream):
        number = new_number()
        with self.caller.post(chat(model, stream=stream, max_tokens=number), stream=True) as response:
            body = b"".join(response.iter_content(None))
        if response.status_code != 200:
            self.refused.append(response.status_code)
        elif not stream or body.endswith(b"data: [DONE]\n\n"):
            self.served.append(number)


# ── A database to be frozen and stopped ──────────────────────────────────────


class Mistreated:
    """A PostgreSQL server of our own and the means to make it suffer."""

    def __init__(self, server):
        self.url = server.url
        self._server = server
        self._stopped = server.folder / postgres.STOPPED

    def signal(self, number):
        """Send a signal to every process of the server, its postmaster first."""
        for process in self._processes():
            with suppress(ProcessLookupError):
                os.kill(process, number)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stopped without a checkpoint, as by a power cut of the server alone; started again at the end."""
        self._stopped.touch()
        os.kill(self._processes()[0], signal.SIGQUIT)
        wait_for(lambda: not self._processes())
        try:
            yield
        finally:
            self._stopped.unlink()
            wait_for(lambda: postgres.answers(self.url))
            connections["default"].close()  # it does not know yet that it is broken

    def _processes(self):
        (loop,) = _children(self._server.kept_by.pid)
        masters = [pid for pid in _children(loop) if Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"]
        return masters + [pid for master in masters for pid in _children(master)]


def _children(pid):
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


@contextmanager
def mistreated_postgres() -> Iterator[Mistreated]:
    """Django's database is a new server until the end of the block."""
    server = postgres.start(can_restart=True)
    with psycopg.connect(server.url.replace("/tollbooth", "/postgres"), autocommit=True) as session:
        session.execute("CREATE DATABASE tollbooth")
    usual, connections["default"] = connections["default"], _connection_to(server.url)
    try:
        call_command("migrate", verbosity=0)
        yield Mistreated(server)
    finally:
        connections["default"].close()
        connections["default"] = usual
        server.stop()


def _connection_to(url):
    parts = psycopg.conninfo.conninfo_to_dict(url)
    values = {"ENGINE": "django.db.backends.postgresql", "NAME": parts["dbname"], "USER": parts["user"]}
    values |= {"PASSWORD": parts["password"], "HOST": parts["host"], "PORT": parts["port"]}
    return ConnectionHandler({"default": values | {"OPTIONS": {"connect_timeout": 5}}})["default"]
