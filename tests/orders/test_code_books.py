"""What redeeming a code does to a debt, and what the proof says of codes and entries that do not belong together."""

import csv

import pytest
from django.utils import timezone

from billing.models import LedgerEntry, Wallet
from orders.codes import export, make_batch, redeem
from orders.models import RedemptionCode
from orders.proof import codes as prove_codes

pytestmark = [pytest.mark.money, pytest.mark.django_db]
CREDIT = 10_000_000_000


@pytest.fixture
def batch():
    return make_batch(name="spring fair", quota=5_000_000, count=1)


@pytest.fixture
def code(batch):
    (row,) = csv.DictReader("".join(export(batch)).lstrip("\ufeff").splitlines())
    return row["code"]


def violations():
    return [(violation.row, violation.expected, violation.found) for violation in prove_codes()]


def test_what_is_owed_is_collected_first(alice, code):
    Wallet.objects.filter(user=alice).update(debt=CREDIT // 4)
    assert redeem(user=alice, code=code) == CREDIT
    wallet = Wallet.objects.get(user=alice)
    assert (wallet.balance, wallet.debt) == (CREDIT * 3 // 4, 0)
    assert list(LedgerEntry.objects.order_by("pk").values_list("amount", flat=True)) == [CREDIT, -CREDIT // 4]


def test_what_was_redeemed_is_proved(alice, code):
    redeem(user=alice, code=code)
    assert violations() == []


def test_a_code_without_its_credit_is_found(alice, code):
    RedemptionCode.objects.update(redeemed_by=alice, redeemed_at=timezone.now())
    row = RedemptionCode.objects.get()
    assert violations() == [(f"redemption code {row.pk} of user {alice.pk}", CREDIT, 0)]


def test_credit_of_somebody_elses_code_is_found(alice, bob, code):
    redeem(user=alice, code=code)
    RedemptionCode.objects.update(redeemed_by=bob)
    row = RedemptionCode.objects.get()
    assert violations() == [(f"redemption code {row.pk} of user {bob.pk}", CREDIT, CREDIT)]


def test_credit_without_a_redeemed_code_is_found(alice, code):
    redeem(user=alice, code=code)
    RedemptionCode.objects.update(redeemed_by=None, redeemed_at=None)
    row = RedemptionCode.objects.get()
    assert violations() == [(f"code:{row.pk} of user {alice.pk}, not redeemed", 0, CREDIT)]
