"""Writes accounts."""

from collections.abc import Iterable

from django.db import transaction

from accounts.models import User


@transaction.atomic
def set_active(*, users: Iterable[User], active: bool) -> int:
    """Suspend accounts, or let them in again; says how many changed. A suspended user is signed out at once."""
    changed = [user for user in users if user.is_active != active]
    for user in changed:
        user.is_active = active
        user.save(update_fields=["is_active"])
    return len(changed)
