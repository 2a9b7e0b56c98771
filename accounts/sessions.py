"""Where somebody is signed in: listed, noted while in use, ended one by one or all others at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from allauth.usersessions.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.http import HttpRequest
from django.utils import timezone

from accounts.devices import browser_of, is_hand_held, system_of
from accounts.models import User

NOTED_EVERY: Final = timedelta(minutes=10)
_NOTED: Final = "noted_at"  # in the session: when its row was last written, seconds since the epoch


@dataclass(frozen=True, slots=True)
class Place:
    """One browser somebody is signed in with."""

    session: UserSession
    is_current: bool

    @property
    def browser(self) -> str:
        return browser_of(self.session.user_agent)

    @property
    def system(self) -> str:
        return system_of(self.session.user_agent)

    @property
    def is_hand_held(self) -> bool:
        return is_hand_held(self.session.user_agent)


def places_of(sessions: Iterable[UserSession], *, current_key: str | None) -> list[Place]:
    """The one that asks first, then the last used."""
    places = [Place(session, session.session_key == current_key) for session in sessions]
    return sorted(places, key=lambda place: (place.is_current, place.session.last_seen_at), reverse=True)


def note(request: HttpRequest) -> None:
    """Write down address, browser and time of a session in use, once in NOTED_EVERY."""
    now = timezone.now().timestamp()
    if now - request.session.get(_NOTED, 0) >= NOTED_EVERY.total_seconds():
        request.session[_NOTED] = int(now)
        UserSession.objects.create_from_request(request)


def end(*, user: User, session_id: int) -> bool:
    """Sign one of the user's sessions out; False when it is none of theirs, or over already."""
    sessions = list(UserSession.objects.filter(user=user, pk=session_id))
    get_adapter().end_sessions(sessions)
    return bool(sessions)


def end_all(*, user: User) -> None:
    """Sign the user out everywhere."""
    get_adapter().end_sessions(list(UserSession.objects.filter(user=user)))
