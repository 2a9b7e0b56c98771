"""The keys of one person."""

from collections.abc import Iterator, Mapping
from typing import Any

from accounts.models import User
from accounts.personal_data import Section, in_chunks
from tokens.models import GroupAccess, Token
from tokens.services import delete_all


def sections(user: User) -> Iterator[Section]:
    """Deleted keys too: their names stand in the usage log. Of a key itself only what every page shows."""
    tokens = Token.objects.filter(user=user).select_related("group")
    yield "tokens", (_row(token) for token in in_chunks(tokens))


def _row(token: Token) -> Mapping[str, Any]:
    plain = ("public_id", "name", "created_at", "last_used_at", "expires_at", "deleted_at", "is_enabled")
    limits = ("models_allowed", "ips_allowed", "requests_per_minute", "tokens_per_minute", "concurrent_requests")
    values = {name: getattr(token, name) for name in (*plain, *limits)}
    return {**values, "key": f"{token.key_head}…{token.key_tail}", "group": token.group.code}


def objections(user: User) -> list[str]:
    """Keys are never in the way: a running call ends and is charged as any other."""
    return []


def erase(user: User, *, alias: str) -> None:
    """Every key stops for good; the addresses it was bound to go, and so does its name."""
    delete_all(user=user)
    Token.objects.filter(user=user).update(name="closed", ips_allowed=[])
    GroupAccess.objects.filter(user=user).delete()
