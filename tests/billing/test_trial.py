"""A wallet for every new user, and trial credit for the first verified address."""

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed
from django.core import mail

from accounts.models import User
from billing import trial
from billing.models import LedgerEntry, Wallet
from config.kernel.money import usd

pytestmark = pytest.mark.django_db


def verify(address):
    email_confirmed.send(sender=EmailAddress, request=None, email_address=address)


def sign_up(client, email):
    client.post("/accounts/signup/", {"email": email, "password1": "correct horse battery"})
    code = re.search(r"^\s*([A-Z0-9-]{6,})\s*$", mail.outbox[-1].body, re.MULTILINE).group(1)
    client.post("/accounts/confirm-email/", {"code": code})
    return User.objects.get(email=email)


def test_a_sign_up_gets_a_wallet_at_once_and_credit_with_the_code(client, settings):
    settings.TRIAL_CREDIT_USD = "2.50"
    user = sign_up(client, "alice@example.com")
    assert EmailAddress.objects.get(user=user).verified
    assert user.wallet.balance == usd("2.50")
    (entry,) = user.wallet.entries.all()
    assert (entry.kind, entry.amount, entry.idempotency_key) == (
        LedgerEntry.Kind.GRANT,
        usd("2.50"),
        f"trial:{user.pk}",
    )


def test_an_unverified_user_has_a_wallet_without_credit():
    user = User.objects.create_user("bob@example.com")
    assert Wallet.objects.get(user=user).balance == 0


def test_a_second_address_brings_no_second_credit(settings):
    settings.TRIAL_CREDIT_USD = "1"
    user = User.objects.create_user("alice@example.com")
    for email in ("alice@example.com", "alice@work.example.com"):
        verify(EmailAddress.objects.create(user=user, email=email, verified=True))
    user.wallet.refresh_from_db()
    assert user.wallet.balance == usd("1")
    assert not trial.grant_credit(user_id=user.pk)


def test_an_installation_without_trial_credit_writes_no_entry(settings):
    settings.TRIAL_CREDIT_USD = "0"
    user = User.objects.create_user("alice@example.com")
    verify(EmailAddress.objects.create(user=user, email=user.email, verified=True))
    assert not LedgerEntry.objects.exists()


def test_saving_a_user_again_opens_no_second_wallet():
    user = User.objects.create_user("alice@example.com")
    user.name = "Alice"
    user.save()
    assert Wallet.objects.filter(user=user).count() == 1
