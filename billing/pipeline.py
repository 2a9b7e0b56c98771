"""Prepared statements on a connection of psycopg, several sent at once and answered together.

psycopg's cursors take one statement a round trip, and four times the CPU; its own pipelines cost more than they save.
"""

import select
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from weakref import WeakSet

import psycopg
from psycopg import pq


class Statement(NamedTuple):
    """SQL with `$1`, `$2` … for its parameters; what it answers is the first value of its first row."""

    name: str
    sql: str


class Pipeline:
    """One connection's statements. What is queued is sent by the next `flush`."""

    _prepared: WeakSet[psycopg.Connection[Any]] = WeakSet()

    def __init__(self, connection: psycopg.Connection[Any], known: Iterable[Statement]) -> None:
        self._pgconn = connection.pgconn
        self._queued: list[tuple[Statement, Sequence[bytes] | None]] = []
        if connection not in self._prepared:
            for statement in known:
                _checked(self._pgconn.prepare(statement.name.encode(), statement.sql.encode()))
            self._prepared.add(connection)

    def queue(self, statement: Statement, *parameters: bytes) -> None:
        """A statement that is known."""
        self._queued.append((statement, parameters))

    def say(self, sql: str) -> None:
        """A command that needs no plan, such as BEGIN."""
        self._queued.append((Statement(sql, sql), None))

    def flush(self) -> dict[str, bytes | None]:
        """Send what is queued and wait for all of it; answers by the statement's name. Raises psycopg.Error."""
        queued, self._queued = self._queued, []
        self._pgconn.enter_pipeline_mode()
        for statement, parameters in queued:
            if parameters is None:
                self._pgconn.send_query_params(statement.sql.encode(), None)
            else:
                self._pgconn.send_query_prepared(statement.name.encode(), parameters)
        self._pgconn.pipeline_sync()
        self._see_off()
        results = [self._result() for _ in queued]
        self._next()  # of the synchronisation
        self._pgconn.exit_pipeline_mode()
        return {queued[at][0].name: _value(_checked(result)) for at, result in enumerate(results)}

    def _see_off(self) -> None:
        """Large lots do not fit into the socket at once."""
        while self._pgconn.flush():
            self._wait(select.POLLIN | select.POLLOUT)

    def _result(self) -> pq.abc.PGresult:
        result = self._next()
        if result is None or self._pgconn.status != pq.ConnStatus.OK:
            raise psycopg.OperationalError("the connection to the database was lost")
        self._next()  # None: the end of this statement
        return result

    def _next(self) -> pq.abc.PGresult | None:
        while self._pgconn.is_busy():  # libpq would wait by itself, and nothing else in this process would run
            self._wait(select.POLLIN)
        return self._pgconn.get_result()

    def _wait(self, events: int) -> None:
        poll = select.poll()
        poll.register(self._pgconn.socket, events)
        poll.poll()
        self._pgconn.consume_input()

    def roll_back(self) -> None:
        """End a transaction that failed, if there still is one. Never raises: what is broken is found out next time."""
        self._queued.clear()
        if self._pgconn.transaction_status in (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR):
            self._pgconn.exec_(b"ROLLBACK")


def _checked(result: pq.abc.PGresult) -> pq.abc.PGresult:
    if result.status in (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE):
        raise psycopg.errors.error_from_result(result)
    return result


def _value(result: pq.abc.PGresult) -> bytes | None:
    return result.get_value(0, 0) if result.ntuples else None
