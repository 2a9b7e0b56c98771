"""What is known about one person: exported on demand, erased when the account is closed.

Every app that holds some has a module `personal_data` of the shape of `Holder`, named in settings.PERSONAL_DATA: this
app is below them all and knows none of them.
"""

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, Final, Protocol, TypeVar, cast

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, QuerySet
from django.utils import timezone

from accounts.models import User

CHUNK: Final = 1000
Section = tuple[str, Mapping[str, Any] | Iterable[Mapping[str, Any]]]
Row = TypeVar("Row", bound=Model)


class Holder(Protocol):
    """A module that knows something about people."""

    def sections(self, user: User) -> Iterator[Section]:
        """Names of sections with their rows, without any secret; a long one is read while it is sent."""
        ...

    def objections(self, user: User) -> list[str]:
        """Why the account cannot be closed now, in words for its owner."""
        ...

    def erase(self, user: User, *, alias: str) -> None:
        """Forget the person within the transaction that closes the account; `alias` stands where an e-mail stood."""
        ...


def holders() -> list[Holder]:
    return [cast(Holder, import_module(name)) for name in settings.PERSONAL_DATA]


def in_chunks(rows: "QuerySet[Row]") -> Iterator[Row]:
    """Rows by primary key, CHUNK a statement: an open cursor would not survive between two pieces of an answer."""
    rows = rows.order_by("pk")
    chunk = list(rows[:CHUNK])
    while chunk:
        yield from chunk
        chunk = list(rows.filter(pk__gt=chunk[-1].pk)[:CHUNK])


def export(user: User) -> Iterator[str]:
    """One JSON object in pieces: a section at a time, a line a row."""
    yield f'{{"made_at": {_json(timezone.now())}, "profile": {_json(_profile(user))}'
    for holder in holders():
        for name, rows in holder.sections(user):
            yield f",\n{_json(name)}: "
            yield from _pieces(rows)
    yield "}\n"


async def one_by_one(pieces: Iterator[str]) -> AsyncIterator[str]:
    """Each piece is made when the one before has been sent: a plain iterator would be read to its end at once."""
    while piece := await sync_to_async(lambda: next(pieces, ""))():
        yield piece


def _pieces(rows: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> Iterator[str]:
    if isinstance(rows, Mapping):
        yield _json(rows)
        return
    before = "[\n"
    for row in rows:
        yield before + _json(row)
        before = ",\n"
    yield "[]" if before == "[\n" else "\n]"


def _json(value: object) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)


def _profile(user: User) -> dict[str, Any]:
    plain = ("email", "name", "language", "time_zone", "date_joined", "last_login", "wants_receipts")
    sessions = UserSession.objects.filter(user=user)
    return {
        **{name: getattr(user, name) for name in plain},
        "addresses": list(EmailAddress.objects.filter(user=user).values("email", "verified", "primary")),
        "second_factors": list(
            Authenticator.objects.filter(user=user).values("type", "created_at", "last_used_at"),
        ),
        "other_accounts": list(SocialAccount.objects.filter(user=user).values("provider", "uid", "date_joined")),
        "sessions": list(sessions.values("ip", "user_agent", "created_at", "last_seen_at")),
    }
