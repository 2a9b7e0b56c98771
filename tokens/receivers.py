"""What tokens do when rows change: a default group for every new user, a new version number for changed groups."""

from typing import Any

from allauth.account.signals import user_signed_up
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.models import User
from tokens import sites
from tokens.config_version import bump
from tokens.models import Group, GroupAccess, Site, Token
from tokens.services import grant_default_group, start_in_group

NOT_OF_A_KEY = frozenset({"last_login", "password", "name", "language", "time_zone"})  # of a user


@receiver(post_save, sender=User)
def open_default_group(instance: User, created: bool, raw: bool, **_signal: Any) -> None:
    """Nobody signs up without a group to make keys in."""
    if created and not raw:
        grant_default_group(user=instance)


@receiver([post_save, post_delete], sender=Group)
@receiver([post_save, post_delete], sender=GroupAccess)
def count_change_of_groups(**_signal: Any) -> None:
    """Serving processes reload ratios and access when this number moves."""
    bump("groups")


@receiver([post_save, post_delete], sender=Token)
@receiver([post_save, post_delete], sender=User)
def count_change_of_tokens(created: bool = False, update_fields: frozenset[str] | None = None, **_signal: Any) -> None:
    """They forget the tokens they know when this number moves: one was changed in the admin, or its owner suspended."""
    if not created and (update_fields is None or update_fields - NOT_OF_A_KEY):
        bump("tokens")


@receiver(user_signed_up)
def start_in_group_of_site(request: HttpRequest, user: User, **_signal: Any) -> None:
    """Who signs up on a brand's host starts in that brand's group."""
    group_id = sites.brand_of(request).group_id
    if group_id is not None:
        start_in_group(user=user, group_id=group_id)


@receiver([post_save, post_delete], sender=Site)
def count_change_of_sites(**_signal: Any) -> None:
    """Every process reads the sites again when this number moves; this one at once."""
    bump(sites.VERSION)
    transaction.on_commit(sites.load)
