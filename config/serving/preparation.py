"""What has to be true before the first process starts: tables, static files, an installation that sells something."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from config import seeding
from config.serving.claims import CannotServe

ADVISORY_LOCK = 7_465_511  # any number, the same on every machine
STAMP_NAME = "static.stamp"


def prepare_database(*, sandbox_url: str, gateway_url: str) -> None:
    """Migrate and seed. Raises CannotServe when the database does not answer."""
    try:
        with _one_machine_at_a_time():
            if _has_unapplied_migrations():
                call_command("migrate", interactive=False, verbosity=0)
            seeding.seed(sandbox_url=sandbox_url, gateway_url=gateway_url)
    except OperationalError as error:
        raise CannotServe(f"The database does not answer: {str(error).strip()}\nSee DATABASE_URL.") from None
    finally:
        connection.close()


@contextmanager
def _one_machine_at_a_time() -> Iterator[None]:
    """Two machines that start together on one PostgreSQL would otherwise both migrate and seed it."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])


def _has_unapplied_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def static_files_changed() -> bool:
    """Whether any source of the static files differs from what was collected last."""
    stamp = settings.VAR_DIR / STAMP_NAME
    return not stamp.exists() or stamp.read_text() != _static_fingerprint()


def collect_static_files() -> None:
    """Hash and compress them; older versions stay for pages that are still open."""
    fingerprint = _static_fingerprint()
    call_command("collectstatic", interactive=False, verbosity=0)
    (settings.VAR_DIR / STAMP_NAME).write_text(fingerprint)


def _static_fingerprint() -> str:
    """Names, sizes and times: quick, and enough to notice an upgrade or an edit."""
    seen = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list(ignore_patterns=[]):
            seen.update(f"{path}\0{storage.size(path)}\0{storage.get_modified_time(path)}\0".encode())
    return seen.hexdigest()
