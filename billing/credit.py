"""What a key has spent and may still spend: of its own quota, or of its account where it has none."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Case, F, OuterRef, Subquery, Sum, When

from billing.models import LedgerEntry
from config.kernel.money import NanoUSD
from tokens.keys import key_hash
from tokens.models import Token, TokenQuerySet


@dataclass(frozen=True, slots=True)
class Credit:
    """Nano-dollars spent and left: of a key's own quota, or of the account where the key has none."""

    spent: NanoUSD
    left: NanoUSD
    is_of_key: bool

    @property
    def total(self) -> NanoUSD:
        return NanoUSD(self.spent + self.left)


@dataclass(frozen=True, slots=True)
class KeyAccount:
    """A key's token, its owner loaded with it, and what it may spend."""

    token: Token
    credit: Credit


def credit_of(token_id: int) -> Credit:
    """The credit of a token. Raises Token.DoesNotExist."""
    found = _find(Token.objects.filter(pk=token_id))
    if found is None:
        raise Token.DoesNotExist
    return found.credit


def account_by_key(key: str) -> KeyAccount | None:
    """The token of a key, deleted ones included.

    One statement, and the same one for what cannot be a key: time does not tell what is wrong with it.
    """
    return _find(Token.objects.with_key(key_hash(key, pepper=settings.KEY_PEPPER)))


def _find(tokens: TokenQuerySet) -> KeyAccount | None:
    entries = LedgerEntry.objects.filter(wallet__user=OuterRef("user")).order_by().values("wallet")
    credited = Subquery(entries.annotate(credited=Sum("amount")).values("credited"))
    rows = tokens.select_related("user").annotate(
        balance=F("user__wallet__balance"), credited=Case(When(quota=None, then=credited))
    )
    token = rows.first()
    if token is None:
        return None
    annotated = vars(token)
    return KeyAccount(token, _credit(token, annotated["balance"] or 0, annotated["credited"] or 0))


def _credit(token: Token, balance: int, credited: int) -> Credit:
    """An account has spent what was credited to it and is not there."""
    if token.quota is not None:
        return Credit(NanoUSD(token.used), NanoUSD(token.quota - token.used), is_of_key=True)
    return Credit(NanoUSD(credited - balance), NanoUSD(balance), is_of_key=False)
