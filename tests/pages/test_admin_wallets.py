"""Adjusting a wallet: once per form, with a reason, in the ledger, and never below what is available."""

import re

import pytest
from django.urls import reverse

from billing.models import LedgerEntry, Wallet
from config.kernel.money import usd
from tests.factories import give, make_user
from tests.pages.admin_rows import list_url

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet(alice):
    give(alice, "5")
    return Wallet.objects.get(user=alice)


@pytest.fixture
def staff(carol, client_of):
    return client_of(carol)


def adjust_url(wallet):
    return reverse("admin:billing_wallet_adjust", args=[wallet.pk])


def opened_form(staff, wallet, **typed):
    """What a browser would send after opening the page."""
    html = staff.get(adjust_url(wallet)).content.decode()
    return {"key": re.search(r'name="key" value="([0-9a-f-]{36})"', html)[1], **typed}


def adjustments():
    return LedgerEntry.objects.filter(kind=LedgerEntry.Kind.ADJUSTMENT)


def test_an_adjustment_is_one_ledger_entry_with_its_reason_and_its_author(staff, wallet, carol):
    answer = staff.post(adjust_url(wallet), opened_form(staff, wallet, amount="2.50", reason="Apology"))
    assert answer.status_code == 302
    entry = adjustments().get()
    wallet.refresh_from_db()
    assert (entry.amount, entry.reason, entry.actor) == (usd("2.5"), "Apology", carol)
    assert wallet.balance == entry.balance_after == usd("7.5")


def test_the_same_form_sent_twice_adjusts_once(staff, wallet):
    form = opened_form(staff, wallet, amount="-1", reason="Double click")
    staff.post(adjust_url(wallet), form)
    again = staff.post(adjust_url(wallet), form, follow=True)
    wallet.refresh_from_db()
    assert wallet.balance == usd(4)
    assert "nothing changed" in again.content.decode()


def test_two_opened_forms_adjust_twice(staff, wallet):
    for _ in range(2):
        staff.post(adjust_url(wallet), opened_form(staff, wallet, amount="1", reason="Bonus"))
    assert adjustments().count() == 2


def test_taking_more_than_is_available_is_refused_with_the_amount_that_is(staff, wallet):
    Wallet.objects.filter(pk=wallet.pk).update(held=usd(3))
    answer = staff.post(adjust_url(wallet), opened_form(staff, wallet, amount="-2.01", reason="Too much"))
    assert answer.status_code == 200
    assert "Only $2.00 are available" in answer.content.decode()
    assert not adjustments().exists()


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"amount": "1"}, "This field is required"),
        ({"amount": "1", "reason": "  "}, "This field is required"),
        ({"amount": "0", "reason": "Nothing"}, "other than zero"),
        ({"amount": "many", "reason": "Typed"}, "Enter dollars"),
        ({"amount": "0.0000000001", "reason": "Too fine"}, "Enter dollars"),
        ({"amount": "1e3", "reason": "Exponent"}, None),
        ({"amount": "−$1.50", "reason": "Copied from a page"}, None),
        ({"amount": "nan", "reason": "No number"}, "Enter dollars"),
        ({"amount": "1000000.01", "reason": "Typed twice"}, "Enter between"),
        ({"amount": "1", "reason": "x" * 201}, "at most 200"),
    ],
)
def test_what_the_form_takes(staff, wallet, typed, complaint):
    answer = staff.post(adjust_url(wallet), opened_form(staff, wallet, **typed))
    assert adjustments().count() == (1 if complaint is None else 0)
    if complaint:
        assert complaint in answer.content.decode()


def test_a_form_without_its_key_adjusts_nothing(staff, wallet):
    staff.post(adjust_url(wallet), {"amount": "1", "reason": "No key"})
    assert not adjustments().exists()


def test_a_key_belongs_to_one_wallet(staff, wallet, bob):
    form = opened_form(staff, wallet, amount="1", reason="For two")
    others = Wallet.objects.get(user=bob)
    staff.post(adjust_url(wallet), form)
    staff.post(adjust_url(others), form)
    assert adjustments().count() == 2


def test_staff_without_the_permission_and_customers_cannot_adjust(wallet, alice, client_of):
    for user in (make_user("dave@example.com", is_staff=True), alice):
        answer = client_of(user).post(
            adjust_url(wallet), {"amount": "1", "reason": "Mine", "key": "6e0a4e7e-52b1-4f44-93e4-b9b2ac1b3f10"}
        )
        assert answer.status_code in (302, 403)
    assert not adjustments().exists()


def test_the_list_finds_a_wallet_by_e_mail(staff, wallet, bob):
    html = staff.get(list_url("billing_wallet", "?q=alice@")).content.decode()
    assert "alice@example.com" in html
    assert "bob@example.com" not in html
    assert "$5.00" in html
