"""Writes accounts."""

from collections.abc import Iterable

from allauth.account.models import EmailAddress
from django.db import transaction

from accounts.models import User


@transaction.atomic
def set_active(*, users: Iterable[User], active: bool) -> int:
    """Suspend accounts, or let them in again; says how many changed. A suspended user is signed out at once.

    An account that its owner has closed stays closed: there is nobody left to let in.
    """
    changed = [user for user in users if user.is_active != active and user.closed_at is None]
    for user in changed:
        user.is_active = active
        user.save(update_fields=["is_active"])
    return len(changed)


@transaction.atomic
def account_for(*, email: str, language: str = "") -> User:
    """The account that credit bought for this address belongs to: found, or made without a password.

    Whoever signed up with the address but never proved that it is theirs must not get into it with the password they
    chose then; the address's owner gets in by a password reset. Raises IntegrityError when two make it at once.
    """
    user = User.objects.filter(email__iexact=email.strip()).first()
    if user is None:
        user = User.objects.create_user(email, language=language)
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=False)
    elif not EmailAddress.objects.filter(user=user, verified=True).exists() and user.has_usable_password():
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user
