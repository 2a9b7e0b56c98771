"""Mistakes that others have shipped, each as a small patch of ours. A patch takes pytest's `monkeypatch`."""

from copy import deepcopy

from django.db import connection, connections

from billing import lots, usage, writer
from billing.holds import Settlement
from billing.models import UsageRecord
from billing.store_postgres import PostgresStore
from billing.store_sqlite import SqliteStore
from relay.exchange import Exchange


def check_then_act(monkeypatch):
    """Every hold is compared with the balance as it was before; what its neighbours take is not counted."""
    admit = lots.admit

    def admit_each_alone(holds, *, wallets, tokens, **others):
        def admit_alone(hold):
            return admit([hold], wallets=deepcopy(wallets), tokens=deepcopy(tokens), **others)[0]

        return [admit_alone(hold) for hold in holds]

    monkeypatch.setattr(lots, "admit", admit_each_alone)


def hold_kept_on_error(monkeypatch):
    """An upstream fails, the caller is told, and nobody gives back what was set aside."""
    settle = Exchange._settle

    async def settle_what_pays(self, settlement: Settlement):
        if settlement.rule != UsageRecord.Rule.NOTHING:
            await settle(self, settlement)

    monkeypatch.setattr(Exchange, "_settle", settle_what_pays)


def negative_usage_is_believed(monkeypatch):
    """Any number an upstream reports is a count, also one below nothing."""
    monkeypatch.setattr(usage, "count", lambda value: value if isinstance(value, int) else None)


def settled_twice(monkeypatch):
    """A settlement moves money without asking whether the record is still open."""
    store = PostgresStore if connection.vendor == "postgresql" else SqliteStore
    lock = store.lock_tokens
    closed = {}

    def lock_again(self, token_ids):
        opened = lock(self, token_ids)
        closed.update(opened.closed)
        again = {one.id: closed[one.id] for one in self.settlements if one.id in closed}
        locked = lock(self, [*token_ids, *(record.token_id for record in again.values())]).locked
        return opened._replace(closed=again, locked=locked)

    close = store.close_records

    def close_noted(self, settlements, *, now):
        self.settlements = settlements
        close(self, settlements, now=now)

    monkeypatch.setattr(store, "settlements", (), raising=False)
    monkeypatch.setattr(store, "close_records", close_noted)
    monkeypatch.setattr(store, "lock_tokens", lock_again)


def lot_lost_at_shutdown(monkeypatch):
    """The process stops without waiting for what it has accepted and not yet written."""

    async def leave(self):
        self._closed = True
        if self._turning is not None:
            self._turning.cancel()
        self._thread.submit(connections.close_all)
        self._thread.shutdown(wait=True)

    monkeypatch.setattr(writer.LedgerWriter, "close", leave)
