"""Mistakes that others have shipped, each as a small patch of ours. A patch takes pytest's `monkeypatch`."""

from copy import deepcopy

from django.db import connections

from billing import lots, usage, writer
from billing.holds import Settlement
from billing.models import UsageRecord
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
    store = type(lots._store())
    close = store.close_records
    closed = {}

    def close_again(self, settlements, *, now):
        closed.update(close(self, settlements, now=now))
        return {one.id: closed[one.id] for one in settlements if one.id in closed}

    monkeypatch.setattr(store, "close_records", close_again)


def lot_lost_at_shutdown(monkeypatch):
    """The process stops without waiting for what it has accepted and not yet written."""

    async def leave(self):
        self._closed = True
        if self._turning is not None:
            self._turning.cancel()
        self._thread.submit(connections.close_all)
        self._thread.shutdown(wait=True)

    monkeypatch.setattr(writer.LedgerWriter, "close", leave)
