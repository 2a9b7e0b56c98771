"""The database's clock: what is due is decided by one clock, however many servers there are."""

from datetime import UTC, datetime

from django.db import connection
from django.utils import timezone

_NOW = "SELECT clock_timestamp()"


def database_now() -> datetime:
    """The moment, in UTC. SQLite's clock is this machine's, cut to milliseconds: what is due now would not be yet."""
    if connection.vendor == "sqlite":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_NOW)
        (moment,) = cursor.fetchone()
    return moment.astimezone(UTC)  # type: ignore[no-any-return] # of PostgreSQL's driver
