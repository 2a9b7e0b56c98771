"""The proof is silent over true books and names each kind of lie."""

import itertools
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db.models import F
from django.utils import timezone

from billing.holds import Settlement
from billing.lots import place_hold, settle
from billing.models import LedgerEntry, UsageRecord, Wallet
from billing.pricing import Usage, charge
from billing.proof import check_books
from billing.rollups import roll_up_usage
from config.kernel.ids import uuid7_at
from config.kernel.money import usd
from tests.factories import make_hold, make_price, make_token, make_user
from tokens.models import Token

numbers = itertools.count(1)
pytestmark = [pytest.mark.money, pytest.mark.django_db]


@pytest.fixture
def token():
    """A key with one settled, one free and one running request."""
    token = make_token(make_user(balance="1"))
    make_price()
    used(token, output=500)
    used(token, output=0)
    place_hold(make_hold(token))
    return token


def used(token, *, output, created_at=None):
    moment = created_at or timezone.now()
    hold = make_hold(token, created_at=moment, id=uuid7_at(int(moment.timestamp() * 1000), next(numbers)))
    place_hold(hold)
    usage = Usage(input=100, output=output)
    rule, status = ("reported", "settled") if output else ("nothing", "failed")
    total = charge(usage, hold.quote).total if output else 0
    settle(Settlement(hold.id, status, "completed", rule, usage, total))


def broken():
    return {(violation.invariant, violation.row.split()[0]) for violation in check_books()}


def test_true_books_agree(token, capsys):
    assert check_books() == []
    call_command("ledger_check")
    assert "agree" in capsys.readouterr().out


def test_books_agree_across_the_roll_up_mark(token):
    place = timezone.now() + timedelta(hours=3)
    UsageRecord.objects.filter(status="open").update(lease_until=timezone.now() - timedelta(hours=1))
    call_command("ledger_check", "--repair")
    assert roll_up_usage(now=place) > 0
    assert check_books() == []
    used(token, output=7, created_at=place + timedelta(minutes=1))
    assert check_books() == []


@pytest.mark.parametrize(
    ("lie", "expected"),
    [
        (lambda: Wallet.objects.update(balance=usd("0.5")), {("balance", "wallet")}),
        (lambda: Wallet.objects.update(held=0), {("held", "wallet")}),
        (lambda: Token.objects.update(used=0), {("used", "token")}),
        (lambda: Token.objects.update(held=1), {("held", "token")}),
        (lambda: Token.objects.update(day_spent=0), {("day_spent", "token")}),
        (lambda: Token.objects.update(month_spent=F("month_spent") + 1), {("month_spent", "token")}),
        (
            lambda: UsageRecord.objects.filter(status="open").update(lease_until=timezone.now() - timedelta(days=1)),
            {("stale hold", "usage")},
        ),
        (
            lambda: UsageRecord.objects.filter(status="open").update(status="settled", rule="nothing", charge=5),
            {
                *(("balance", "wallet"), ("held", "wallet"), ("held", "token"), ("used", "token"), ("charge", "usage")),
                *(("day_spent", "token"), ("month_spent", "token")),
            },
        ),
    ],
)
def test_each_lie_is_named(token, lie, expected, capsys):
    lie()
    assert broken() == expected
    with pytest.raises(SystemExit) as stopped:
        call_command("ledger_check")
    assert stopped.value.code == 1
    assert "should be $" in capsys.readouterr().err


def test_repair_explains_by_a_new_entry_and_changes_no_balance(token):
    Wallet.objects.update(balance=usd("0.75"), held=0)
    Token.objects.update(used=1, held=1, day_spent=1, month_spent=2)
    before = LedgerEntry.objects.count()
    call_command("ledger_check", "--repair")
    assert check_books() == []
    assert Wallet.objects.get().balance == usd("0.75")
    entry = LedgerEntry.objects.first()
    assert LedgerEntry.objects.count() == before + 1
    assert (entry.kind, entry.idempotency_key.split(":")[0]) == ("adjustment", "repair")
