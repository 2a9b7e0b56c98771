"""What only a superuser of the database could do: change what was booked."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from billing.models import UsageRecord
from tests.conftest import append_only_triggers, run_sql


def tamper(record: UsageRecord, **values: object) -> None:
    """Change a booked record in place."""
    with _no_triggers():
        assert UsageRecord.objects.filter(pk=record.pk).update(**values) == 1


@contextmanager
def _no_triggers() -> Iterator[None]:
    if connection.vendor == "postgresql":
        run_sql("SET session_replication_role = replica")
        yield
        run_sql("SET session_replication_role = origin")
        return
    triggers = append_only_triggers("UPDATE")
    for name in triggers:
        run_sql(f"DROP TRIGGER {name}")
    yield
    for name, event in triggers.items():
        run_sql(f"CREATE TRIGGER {name} BEFORE {event} BEGIN SELECT RAISE(ABORT, 'append-only'); END")
