"""Carries new keys over the redirect that follows their creation: sealed in the session, shown once."""

import base64
import json

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase

from accounts.models import User
from config.kernel.sealing import SealBroken, seal, unseal
from tokens.services import IssuedToken

_SESSION_KEY = "new_keys"
_PURPOSE = "new keys in a session"


def hand_over(session: SessionBase, *, user: User, issued: list[IssuedToken]) -> None:
    """Keep the keys for the next page."""
    keys = json.dumps({each.token.public_id: each.plain_key for each in issued})
    sealed = seal(keys, master=settings.SEALING_KEY, purpose=_PURPOSE, context=str(user.pk))
    session[_SESSION_KEY] = base64.b64encode(sealed).decode()


def take_over(session: SessionBase, *, user: User) -> dict[str, str]:
    """Plain keys by the public id of their token, and forget them; empty when there are none for this user."""
    sealed = session.pop(_SESSION_KEY, "")
    try:
        keys = unseal(base64.b64decode(sealed), master=settings.SEALING_KEY, purpose=_PURPOSE, context=str(user.pk))
    except SealBroken:
        return {}
    return dict(json.loads(keys))
