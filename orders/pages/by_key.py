"""What whoever holds a key may know without an account: its name, its money and its last calls.

The key itself is read once, from a POST, and kept nowhere: the session remembers for a while which token was proved.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from time import time

from django.contrib.sessions.backends.base import SessionBase

from billing.caps import Spending
from billing.credit import Credit, credit_of
from billing.models import UsageRecord
from billing.rollups import rolled_until
from billing.spans import last_days
from billing.totals import Scope, Totals, totals
from config.client_address import Address
from orders.keys import open_account
from tokens.models import Token

REMEMBERED_SECONDS = 30 * 60
LAST_CALLS = 10
WINDOWS = (1, 7, 30)  # days
_PROVED = "proved_key"


@dataclass(frozen=True, slots=True)
class KeyStatement:
    """A key's money, what it spent by windows of days, and its last calls. Nano-dollars."""

    token: Token
    credit: Credit
    day_spent: int
    month_spent: int
    windows: tuple[tuple[int, Totals], ...]
    calls: tuple[UsageRecord, ...]


def prove_key(session: SessionBase, key: str, *, address: Address | None) -> None:
    """Remember whose key was pasted. Raises KeyRefused."""
    session[_PROVED] = [open_account(key, address=address).token.pk, int(time())]


def proved_token(session: SessionBase) -> Token | None:
    """The token whose key was pasted in this browser a short while ago, if it still works."""
    token_id, at = session.get(_PROVED, (None, 0))
    if time() - at > REMEMBERED_SECONDS:
        return None
    tokens = Token.objects.filter(pk=token_id, deleted_at=None, is_enabled=True, user__is_active=True)
    return tokens.select_related("user", "group").first()


def forget_key(session: SessionBase) -> None:
    """Before somebody else sits down at this browser."""
    session.pop(_PROVED, None)


def credit_of_token(token: Token) -> Credit:
    """The key's own quota, or its account's balance."""
    return credit_of(token.pk)


def statement_of(token: Token) -> KeyStatement:
    """Everything the page about a key shows."""
    now, mark = datetime.now(UTC), rolled_until()
    scope = Scope(token.user_id, token_id=token.pk)
    spending = Spending(token.day, token.day_spent, token.month_spent, token.daily_cap, token.monthly_cap)
    spending.turn(now.date())
    return KeyStatement(
        token=token,
        credit=credit_of_token(token),
        day_spent=spending.day_spent,
        month_spent=spending.month_spent,
        windows=tuple((days, totals(scope, last_days(days, now=now, zone=UTC), mark=mark)) for days in WINDOWS),
        calls=tuple(UsageRecord.objects.filter(token=token).order_by("-id")[:LAST_CALLS]),
    )
