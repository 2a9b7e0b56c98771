"""Credit that has to come back after it was granted: what is there is taken, the rest is owed and collected later.

Every function locks the wallet first and belongs into the transaction of the row that says why; that row's own
compare-and-set makes it happen once.
"""

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_noop

from billing.ledger import post_entry
from billing.models import LedgerEntry, Wallet
from config.kernel.ids import uuid7
from config.kernel.money import NanoUSD


@transaction.atomic
def take_back(
    *, user_id: int, amount: NanoUSD, idempotency_key: str, reference: str, reason: str, actor_id: int | None = None
) -> NanoUSD:
    """Take what is available of `amount`, owe the rest; says how much was taken. Held credit is not touched."""
    wallet = Wallet.objects.select_for_update().get(user_id=user_id)
    taken = NanoUSD(min(wallet.available, amount))
    if taken < amount:
        Wallet.objects.filter(pk=wallet.pk).update(debt=F("debt") + (amount - taken))
    if taken:
        _post(wallet, -taken, idempotency_key, reference, reason, actor_id)
    return taken


@transaction.atomic
def give_back(
    *, user_id: int, amount: NanoUSD, idempotency_key: str, reference: str, reason: str, actor_id: int | None = None
) -> None:
    """Undo a `take_back` of the same amount: what is still owed is forgiven, what was taken returns."""
    wallet = Wallet.objects.select_for_update().get(user_id=user_id)
    forgiven = min(wallet.debt, amount)
    if forgiven:
        Wallet.objects.filter(pk=wallet.pk).update(debt=F("debt") - forgiven)
    if amount > forgiven:
        _post(wallet, amount - forgiven, idempotency_key, reference, reason, actor_id)


@transaction.atomic
def collect_debt(*, user_id: int) -> NanoUSD:
    """Take what is available towards what is owed; says how much."""
    wallet = Wallet.objects.select_for_update().get(user_id=user_id)
    due = NanoUSD(min(wallet.available, wallet.debt))
    if due:
        Wallet.objects.filter(pk=wallet.pk).update(debt=F("debt") - due)
        _post(wallet, -due, f"debt:{uuid7()}", "", gettext_noop("Debt of an earlier refund"))
    return due


def collect_debts() -> None:
    """Whoever owes and has something available: holds that ended since may have set it free."""
    for user_id in Wallet.objects.filter(debt__gt=0, balance__gt=F("held")).values_list("user_id", flat=True):
        collect_debt(user_id=user_id)


def _post(wallet: Wallet, amount: int, key: str, reference: str, reason: str, actor_id: int | None = None) -> None:
    post_entry(
        user_id=wallet.user_id,
        amount=NanoUSD(amount),
        kind=LedgerEntry.Kind.REFUND,
        idempotency_key=key,
        reference=reference,
        reason=reason,
        actor_id=actor_id,
    )
