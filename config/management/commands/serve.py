"""`manage.py serve`: the whole product with one command."""

import logging
import signal
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from config.serving.claims import LOOPBACK, CannotServe
from config.serving.console import Console
from config.serving.product import Options, run
from config.serving.supervisor import ProgramFailed


class Command(BaseCommand):
    help = "Prepare the database and start web, worker, beat and sandbox. Ctrl-C stops them."
    requires_system_checks: list[str] = []  # they cost a second, and `run.py check` makes them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=LOOPBACK, help="address to listen on (127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (8000)")
        parser.add_argument("--workers", type=int, help="web processes (on SQLite 1, on PostgreSQL one per core)")
        parser.add_argument("--no-worker", action="store_false", dest="worker", help="do no background work here")
        parser.add_argument(
            "--no-sandbox", action="store_false", dest="sandbox", help="start neither sandbox upstream nor test gateway"
        )

    def handle(self, *, host: str, port: int, workers: int | None, worker: bool, sandbox: bool, **_rest: Any) -> None:
        console = Console(sys.stdout)
        options = Options(host=host, port=port, web_processes=workers, worker=worker, sandbox=sandbox)
        logging.disable(logging.INFO)  # the children log; here the console says what there is to say
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # until the supervisor listens to signals itself
        try:
            run(options, console)
        except KeyboardInterrupt:
            console.line("Stopped.")
        except CannotServe as error:
            self._leave(str(error))
        except ProgramFailed as error:
            self._leave("\n".join([str(error), "Its last words:", *(f"  {line}" for line in error.tail)]))

    def _leave(self, reason: str) -> None:
        self.stderr.write(reason)
        sys.exit(1)
