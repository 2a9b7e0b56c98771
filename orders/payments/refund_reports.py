"""Refunds and disputes that a gateway reports: ours confirmed, others made in its own pages or by the buyer's bank.

A dispute is a refund that the gateway makes: pending until it is decided, undone when it is won.
"""

from django.db import transaction
from django.utils.translation import gettext_noop as _  # kept in English, told by orders.notes

from billing.models import Wallet
from orders.history import record
from orders.models import Order, Payment, PaymentAttempt, Refund
from orders.payments.refunding import UNFINISHED, fail, finish, key_of, open_refund
from orders.providers.base import Money, PaymentState, PaymentStatus
from tokens.models import Token
from tokens.services import set_enabled

REFUNDED_THERE = _("Refunded at the gateway")
FAILED_THERE = _("failed at the gateway")
DISPUTE, DISPUTE_WON = _("Dispute"), _("dispute won")


def refunded_by_gateway(
    attempt: PaymentAttempt, *, amount: Money | None, refund_ref: str, state: PaymentState | None
) -> bool:
    """A refund that the gateway reports: ours that it now confirms, or one made in its own pages. False when known.

    What the gateway's query says (`state`) decides over what the report said.
    """
    payment = attempt.payments.order_by("pk").first()
    assert payment is not None
    unfinished = Refund.objects.filter(payment=payment, state__in=UNFINISHED, is_dispute=False).first()
    total = _total_refunded(payment, amount, state)
    if unfinished is not None:
        return total >= payment.refunded_minor + unfinished.amount_minor and finish(unfinished)
    missing = min(total, payment.amount_minor) - payment.refunded_minor
    if missing <= 0:
        _learn_number(payment, amount, refund_ref)
        return False
    return _book(payment, missing, key=f"gateway:{payment.pk}:{total}", refund_ref=refund_ref)


@transaction.atomic  # begun and not finished it would be taken for one that the gateway has still to make
def _book(payment: Payment, amount_minor: int, *, key: str, refund_ref: str) -> bool:
    refund = open_refund(payment, amount_minor, key=key, reason=REFUNDED_THERE)
    Refund.objects.filter(pk=refund.pk).update(refund_ref=refund_ref[:200])
    return finish(refund)


def _learn_number(payment: Payment, amount: Money | None, refund_ref: str) -> None:
    """A refund that was booked from a sum alone learns the gateway's number, by which it may be undone one day."""
    if not refund_ref or amount is None or payment.refunds.filter(refund_ref=refund_ref).exists():
        return
    nameless = payment.refunds.filter(refund_ref="", amount_minor=amount.minor).order_by("pk").first()
    if nameless is not None:
        Refund.objects.filter(pk=nameless.pk).update(refund_ref=refund_ref[:200])


def _total_refunded(payment: Payment, amount: Money | None, state: PaymentState | None) -> int:
    if state is None:
        return payment.refunded_minor + amount.minor if amount else payment.amount_minor
    if state.status is PaymentStatus.REFUNDED:
        return payment.amount_minor
    return state.refunded_minor


def refund_failed(attempt: PaymentAttempt, refund_ref: str) -> bool:
    """A refund of ours that came to nothing at the gateway, maybe days later; False when there is none.

    A gateway that names no refund gives back whole payments only: it means the one that there is.
    """
    refunds = Refund.objects.filter(payment__attempt=attempt, is_dispute=False).exclude(state=Refund.State.FAILED)
    named = refunds.filter(refund_ref=refund_ref) if refund_ref else refunds
    found = list(named[:2])
    return len(found) == 1 and fail(found[0], FAILED_THERE)


# ── Disputes ─────────────────────────────────────────────────────────────────


@transaction.atomic
def dispute_opened(attempt: PaymentAttempt, reference: str) -> bool:
    """The buyer's bank took the money back for now: so is the credit, and the key is disabled."""
    payment = attempt.payments.order_by("pk").first()
    assert payment is not None
    key = _dispute_key(payment, reference)
    if Refund.objects.filter(idempotency_key=key).exists():
        return False
    left = payment.amount_minor - payment.refunded_minor
    refund = open_refund(payment, left, key=key, reason=DISPUTE, is_dispute=True)
    Refund.objects.filter(pk=refund.pk).update(state=Refund.State.PENDING)
    Order.objects.filter(pk=attempt.order_id).update(is_disputed=True)
    return True


@transaction.atomic
def dispute_won(attempt: PaymentAttempt, reference: str) -> bool:
    """Decided for us: the credit returns and the key works again."""
    refund = _dispute(attempt, reference)
    changed = refund is not None and fail(refund, DISPUTE_WON)
    if changed:
        _unfreeze(attempt)
    return changed


def dispute_lost(attempt: PaymentAttempt, reference: str) -> bool:
    """Decided for the buyer: the order is refunded."""
    if _dispute(attempt, reference) is None:
        dispute_opened(attempt, reference)
    refund = _dispute(attempt, reference)
    changed = refund is not None and finish(refund)
    Order.objects.filter(pk=attempt.order_id).update(is_disputed=False)
    return changed


def _unfreeze(attempt: PaymentAttempt) -> None:
    order = attempt.order
    Order.objects.filter(pk=order.pk).update(is_disputed=False)
    token = Token.objects.filter(pk=key_of(order) or 0, deleted_at=None).first()
    owes = Wallet.objects.filter(user__orders=order, debt__gt=0).exists()
    if token is not None and not owes and order.events.filter(what="key disabled").exists():
        set_enabled(token=token, enabled=True)
        record(order, "key enabled", note=token.masked_key)


def _dispute(attempt: PaymentAttempt, reference: str) -> Refund | None:
    payment = attempt.payments.order_by("pk").first()
    return Refund.objects.filter(idempotency_key=_dispute_key(payment, reference)).first() if payment else None


def _dispute_key(payment: Payment, reference: str) -> str:
    return f"dispute:{payment.pk}:{reference}"[:120]
