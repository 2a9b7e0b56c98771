"""Reads tokens and groups: for their owner's pages, and for the relay by key."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from config.kernel.errors import DomainError
from tokens import refusals
from tokens.keys import is_well_formed, key_hash
from tokens.models import Group, GroupAccess, Token, TokenQuerySet
from tokens.terms import Network, parse_networks, refused


@dataclass(frozen=True, slots=True)
class TokenFilter:
    """What the list is narrowed to; an empty part does not narrow. `status` is one of Token.Status, `group` a code."""

    name: str = ""
    status: str = ""
    group: str = ""


def tokens_of(user: User, filters: TokenFilter | None = None) -> TokenQuerySet:
    """The user's tokens with their groups, newest first."""
    tokens = Token.objects.owned_by(user).select_related("group")
    if filters is None:
        return tokens
    if filters.name:
        tokens = tokens.filter(name__icontains=filters.name)
    if filters.status:
        tokens = tokens.filter(_has_status(filters.status))
    if filters.group:
        tokens = tokens.filter(group__code=filters.group)
    return tokens


def _has_status(status: str) -> Q:
    """Token.status as a condition, in the same order of precedence."""
    enabled = Q(is_enabled=True)
    expired = Q(expires_at__isnull=False, expires_at__lte=timezone.now())
    exhausted = Q(quota__isnull=False, used__gte=F("quota"))
    match status:
        case Token.Status.DISABLED:
            return ~enabled
        case Token.Status.EXPIRED:
            return enabled & expired
        case Token.Status.EXHAUSTED:
            return enabled & ~expired & exhausted
        case Token.Status.ENABLED:
            return enabled & ~expired & ~exhausted
    return Q(pk=None)


def groups_open_to(user: User | int) -> list[Group]:
    """Groups the user may make keys in: the automatic one first, then as the operator sorted them."""
    user_id = user if isinstance(user, int) else user.pk
    granted = GroupAccess.objects.filter(user=user_id, group=OuterRef("pk"))
    open_groups = Group.objects.filter(Q(is_public=True) | Exists(granted))
    return sorted(open_groups, key=lambda group: not group.is_auto)


def open_group(user: User, code: str) -> Group:
    """The open group of that code. Raises InvalidInput; nobody is told whether a closed group exists."""
    for group in groups_open_to(user):
        if group.code == code:
            return group
    raise refused({"group": [_("There is no such group, or it is not open to your account.")]})


def default_group_of(user: User) -> Group | None:
    """The group a new key starts in: the user's own default, else everybody's, else the first that is open."""
    own = Group.objects.filter(access__user=user, access__is_default=True).first()
    return own or Group.objects.filter(is_default=True).first() or next(iter(groups_open_to(user)), None)


@dataclass(frozen=True, slots=True)
class TokenSnapshot:
    """A token as the relay needs it; `groups` are the codes it may run in, several only in the automatic group.

    A hint: the hold re-checks status, expiry, quota, caps and wallet in the database. Amounts are nano-dollars.
    """

    id: int
    public_id: str
    name: str
    user_id: int
    is_user_active: bool
    group: str
    groups: tuple[str, ...]
    is_enabled: bool
    is_deleted: bool
    expires_at: datetime | None
    quota: int | None
    used: int
    held: int
    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrent_requests: int | None
    daily_cap: int | None
    monthly_cap: int | None
    models_allowed: frozenset[str]
    networks: tuple[Network, ...]

    def refusal(self) -> DomainError | None:
        """Why the key may not be used at all now. Its quota is the hold's matter, which knows what a call needs."""
        if self.is_deleted:
            return refusals.unknown()
        if not self.is_user_active:
            return refusals.suspended()
        if not self.is_enabled:
            return refusals.disabled()
        if self.expires_at is not None and self.expires_at <= timezone.now():
            return refusals.expired()
        return None


_PLAIN_COLUMNS = (
    *("id", "public_id", "name", "user_id", "is_enabled", "expires_at", "quota", "used", "held"),
    *("requests_per_minute", "tokens_per_minute", "concurrent_requests", "daily_cap", "monthly_cap"),
)
_OTHER_COLUMNS = ("deleted_at", "models_allowed", "ips_allowed", "user__is_active", "group__code", "group__is_auto")


def token_by_key(key: str) -> TokenSnapshot | None:
    """The token of a key, deleted ones included, or None. One query, a second one for the automatic group.

    A key that was replaced expires when its time is over, or with its token. A malformed key costs no query.
    """
    if not is_well_formed(key):
        return None
    digest = key_hash(key, pepper=settings.KEY_PEPPER)
    row = Token.objects.with_key(digest).values(*_PLAIN_COLUMNS, *_OTHER_COLUMNS, "key_hash", "former_until").first()
    if row and bytes(row["key_hash"]) != digest:
        row["expires_at"] = min(filter(None, (row["expires_at"], row["former_until"])))
    return _snapshot(row) if row else None


def token_by_id(public_id: str, group: str = "") -> TokenSnapshot | None:
    """The token of that id, as if it ran in the group of that code where one is given; deleted ones included, or None.

    One query, another one for a group, and one for the automatic group.
    """
    row = Token.objects.filter(public_id=public_id).values(*_PLAIN_COLUMNS, *_OTHER_COLUMNS).first()
    if row and group:
        row |= {"group__code": group, "group__is_auto": Group.objects.filter(code=group, is_auto=True).exists()}
    return _snapshot(row) if row else None


def _snapshot(row: dict[str, Any]) -> TokenSnapshot:
    return TokenSnapshot(
        **{column: row[column] for column in _PLAIN_COLUMNS},
        is_user_active=row["user__is_active"],
        group=row["group__code"],
        groups=_ratio_groups(row["user_id"]) if row["group__is_auto"] else (row["group__code"],),
        is_deleted=row["deleted_at"] is not None,
        models_allowed=frozenset(row["models_allowed"]),
        networks=parse_networks(row["ips_allowed"]),
    )


def _ratio_groups(user_id: int) -> tuple[str, ...]:
    return tuple(group.code for group in groups_open_to(user_id) if not group.is_auto)
