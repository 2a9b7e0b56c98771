"""What billing does when rows change: a wallet for every user, trial credit for a verified e-mail, a new price list."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed, user_signed_up
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from accounts.models import User
from billing import trial
from billing.models import ModelPrice, PriceOverride, Wallet
from tokens.config_version import bump


@receiver(post_save, sender=User)
def open_wallet(instance: User, created: bool, raw: bool, **_signal: Any) -> None:
    """In the transaction that creates the user: nobody is ever without a wallet."""
    if created and not raw:
        Wallet.objects.create(user=instance)


@receiver(email_confirmed)
def welcome(email_address: EmailAddress, **_signal: Any) -> None:
    """Every verified address sends this; the credit is granted once a user."""
    trial.grant_credit(user_id=email_address.user_id)


@receiver(user_signed_up)
def welcome_verified(user: User, **_signal: Any) -> None:
    """Whose address another provider has verified is sent no code, and confirms nothing here."""
    if EmailAddress.objects.filter(user=user, verified=True).exists():
        trial.grant_credit(user_id=user.pk)


@receiver([post_save, post_delete], sender=ModelPrice)
@receiver([post_save, post_delete], sender=PriceOverride)
def count_change_of_prices(**_signal: Any) -> None:
    """Serving processes load the price list again when this number moves."""
    bump("prices")
