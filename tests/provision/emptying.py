"""Empties the database after a test that has committed: a hundredth of what `flush` takes.

Django's way truncates every table there is and then writes its list of models and permissions anew. Here rows are
deleted where there are any, and that list stays.
"""

from django.core.management import call_command
from django.db import connection, transaction

KEPT = {"django_migrations", "django_content_type", "auth_permission"}  # written by `migrate`, and by no test


def empty_tables() -> None:
    """Delete every row but what `migrate` wrote. Sequences go on, as they do when a test is rolled back."""
    if connection.vendor == "postgresql" and not _is_superuser():
        call_command("flush", interactive=False, verbosity=0, reset_sequences=False)
        return
    with transaction.atomic(), connection.cursor() as cursor:
        names = connection.introspection.django_table_names(only_existing=True, include_views=False)
        tables = [connection.ops.quote_name(name) for name in names if name not in KEPT]
        cursor.execute(" UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in tables))
        filled = [table for (table,) in cursor.fetchall()]
        if connection.vendor == "postgresql":  # neither foreign keys nor append-only tables have a say
            cursor.execute("SET LOCAL session_replication_role = replica")
        for table in filled:
            cursor.execute(f"DELETE FROM {table}")


def _is_superuser() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('is_superuser')")
        return bool(cursor.fetchone()[0] == "on")
