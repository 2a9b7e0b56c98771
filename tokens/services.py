"""Writes tokens and group access. Every race is decided by the WHERE of one UPDATE.

Serving processes keep the tokens that call them until the version of the tokens moves, so every change counts it.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NoReturn, TypedDict, Unpack

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from config.kernel.errors import Conflict, NotFound
from config.kernel.money import format_usd
from config.kernel.sealing import SealBroken, seal, unseal
from tokens.config_version import bump
from tokens.keys import head_and_tail, key_hash, make_key
from tokens.models import Group, GroupAccess, Token, TokenQuerySet
from tokens.selectors import default_group_of, groups_open_to
from tokens.terms import clean_terms, refused

logger = logging.getLogger("tollbooth.tokens")

SEAL_PURPOSE = "customer key"
OVERLAP = timedelta(hours=24)  # for which a replaced key works on
_KEY_COLUMNS = ("key_hash", "key_head", "key_tail", "key_sealed", "former_hash", "former_until")
_COLUMNS = {"models": "models_allowed", "ips": "ips_allowed"}


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token and the only copy of its key that ever leaves in clear unasked."""

    token: Token
    plain_key: str = field(repr=False)


class TokenLimits(TypedDict, total=False):
    """How fast a token may be used, and how much it may spend in a day and in a month (UTC). None: no limit."""

    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrent_requests: int | None
    daily_cap: int | None
    monthly_cap: int | None


class TokenChanges(TokenLimits, total=False):
    """What an edit may change; what is not given stays. Amounts in nano-dollars, None for unlimited or never."""

    name: str
    group: Group
    quota: int | None
    expires_at: datetime | None
    models: Sequence[str]
    ips: Sequence[str]


def issue_token(
    *,
    user: User,
    name: str,
    group: Group | None = None,
    quota: int | None = None,
    expires_at: datetime | None = None,
    models: Sequence[str] = (),
    ips: Sequence[str] = (),
    **limits: Unpack[TokenLimits],
) -> IssuedToken:
    """Make one token, in the user's default group unless one is given.

    `quota` in nano-dollars (None: unlimited), `models` and `ips` empty for no restriction. Raises InvalidInput.
    """
    return issue_tokens(
        user=user,
        name=name,
        count=1,
        group=group,
        quota=quota,
        expires_at=expires_at,
        models=models,
        ips=ips,
        **limits,
    )[0]


def issue_tokens(
    *,
    user: User,
    name: str,
    count: int,
    group: Group | None = None,
    quota: int | None = None,
    expires_at: datetime | None = None,
    models: Sequence[str] = (),
    ips: Sequence[str] = (),
    **limits: Unpack[TokenLimits],
) -> list[IssuedToken]:
    """Make `count` tokens (1 to 50) of the same terms at once, named `name 1`, `name 2`, … when there are several."""
    given = {"name": name, "count": count, "quota": quota, "expires_at": expires_at, "models": models, "ips": ips}
    terms = clean_terms({**given, **limits})
    chosen = group or _default_group(user)
    _check_group(user.pk, chosen)
    names = _numbered(terms.pop("name"), terms.pop("count"))
    clean_terms({"name": names[-1]})  # its number may have made it too long
    issued = [_new_token(name=each, user=user, group=chosen, **_as_columns(terms)) for each in names]
    Token.objects.bulk_create(each.token for each in issued)
    return issued


def _numbered(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name} {number}" for number in range(1, count + 1)]


def _new_token(**columns: Any) -> IssuedToken:
    """An unsaved token with a fresh key."""
    token = Token(**columns)
    return IssuedToken(token, _put_key(token))


def _put_key(token: Token) -> str:
    """Give an unsaved row a fresh key."""
    key = make_key()
    token.key_hash = key_hash(key, pepper=settings.KEY_PEPPER)
    token.key_head, token.key_tail = head_and_tail(key)
    token.key_sealed = None
    if settings.KEYS_REVEALABLE:
        token.key_sealed = seal(key, master=settings.SEALING_KEY, purpose=SEAL_PURPOSE, context=_seal_context(token))
    return key


def rotate_key(*, token: Token, at_once: bool = False) -> IssuedToken:
    """Give a token a fresh key. The present one works for another day, or, `at_once`, no more; one before it stops.

    Raises Conflict when the key was replaced, or the token deleted, meanwhile.
    """
    present = bytes(token.key_hash)
    key = _put_key(token)
    token.former_hash = None if at_once else present
    token.former_until = None if at_once else timezone.now() + OVERLAP
    columns = {column: getattr(token, column) for column in _KEY_COLUMNS}
    if not Token.objects.filter(pk=token.pk, deleted_at=None, key_hash=present).update(**columns):
        raise Conflict(_("The key of “%(name)s” was replaced meanwhile.") % {"name": token.name})
    bump("tokens")
    logger.info("the key of token %s was replaced by its owner", token.public_id)
    return IssuedToken(token, key)


def stop_former_key(*, token: Token) -> None:
    """Let the key that the present one replaced work no more. Safe to repeat; does nothing if that was replaced too."""
    replaced = Token.objects.filter(pk=token.pk, key_hash=bytes(token.key_hash), former_hash__isnull=False)
    if replaced.update(former_hash=None, former_until=None):
        bump("tokens")
        logger.info("the key before of token %s was stopped by its owner", token.public_id)


def edit_token(*, token: Token, **changes: Unpack[TokenChanges]) -> Token:
    """Change the given terms and return the token as it is now.

    Raises InvalidInput (a quota below what is used and held, too), NotFound when the token was deleted meanwhile.
    """
    given = {term: value for term, value in changes.items() if value != getattr(token, _COLUMNS.get(term, term))}
    group = given.pop("group", None)
    columns = _as_columns(clean_terms(given))
    if isinstance(group, Group):
        _check_group(token.user_id, group)
        columns["group"] = group
    if columns:
        if not _room_for(token, columns).update(**columns):
            _explain_edit(token)
        bump("tokens")
    token.refresh_from_db()
    return token


def _room_for(token: Token, columns: dict[str, Any]) -> TokenQuerySet:
    """The row, unless it was deleted or a call has meanwhile used or set aside more than the new quota."""
    rows = Token.objects.filter(pk=token.pk, deleted_at=None)
    quota = columns.get("quota")
    return rows if quota is None else rows.filter(used__lte=quota - F("held"))


def _explain_edit(token: Token) -> NoReturn:
    now = Token.objects.filter(pk=token.pk, deleted_at=None).first()
    if now is None:
        raise _gone()
    sentence = _(
        "The quota can't be lower than the %(used)s already used and the %(held)s set aside for running calls."
    )
    raise refused({"quota": [sentence % {"used": format_usd(now.used), "held": format_usd(now.held)}]})


def _gone() -> NotFound:
    return NotFound(_("This token does not exist any more."))


def set_enabled(*, token: Token, enabled: bool) -> None:
    """Switch a token on or off; calls notice at their next hold. Raises NotFound when it was deleted meanwhile."""
    if not Token.objects.filter(pk=token.pk, deleted_at=None).update(is_enabled=enabled):
        raise _gone()
    bump("tokens")
    token.is_enabled = enabled


def switch_tokens(*, user: User, public_ids: Collection[str], enabled: bool) -> int:
    """Switch those of the user's tokens on or off; says how many there were."""
    switched = Token.objects.owned_by(user).filter(public_id__in=public_ids).update(is_enabled=enabled)
    bump("tokens")
    return switched


def raise_quota(*, token_id: int, amount: int) -> bool:
    """Let a key with a quota of its own spend so many nano-dollars more; False where it has none, or was deleted."""
    limited = Token.objects.filter(pk=token_id, deleted_at=None, quota__isnull=False)
    return bool(limited.update(quota=F("quota") + amount))


def lower_quota(*, token_id: int, amount: int) -> None:
    """Undo `raise_quota` as far as the key has not used or set the amount aside."""
    limited = Token.objects.filter(pk=token_id, quota__isnull=False)
    limited.update(quota=Greatest(F("quota") - amount, F("used") + F("held")))


def delete_token(*, token: Token) -> None:
    """Make a token unusable for ever and forget its key; the row stays for the usage log. Safe to repeat."""
    _erase(Token.objects.filter(pk=token.pk, deleted_at=None))


def delete_tokens(*, user: User, public_ids: Collection[str]) -> int:
    """Delete those of the user's tokens; says how many there were."""
    return _erase(Token.objects.owned_by(user).filter(public_id__in=public_ids))


def delete_all(*, user: User) -> int:
    """Delete every token of the user; says how many there were."""
    return _erase(Token.objects.filter(user=user, deleted_at=None))


def _erase(tokens: TokenQuerySet) -> int:
    erased = tokens.update(deleted_at=timezone.now(), is_enabled=False, key_sealed=None)
    bump("tokens")
    return erased


class KeyNotReadable(Conflict):
    """The key cannot be shown again; its token still works."""

    default_code = "key_not_readable"


def reveal_key(*, token: Token) -> str:
    """The key in clear, from its sealed copy, for an owner who has just authenticated again. Raises KeyNotReadable."""
    if not settings.KEYS_REVEALABLE or token.key_sealed is None:
        raise KeyNotReadable(_("No copy of the key of “%(name)s” is kept. Create a new token.") % {"name": token.name})
    try:
        key = unseal(
            bytes(token.key_sealed), master=settings.SEALING_KEY, purpose=SEAL_PURPOSE, context=_seal_context(token)
        )
    except SealBroken:
        logger.exception("the sealed key of token %s did not open", token.public_id)
        raise KeyNotReadable(
            _("The stored copy of the key of “%(name)s” can't be opened. Create a new token.") % {"name": token.name}
        ) from None
    logger.info("the key of token %s was shown to its owner", token.public_id)
    return key


def _seal_context(token: Token) -> str:
    return f"{token.public_id}:{token.user_id}"


def open_group_to(*, user: User, group: Group) -> None:
    """Let the user run keys in the group, should it not be open to everybody. Safe to repeat."""
    if not group.is_public:
        GroupAccess.objects.get_or_create(user=user, group=group)


def grant_default_group(*, user: User) -> None:
    """Give the user everybody's default group, as their own default unless they have one. Safe to repeat."""
    group = Group.objects.filter(is_default=True).first()
    if group is not None:
        has_default = GroupAccess.objects.filter(user=user, is_default=True).exists()
        GroupAccess.objects.get_or_create(user=user, group=group, defaults={"is_default": not has_default})


def start_in_group(*, user: User, group_id: int) -> None:
    """Open a group to the user, and let new keys start there."""
    GroupAccess.objects.filter(user=user, is_default=True).exclude(group=group_id).update(is_default=False)
    GroupAccess.objects.update_or_create(user=user, group_id=group_id, defaults={"is_default": True})
    bump("groups")


def _default_group(user: User) -> Group:
    group = default_group_of(user)
    if group is None:
        raise refused({"group": [_("No group is open to this account.")]})
    return group


def _check_group(user_id: int, group: Group) -> None:
    if group not in groups_open_to(user_id):
        raise refused({"group": [_("This group is not open to your account.")]})


def _as_columns(terms: dict[str, Any]) -> dict[str, Any]:
    return {_COLUMNS.get(term, term): value for term, value in terms.items()}
