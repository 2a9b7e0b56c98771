"""The database's clock: what is due is decided by one clock, however many servers there are."""

from datetime import UTC, datetime

from django.db import connection

_NOW = {"postgresql": "SELECT clock_timestamp()", "sqlite": "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')"}


def database_now() -> datetime:
    """The moment, in UTC."""
    with connection.cursor() as cursor:
        cursor.execute(_NOW[connection.vendor])
        (moment,) = cursor.fetchone()
    if isinstance(moment, str):
        return datetime.fromisoformat(moment).replace(tzinfo=UTC)
    return moment.astimezone(UTC)  # type: ignore[no-any-return] # of PostgreSQL's driver
