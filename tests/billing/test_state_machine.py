"""Random histories of money, told to the database and to a plain model: after every step both say the same.

A failure prints the shortest history that Hypothesis finds and the seed that repeats it.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.models import User
from accounts.services import set_active
from billing.holds import Heartbeat, Settlement, charge_within
from billing.ledger import post_entry
from billing.lots import Lot, commit, sweep_expired
from billing.models import LedgerEntry, UsageRecord, UsageRollup, Wallet
from billing.pricing import Usage
from billing.proof import check_books
from billing.rollups import roll_up_usage, rolled_until
from config.kernel.errors import DomainError, InvalidInput
from config.kernel.ids import uuid7_at
from tests.billing.money_model import Account, Books, Key
from tests.factories import make_group, make_hold, make_price, make_token, make_user
from tokens.models import Token
from tokens.services import delete_token, edit_token, set_enabled

pytestmark = [pytest.mark.money, pytest.mark.django_db]

LONG_AGO = datetime(2025, 3, 1, tzinfo=UTC)
MONEY = st.integers(0, 60_000)  # nano-dollars; a token costs one or two thousand
LIMIT = st.none() | MONEY
USAGES = st.builds(Usage, input=st.integers(0, 20), output=st.integers(0, 20))
ENDINGS = st.sampled_from([("settled", "reported"), ("settled", "delivered"), ("failed", "nothing")])
KINDS = st.sampled_from([LedgerEntry.Kind.GRANT, LedgerEntry.Kind.REFUND, LedgerEntry.Kind.ADJUSTMENT])
IDEMPOTENCY_KEYS = st.sampled_from([f"order:{number}" for number in range(12)])
_numbers = count(1)


class Money(RuleBasedStateMachine):
    """Everything that moves credit, in any order. Each history is undone at its end by a roll-back."""

    def __init__(self):
        super().__init__()
        self.block = transaction.atomic()
        self.block.__enter__()
        self.books = Books()
        self.now = LONG_AGO
        self.silences = count(1)
        self.last_lot = None
        self.price = make_price(input="1", output="2")
        self.group = make_group()

    def teardown(self):
        transaction.set_rollback(True)
        self.block.__exit__(None, None, None)

    # ── Accounts and keys ────────────────────────────────────────────────────

    @initialize(balance=st.integers(1, 60_000))
    def somebody_has_a_key(self, balance):
        self.add_account()
        self.add_key(0, None, None, None)
        self.post(0, balance, LedgerEntry.Kind.GRANT, "first")

    @precondition(lambda self: len(self.books.accounts) < 3)
    @rule()
    def add_account(self):
        self.books.accounts[make_user().pk] = Account()

    @precondition(lambda self: len(self.books.keys) < 5)
    @rule(pick=st.integers(0), quota=LIMIT, monthly_cap=LIMIT, daily_cap=LIMIT)
    def add_key(self, pick, quota, monthly_cap, daily_cap):
        user_id = self.one_of(self.books.accounts, pick)
        limits = {"quota": quota, "monthly_cap": monthly_cap, "daily_cap": daily_cap}
        token = make_token(User.objects.get(pk=user_id), group=self.group, **limits)
        self.books.keys[token.pk] = Key(user_id, **limits)

    @rule(pick=st.integers(0), quota=LIMIT)
    def edit_quota(self, pick, quota):
        token_id = self.one_of(self.books.keys, pick)
        key = self.books.keys[token_id]
        if key.is_deleted:
            return
        fits = quota is None or quota == key.quota or quota >= key.used + key.held
        try:
            edit_token(token=Token.objects.get(pk=token_id), quota=quota)
        except InvalidInput:
            assert not fits
        else:
            assert fits
            key.quota = quota

    @rule(pick=st.integers(0), enabled=st.booleans())
    def switch_key(self, pick, enabled):
        token_id = self.one_of(self.books.keys, pick)
        if not self.books.keys[token_id].is_deleted:
            set_enabled(token=Token.objects.get(pk=token_id), enabled=enabled)
            self.books.keys[token_id].is_enabled = enabled

    @rule(pick=st.integers(0), expired=st.booleans())
    def change_expiry(self, pick, expired):
        token_id = self.one_of(self.books.keys, pick)
        moment = timezone.now() + timedelta(seconds=-1 if expired else 3600)
        Token.objects.filter(pk=token_id).update(expires_at=moment)
        self.books.keys[token_id].is_expired = expired

    @precondition(lambda self: len(self.books.keys) > 1)
    @rule(pick=st.integers(0))
    def delete_key(self, pick):
        token_id = self.one_of(self.books.keys, pick)
        delete_token(token=Token.objects.get(pk=token_id))
        self.books.keys[token_id].is_deleted = True
        self.books.keys[token_id].is_enabled = False

    @rule(pick=st.integers(0), active=st.booleans())
    def suspend(self, pick, active):
        user_id = self.one_of(self.books.accounts, pick)
        set_active(users=User.objects.filter(pk=user_id), active=active)
        self.books.accounts[user_id].is_active = active

    # ── Credit ───────────────────────────────────────────────────────────────

    @rule(pick=st.integers(0), amount=st.integers(-40_000, 60_000).filter(bool), kind=KINDS, key=IDEMPOTENCY_KEYS)
    def post(self, pick, amount, kind, key):
        user_id = self.one_of(self.books.accounts, pick)
        expected = self.books.post(user_id, amount, key)
        try:
            posted = post_entry(user_id=user_id, amount=amount, kind=kind, idempotency_key=key)
            answer = "posted" if posted else "repeated"
        except DomainError as error:
            answer = error.code
        assert answer == expected
        if answer == "posted":
            entry = LedgerEntry.objects.get(idempotency_key=key)
            assert entry.balance_after == self.books.accounts[user_id].balance

    # ── Requests ─────────────────────────────────────────────────────────────

    @rule(data=st.data())
    def commit_a_lot(self, data):
        """Several holds, settlements and heartbeats of any requests, known, finished, unknown or of this very lot."""
        holds = [self.new_hold(data) for _ in range(data.draw(st.integers(0, 4), "holds"))]
        ids = [*self.books.records, *(hold.id for hold in holds), self.new_id()]
        settled = data.draw(st.lists(st.sampled_from(ids), max_size=5), "settled")
        beating = data.draw(st.lists(st.sampled_from(ids), max_size=3, unique=True), "beating")
        terms = {id: (record.quote, record.hold) for id, record in self.books.records.items()}
        terms |= {hold.id: (hold.quote, hold.amount) for hold in holds}
        settlements = [self.new_settlement(data, record_id, terms.get(record_id)) for record_id in settled]
        heartbeats = [Heartbeat(record_id, data.draw(USAGES, "seen")) for record_id in beating]
        self.last_lot = Lot(settlements=settlements, heartbeats=heartbeats, holds=holds)
        self.commit(self.last_lot)

    @precondition(lambda self: self.last_lot)
    @rule()
    def commit_it_again(self):
        """The answer of the last lot was lost on its way: the writer tries once more."""
        last = self.last_lot
        known = [hold for hold in last.holds if hold.id in self.books.records]
        lot = Lot(last.settlements, last.heartbeats, last.holds, is_retry=True)
        self.commit(lot, known=known)

    def commit(self, lot, known=()):
        settled = [self.settle_in_model(settlement) for settlement in lot.settlements]
        for beat in lot.heartbeats:
            self.books.heartbeat(beat.id, beat.usage)
        held = ["held" if hold in known else self.books.hold(hold) for hold in lot.holds]
        outcome = commit(lot)
        assert outcome.settled == settled
        assert [refusal.code if refusal else "held" for refusal in outcome.refusals] == held

    def settle_in_model(self, settlement):
        return self.books.settle(
            settlement.id, status=str(settlement.status), charge=settlement.charge, usage=settlement.usage
        )

    def new_hold(self, data):
        token = Token.objects.get(pk=self.one_of(self.books.keys, data.draw(st.integers(0), "key")))
        ratio_ppm = data.draw(st.sampled_from([0, 280_000, 1_000_000, 1_500_000]), "ratio")
        hold = make_hold(token, id=self.new_id(), price=self.price, created_at=self.now, ratio_ppm=ratio_ppm)
        return replace(hold, amount=data.draw(st.integers(0, 20_000), "amount"))

    def new_settlement(self, data, record_id, terms):
        """A true settlement under the terms of its hold, which may be of the same lot; for nothing without a hold."""
        status, how = data.draw(ENDINGS, "ending")
        usage, charge = data.draw(USAGES, "usage"), 0
        if terms and how != "nothing":
            quote, hold = terms
            charge = charge_within(usage, quote=quote, hold=hold)
        return Settlement(record_id, status, "completed", how, usage, charge)

    # ── Crashes, sweeps, time ────────────────────────────────────────────────

    @rule(data=st.data())
    def a_process_dies(self, data):
        """Some of the running requests fall silent, one after the other."""
        running = [id for id, record in self.books.records.items() if record.status == "open"]
        for record_id in data.draw(st.permutations(running), "order")[: data.draw(st.integers(0, 4), "how many")]:
            silence = next(self.silences)
            lease_until = timezone.now() - timedelta(seconds=100) + timedelta(milliseconds=silence)
            UsageRecord.objects.filter(pk=record_id).update(lease_until=lease_until)
            self.books.records[record_id].silent_since = silence

    @rule(limit=st.integers(1, 4))
    def sweep(self, limit):
        assert sweep_expired(limit=limit) == self.books.sweep(limit)

    @rule(minutes=st.integers(1, 200))
    def time_passes(self, minutes):
        self.now += timedelta(minutes=minutes)

    @rule()
    def roll_up(self):
        roll_up_usage(now=self.now)
        assert roll_up_usage(now=self.now) == 0

    # ── What is true after every step ────────────────────────────────────────

    @invariant()
    def the_rows_are_the_models(self):
        assert rows() == self.books.rows()
        assert self.books.broken_rules() == []

    @invariant()
    def the_books_agree(self):
        assert check_books() == []

    @invariant()
    def the_rollups_are_the_records(self):
        mark = rolled_until() or LONG_AGO
        final = [record for record in self.books.records.values() if record.created_at < mark]
        assert not [record for record in final if record.status == "open"]
        sums = UsageRollup.objects.aggregate(charge=Sum("charge"), requests=Sum("requests"))
        assert (sums["charge"] or 0, sums["requests"] or 0) == (sum(record.charge for record in final), len(final))

    # ── Choices ──────────────────────────────────────────────────────────────

    def one_of(self, things, pick):
        return list(things)[pick % len(things)]

    def new_id(self):
        return uuid7_at(int(self.now.timestamp() * 1000), next(_numbers))


def rows():
    """The database in the words of `Books.rows`."""
    entries = {user_id: [] for user_id in Wallet.objects.values_list("user_id", flat=True)}
    for user_id, amount in LedgerEntry.objects.order_by("amount").values_list("wallet__user_id", "amount"):
        entries[user_id].append(amount)
    columns = ("id", "status", "hold", "charge", "input_tokens", "output_tokens")
    return {
        "wallets": {row[0]: row[1:] for row in Wallet.objects.values_list("user_id", "balance", "held")},
        "entries": entries,
        "keys": {row[0]: row[1:] for row in Token.objects.values_list("id", "quota", "used", "held")},
        "records": {row[0]: row[1:] for row in UsageRecord.objects.values_list(*columns)},
    }


def play(examples, steps, *, phases=(Phase.generate,)):
    chosen = settings(max_examples=examples, stateful_step_count=steps, phases=phases)
    run_state_machine_as_test(Money, settings=chosen)


def test_random_histories():
    play(examples=5, steps=25)


@pytest.mark.soak
def test_many_long_random_histories():
    play(examples=600, steps=60)
