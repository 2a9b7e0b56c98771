"""Sessions in the database, read by a statement that was put together once: every page of a customer asks it."""

from functools import cache
from typing import Any

from django.contrib.sessions.backends import db
from django.db.models import CharField, DateTimeField
from django.utils import timezone

from billing.prepared import Parameter, Statement, prepare


class SessionStore(db.SessionStore):
    """Django's own in all else."""

    def load(self) -> dict[str, Any]:
        """What was kept under this key; of one that is unknown or over nothing, and the key is forgotten."""
        rows = _kept().rows({"key": self.session_key, "now": timezone.now()})
        if not rows:
            self._session_key = None
            return {}
        return self.decode(rows[0][0])


@cache
def _kept() -> Statement:
    key, now = Parameter("key", CharField()), Parameter("now", DateTimeField())
    sessions = SessionStore.get_model_class().objects.filter(session_key=key, expire_date__gt=now)
    return prepare(sessions.values_list("session_data"))
