"""The product, killing itself in the middle of a lot of the ledger: served in place of config.asgi by the tests.

`DIE_IN` is the store's method that begins the lot in question, `DIE_AT` the number of steps from there to the end:
each store method is one before and one after it, the commit is the last.
"""

import os
import signal

from config.asgi import application  # isort: skip  # it sets Django up for the imports below

from billing import lots, writer
from billing.store_postgres import PostgresStore
from billing.store_sqlite import SqliteStore

__all__ = ["application"]

_left = None


def _step(name=""):
    global _left
    if name == os.environ["DIE_IN"]:
        _left = int(os.environ["DIE_AT"])
    if _left is not None:
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        _left -= 1


def _dying(name, method):
    def call(*args, **kwargs):
        _step(name)
        answer = method(*args, **kwargs)
        _step()
        return answer

    return call


def _dying_after(commit):
    def call(lot):
        answer = commit(lot)
        _step()
        return answer

    return call


for store in (PostgresStore, SqliteStore):
    for name in ("close_records", "prolong_leases", "lock_tokens", "write"):
        setattr(store, name, _dying(name, getattr(store, name)))
setattr(writer, "commit", _dying_after(lots.commit))  # noqa: B010 (it is imported there, not exported)
