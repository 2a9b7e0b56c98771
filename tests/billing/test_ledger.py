"""Credit moves once per idempotency key, never below what is held, and its entries never change."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connections, transaction
from django.db.models import QuerySet

from billing.ledger import post_entry
from billing.models import ImmutableRow, LedgerEntry, Wallet
from config.kernel.errors import InsufficientCredit, InvalidInput, NotFound
from config.kernel.money import usd
from tests.factories import make_user

pytestmark = [pytest.mark.money, pytest.mark.django_db]
Kind = LedgerEntry.Kind


def post(user, amount, key, **fields):
    return post_entry(user_id=user.pk, amount=usd(amount), kind=Kind.ADJUSTMENT, idempotency_key=key, **fields)


def balance_of(user):
    return Wallet.objects.get(user=user).balance


def test_it_works():
    alice = make_user()
    assert post(alice, "5", "order:1:paid", reference="order:1", reason="first")
    entry = LedgerEntry.objects.get(idempotency_key="order:1:paid")
    assert (entry.amount, entry.balance_after, entry.reference) == (usd("5"), usd("5"), "order:1")
    assert balance_of(alice) == usd("5")


def test_the_same_key_posts_once():
    alice = make_user()
    assert post(alice, "5", "once")
    assert not post(alice, "5", "once")
    assert balance_of(alice) == usd("5")


def test_a_repeated_debit_is_no_refusal():
    alice = make_user(balance="5")
    assert post(alice, "-5", "once")
    assert post(alice, "-5", "once") is False
    assert balance_of(alice) == 0


def test_a_call_that_loses_the_race_for_its_key_moves_nothing(monkeypatch):
    alice = make_user()

    def see_nothing_and_be_overtaken(entries):
        monkeypatch.undo()
        seen = entries.exists()
        assert post(alice, "3", "race")
        return seen

    monkeypatch.setattr(QuerySet, "exists", see_nothing_and_be_overtaken)
    assert post(alice, "3", "race") is False
    assert balance_of(alice) == usd("3")


def test_an_entry_that_cannot_be_written_is_an_error_and_moves_nothing():
    alice = make_user(balance="5")
    with pytest.raises(IntegrityError), transaction.atomic():
        post(alice, "1", "broken", reason=None)
    assert balance_of(alice) == usd("5")


def test_an_entry_says_what_it_was_why_and_who_did_it():
    alice, carol = make_user(), make_user(is_staff=True)
    said = {"reference": "ticket:7", "reason": "Our mistake", "actor_id": carol.pk}
    post_entry(user_id=alice.pk, amount=usd("1"), kind=Kind.REFUND, idempotency_key="said", **said)
    post_entry(user_id=alice.pk, amount=usd("1"), kind=Kind.GRANT, idempotency_key="unsaid")
    entries = LedgerEntry.objects.order_by("id").values_list("kind", "reference", "reason", "actor_id")
    assert list(entries) == [("refund", "ticket:7", "Our mistake", carol.pk), ("grant", "", "", None)]


def test_credit_moves_in_its_owners_wallet_alone():
    alice, bob, rich = make_user(balance="5"), make_user(), make_user(balance="100")
    assert post(alice, "1", "hers")
    with pytest.raises(InsufficientCredit):
        post(bob, "-1", "not his")
    Wallet.objects.filter(user=bob).delete()
    with pytest.raises(NotFound):
        post(bob, "1", "nowhere")
    assert (balance_of(alice), balance_of(rich)) == (usd("6"), usd("100"))


def test_a_debit_beyond_the_balance_changes_nothing():
    alice = make_user(balance="5")
    with pytest.raises(InsufficientCredit):
        post(alice, "-5.01", "too much")
    assert balance_of(alice) == usd("5")
    assert not LedgerEntry.objects.filter(idempotency_key="too much").exists()


def test_held_credit_cannot_be_taken_back():
    alice = make_user(balance="5")
    Wallet.objects.filter(user=alice).update(held=usd("4"))
    with pytest.raises(InsufficientCredit):
        post(alice, "-2", "claw")
    assert post(alice, "-1", "fits")


def test_a_user_without_a_wallet_is_named():
    alice = make_user()
    Wallet.objects.filter(user=alice).delete()
    with pytest.raises(NotFound):
        post(alice, "1", "nowhere")


def test_an_entry_of_nothing_is_refused():
    alice = make_user()
    with pytest.raises(InvalidInput) as refused:
        post(alice, "0", "nothing")
    assert refused.value.param == "amount"
    assert not LedgerEntry.objects.filter(wallet__user=alice).exists()


@pytest.mark.parametrize("act", ["save", "delete", "bulk_update", "bulk_delete"])
def test_an_entry_never_changes(act):
    alice = make_user(balance="5")
    entry = LedgerEntry.objects.get(wallet__user=alice)
    acts = {
        "save": entry.save,
        "delete": entry.delete,
        "bulk_update": lambda: LedgerEntry.objects.update(amount=1),
        "bulk_delete": lambda: LedgerEntry.objects.all().delete(),
    }
    with pytest.raises(ImmutableRow):
        acts[act]()
    assert LedgerEntry.objects.get(pk=entry.pk).amount == usd("5")


@pytest.mark.django_db(transaction=True)
def test_twenty_racing_calls_with_one_key_post_once():
    alice = make_user()

    def race(_):
        try:
            return post(alice, "3", "race")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(race, range(20)))
    assert sum(results) == 1
    assert balance_of(alice) == usd("3")
