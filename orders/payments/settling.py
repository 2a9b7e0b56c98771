"""What a payment does: one transaction that pays the order, posts the credit and makes the key. Or sends it to review.

However often and by whomever it is called for one transaction of a gateway, credit is posted once: the UPDATE of the
order decides, and UNIQUE keys on payment, ledger entry and delivery stand behind it. Rows are locked in one order
everywhere: order, coupon, wallet, key.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_noop as _  # kept in English, told by orders.notes

from accounts.models import User
from accounts.services import account_for
from billing.debts import collect_debt
from billing.ledger import post_entry
from billing.models import LedgerEntry
from config.kernel.money import NanoUSD
from config.kernel.sealing import seal
from orders import coupons
from orders.clock import database_now
from orders.fiat import format_fiat
from orders.history import move, record
from orders.models import Delivery, Order, Payment, PaymentAttempt, Refund
from orders.payments.retrying import again_after_races
from orders.providers.base import Money
from tokens.services import IssuedToken, issue_token, open_group_to, raise_quota

GRACE = timedelta(hours=24)  # after its end an order is still honoured for so long
KEY_PURPOSE = "delivered key"


class Verdict(StrEnum):
    CREDITED = "credited"
    DUPLICATE = "duplicate"  # this transaction of the gateway is known already
    OVERPAID = "overpaid"  # the order was paid before, by another transaction
    REVIEW = "review"  # wrong amount, or too late: a person decides


@dataclass(frozen=True, slots=True)
class Received:
    """Money that a gateway says has arrived for an attempt; checked with the gateway, not yet with the order."""

    txn_id: str
    amount: Money
    paid_at: datetime


@again_after_races
@transaction.atomic
def settle(attempt: PaymentAttempt, received: Received, *, actor_id: int | None = None) -> Verdict:
    """Take a payment in: credit the order, or say why not. Raises nothing that a repetition would not mend."""
    # The order first: whoever inserted a payment before it could wait for somebody who waits for that payment.
    order = Order.objects.select_for_update().get(pk=attempt.order_id)
    if _is_known(attempt, received):
        return Verdict.DUPLICATE
    if received.amount != Money(attempt.amount_minor, attempt.currency):
        return _to_review(order, attempt, received, Payment.State.MISMATCH, _("A wrong amount was paid."))
    if _pay(order, received, actor_id):
        _record_payment(attempt, received, Payment.State.ACCEPTED)
        _grant(order)
        return Verdict.CREDITED
    if order.status in (Order.Status.CANCELLED, Order.Status.EXPIRED):
        return _to_review(order, attempt, received, Payment.State.LATE, _("Paid after the order had ended."))
    _record_payment(attempt, received, Payment.State.OVERPAID)
    record(order, "paid again", note=f"{attempt.number}, {received.txn_id}")
    return Verdict.OVERPAID


def _is_known(attempt: PaymentAttempt, received: Received) -> bool:
    """By the transaction. Where a query names none, a stand-in is kept until a report names it."""
    if Payment.objects.filter(account_id=attempt.account_id, txn_id=received.txn_id).exists():
        return True
    if received.txn_id == unnamed(attempt):
        return attempt.payments.exists()
    nameless = Payment.objects.filter(
        account_id=attempt.account_id,
        txn_id=unnamed(attempt),
        amount_minor=received.amount.minor,
        currency=received.amount.currency,
    )
    return bool(nameless.update(txn_id=received.txn_id))


def unnamed(attempt: PaymentAttempt) -> str:
    """What stands for a transaction that the gateway does not name."""
    return f"unnamed:{attempt.number}"


def _pay(order: Order, received: Received, actor_id: int | None) -> bool:
    """Move to paid from pending, or from expired within the grace. The row stays locked until the end."""
    start = [Order.Status.PENDING]
    if database_now() <= order.expires_at + GRACE:
        start.append(Order.Status.EXPIRED)
    return move(
        order,
        start=start,
        to=Order.Status.PAID,
        what="paid",
        note=received.txn_id,
        actor_id=actor_id,
        paid_at=database_now(),
    )


def _record_payment(attempt: PaymentAttempt, received: Received, state: Payment.State) -> None:
    Payment.objects.create(
        account_id=attempt.account_id,
        txn_id=received.txn_id,
        attempt=attempt,
        order_id=attempt.order_id,
        amount_minor=received.amount.minor,
        currency=received.amount.currency,
        state=state,
        paid_at=received.paid_at,
    )
    PaymentAttempt.objects.filter(pk=attempt.pk).update(state=PaymentAttempt.State.SUCCEEDED, next_poll_at=None)


def _to_review(order: Order, attempt: PaymentAttempt, received: Received, state: Payment.State, reason: str) -> Verdict:
    """Keep the money visible and give nothing for it yet. An order that is paid already stays as it is."""
    _record_payment(attempt, received, state)
    start = [Order.Status.PENDING, Order.Status.EXPIRED, Order.Status.CANCELLED]
    note = f"{format_fiat(*received.amount)}, {received.txn_id}"
    if not move(order, start=start, to=Order.Status.REVIEW, what="review", note=note, review_reason=reason):
        record(order, "unexpected payment", note=note)
    return Verdict.REVIEW


@again_after_races
@transaction.atomic
def accept(payment: Payment, *, actor_id: int, reason: str) -> bool:
    """An operator honours a payment in review, by the order's own terms. False when it was decided already.

    A payment of which a part was given back, or is on its way, was decided by that: the rest can only go back too.
    """
    order = Order.objects.select_for_update().get(pk=payment.order_id)
    if payment.refunds.exclude(state=Refund.State.FAILED).exists():
        return False
    if not move(
        order,
        start=[Order.Status.REVIEW],
        to=Order.Status.PAID,
        what="accepted",
        note=reason,
        actor_id=actor_id,
        paid_at=database_now(),
        review_reason="",
    ):
        return False
    Payment.objects.filter(pk=payment.pk).update(state=Payment.State.ACCEPTED)
    _grant(order)
    return True


# ── What is given for it ─────────────────────────────────────────────────────


def _grant(order: Order) -> None:
    is_strangers = order.user is None
    user = _owner_of(order)
    _post(order, user, LedgerEntry.Kind.TOP_UP, order.base_credit, f"order:{order.pk}:paid")
    _post(order, user, LedgerEntry.Kind.BONUS, order.bonus_credit, f"order:{order.pk}:bonus")
    coupons.mark_used(order)
    collect_debt(user_id=user.pk)
    if order.kind == Order.Kind.PURCHASE:
        # Anybody can type an e-mail: a key shown to whoever paid must not spend what else is on that account.
        _make_key(order, user, quota=order.credit if is_strangers else None)
    else:
        _credit_key(order)


def _owner_of(order: Order) -> User:
    """Who is credited: the account of the order, or of its e-mail once that has paid."""
    if order.user is None:
        order.user = account_for(email=order.contact_email, language=order.language)
        Order.objects.filter(pk=order.pk).update(user=order.user)
    return order.user


def _post(order: Order, user: User, kind: LedgerEntry.Kind, amount: int, key: str) -> None:
    if amount and not post_entry(
        user_id=user.pk,
        amount=NanoUSD(amount),
        kind=kind,
        idempotency_key=key,
        reference=order.number,
        reason=order.package_name,
    ):
        raise RuntimeError(f"{key} was posted before its order was paid")  # rolls all of this back


def _make_key(order: Order, user: User, *, quota: int | None) -> None:
    if order.group is not None:
        open_group_to(user=user, group=order.group)
    lifetime = timedelta(days=order.valid_days) if order.valid_days else None
    issued = issue_token(
        user=user,
        name=order.package_name,
        group=order.group,
        quota=quota,
        expires_at=database_now() + lifetime if lifetime else None,
    )
    Delivery.objects.create(order=order, token=issued.token, key_sealed=_sealed(order, issued))


def _sealed(order: Order, issued: IssuedToken) -> bytes:
    return seal(issued.plain_key, master=settings.SEALING_KEY, purpose=KEY_PURPOSE, context=order.number)


def _credit_key(order: Order) -> None:
    """The credit is the account's; a key with a quota of its own may now spend that much more, if it still exists."""
    if order.token_id is not None:
        raise_quota(token_id=order.token_id, amount=order.credit)
    Delivery.objects.create(order=order)
    move(order, start=[Order.Status.PAID], to=Order.Status.CREDITED, what="credited")
