"""The only writer of ledger entries: every way credit appears or vanishes other than usage."""

from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, Value, When

from billing.models import LedgerEntry, Wallet
from config.kernel.errors import InsufficientCredit, InvalidInput, NotFound
from config.kernel.money import NanoUSD


def post_entry(
    *,
    user_id: int,
    amount: NanoUSD,
    kind: LedgerEntry.Kind,
    idempotency_key: str,
    reference: str = "",
    reason: str = "",
    actor_id: int | None = None,
) -> bool:
    """Move credit once per idempotency key; False when that key was posted before.

    `amount` is signed. Raises InvalidInput for nothing to move, InsufficientCredit when a debit would touch held
    credit, NotFound without a wallet.
    """
    if not amount:
        raise InvalidInput("An entry moves some amount of credit.", param="amount")
    if LedgerEntry.objects.filter(idempotency_key=idempotency_key).exists():
        return False
    try:
        with transaction.atomic():
            wallet = _move(user_id, amount)
            LedgerEntry.objects.create(
                wallet=wallet,
                kind=kind,
                amount=amount,
                balance_after=wallet.balance,
                idempotency_key=idempotency_key,
                reference=reference,
                reason=reason,
                actor_id=actor_id,
            )
    except IntegrityError:
        # A racing call with the same key won; our move was rolled back with the entry that it could not write.
        if LedgerEntry.objects.filter(idempotency_key=idempotency_key).exists():
            return False
        raise
    return True


def _move(user_id: int, amount: int) -> Wallet:
    covered = Wallet.objects.filter(user_id=user_id, balance__gte=F("held") - amount)
    if not covered.update(balance=F("balance") + amount, is_notified=_is_notified_after(amount)):
        if not Wallet.objects.filter(user_id=user_id).exists():
            raise NotFound("This user has no wallet.")
        raise InsufficientCredit("The available balance does not cover this movement.")
    return Wallet.objects.get(user_id=user_id)


def _is_notified_after(amount: int) -> F | Case:
    """Credit that lifts the balance above its owner's mark lets the next notice out; see `billing.low_balance`.

    Holds that end do not: a balance near the mark would go below and above it with every request.
    """
    if amount < 0:
        return F("is_notified")
    is_above = Q(notify_below__lte=F("balance") + amount - F("held"))
    return Case(When(is_above, then=Value(False)), default=F("is_notified"))
