"""Closing an account: the person is forgotten, what the books need of the account stays under an alias."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import sessions
from accounts.models import User
from accounts.personal_data import holders
from config.kernel.errors import Conflict


def objections(user: User) -> list[str]:
    """Why the account cannot be closed now; empty when it can."""
    own = [_("Staff accounts are closed by another operator: who is no longer staff can close their own.")]
    return (own if user.is_staff else []) + [reason for holder in holders() for reason in holder.objections(user)]


@transaction.atomic
def close_account(*, user: User) -> None:
    """Stop its keys, erase who it was, end its sessions. Ledger, orders and usage stay, of an account without a name.

    Raises Conflict, with the first objection, when something is in the way.
    """
    user = User.objects.select_for_update().get(pk=user.pk)  # an order made meanwhile waits for this row
    if reasons := objections(user):
        raise Conflict(reasons[0])
    alias = f"closed-{user.pk}@account.invalid"
    for holder in holders():
        holder.erase(user, alias=alias)
    sessions.end_all(user=user)
    _erase(user, alias)


def _erase(user: User, alias: str) -> None:
    for model in (EmailAddress, Authenticator, SocialAccount):
        model.objects.filter(user=user).delete()
    theirs = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk))
    theirs.update(object_repr=alias)
    user.user_permissions.clear()
    user.email, user.name, user.language, user.time_zone = alias, "", "", "UTC"
    user.is_active, user.closed_at, user.last_login = False, timezone.now(), None
    user.set_unusable_password()
    user.save()
