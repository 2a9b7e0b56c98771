"""Giving money back: the credit that it bought is taken back with it.

A refund is written down and its credit taken before the gateway is asked, under a key that is the same in every try.
One that fails is undone by a new ledger entry.
"""

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing.debts import give_back, take_back
from config.kernel.errors import InvalidInput
from config.kernel.money import NanoUSD
from orders.clock import database_now
from orders.discounts import credit_of_refund
from orders.fiat import format_fiat
from orders.history import move, record
from orders.models import Delivery, Order, Payment, Refund
from orders.payments.accounts import opened, provider_of
from orders.payments.pacing import for_a_turn
from orders.payments.retrying import again_after_races
from orders.providers.base import (
    GatewayError,
    GatewayRefused,
    Money,
    PaymentStatus,
    RefundCall,
    RefundState,
    RefundStatus,
    RefundSupport,
)
from orders.states import HONOURED
from tokens.models import Token
from tokens.services import lower_quota, raise_quota, set_enabled

logger = logging.getLogger("tollbooth.payments")

LONGEST_PAUSE = timedelta(hours=6)
FAILED = gettext_noop("The refund failed")  # the reason of the entry in the ledger, which is kept in English
UNFINISHED = (Refund.State.REQUESTED, Refund.State.PENDING)
_S = Order.Status


class RefundRefused(InvalidInput):
    """This cannot be given back, or not so; the sentence is for the operator."""

    default_code = "refund_refused"


# ── Asked for by an operator ─────────────────────────────────────────────────


def request_refund(
    *, payment: Payment, amount_minor: int, reason: str, actor_id: int, key: str, by_hand: bool = False
) -> Refund:
    """Give back a part or all of a payment, once per `key`. `by_hand` says that the operator pays it back themselves.

    Raises RefundRefused before anything is changed. The gateway is asked by `submit`.
    """
    existing = Refund.objects.filter(idempotency_key=key).first()
    if existing is not None:
        return existing
    if not by_hand:
        _check_support(payment, amount_minor)
    with transaction.atomic():  # what is paid back by hand is never left for the gateway to be asked for
        refund = open_refund(payment, amount_minor, key=key, reason=reason, actor_id=actor_id, by_hand=by_hand)
        if by_hand:
            finish(refund)
    return refund


def _check_support(payment: Payment, amount_minor: int) -> None:
    can = provider_of(payment.account).capabilities(opened(payment.account)).refund
    if can is RefundSupport.NONE:
        raise RefundRefused(_("This provider gives nothing back by itself: pay it back by hand and say so here."))
    if can is RefundSupport.FULL and amount_minor != payment.amount_minor:
        raise RefundRefused(_("This provider gives back a payment only as a whole."))


@again_after_races
@transaction.atomic
def open_refund(
    payment: Payment,
    amount_minor: int,
    *,
    key: str,
    reason: str = "",
    actor_id: int | None = None,
    by_hand: bool = False,
    is_dispute: bool = False,
) -> Refund:
    """Write the refund down and take its credit back. Raises RefundRefused. Locks order, payment, wallet, key."""
    order = Order.objects.select_for_update().get(pk=payment.order_id)
    payment = Payment.objects.select_for_update().get(pk=payment.pk)
    if not 0 < amount_minor <= payment.amount_minor - payment.refunded_minor:
        raise RefundRefused(_("There is not so much left to give back."))
    if Refund.objects.filter(payment=payment, state__in=UNFINISHED).exists():
        raise RefundRefused(_("Another refund of this payment is under way."))
    _hold_order(order, payment, reason, actor_id)
    refund = Refund.objects.create(
        order=order,
        payment=payment,
        amount_minor=amount_minor,
        currency=payment.currency,
        credit=_credit_of(order, payment, amount_minor),
        idempotency_key=key,
        is_by_hand=by_hand,
        is_dispute=is_dispute,
        reason=reason[:200],
        actor_id=actor_id,
    )
    _take_credit(order, refund)
    return refund


def _hold_order(order: Order, payment: Payment, reason: str, actor_id: int | None) -> None:
    """The order says that a refund is under way, if it is the order's."""
    if not _is_of_order(order, payment) or (payment.state != Payment.State.ACCEPTED and order.status != _S.REVIEW):
        record(order, "refund of another payment", note=reason, actor_id=actor_id)
        return
    start = [*sorted(HONOURED), _S.PARTIALLY_REFUNDED, _S.REVIEW]
    if not move(order, start=start, to=_S.REFUND_PENDING, what="refund", note=reason, actor_id=actor_id):
        raise RefundRefused(
            _("This order can't be refunded: it is %(status)s.") % {"status": order.get_status_display()}
        )


def _is_of_order(order: Order, payment: Payment) -> bool:
    """Whether refunds of this payment move the order. A second payment of a paid order is none of its business."""
    if payment.state == Payment.State.ACCEPTED:
        return True
    is_paid = order.payments.filter(state=Payment.State.ACCEPTED).exists()
    return payment.state != Payment.State.OVERPAID and not is_paid


def _credit_of(order: Order, payment: Payment, amount_minor: int) -> int:
    if payment.state != Payment.State.ACCEPTED:
        return 0
    return credit_of_refund(
        granted=order.credit,
        paid_minor=payment.amount_minor,
        refunded_minor=payment.refunded_minor,
        amount_minor=amount_minor,
    )


def _take_credit(order: Order, refund: Refund) -> None:
    if not refund.credit:
        return
    assert order.user_id is not None
    taken = take_back(
        user_id=order.user_id,
        amount=NanoUSD(refund.credit),
        idempotency_key=f"refund:{refund.pk}",
        reference=order.number,
        reason=refund.reason,
        actor_id=refund.actor_id,
    )
    token_id = key_of(order)
    if token_id is None:
        return
    lower_quota(token_id=token_id, amount=refund.credit)
    if taken < refund.credit or refund.is_dispute:
        _freeze_key(order, token_id)


def key_of(order: Order) -> int | None:
    """The key that the order made or topped up."""
    if order.token_id is not None:
        return order.token_id
    return Delivery.objects.filter(order=order).values_list("token_id", flat=True).first()


def _freeze_key(order: Order, token_id: int) -> None:
    token = Token.objects.filter(pk=token_id, deleted_at=None, is_enabled=True).first()
    if token is not None:
        set_enabled(token=token, enabled=False)
        record(order, "key disabled", note=token.masked_key)


# ── At the gateway ───────────────────────────────────────────────────────────


def submit_due(limit: int = 100) -> None:
    """Ask gateways for refunds that are not finished."""
    due = Refund.objects.filter(state__in=UNFINISHED, is_dispute=False, next_try_at__lte=database_now())
    rows = due.select_related("payment__account", "payment__attempt", "order").order_by("next_try_at")
    for refund in for_a_turn(rows[:limit]):
        try:
            submit(refund)
        except Exception:
            logger.exception("refund %s could not be asked for", refund.pk)


def submit(refund: Refund) -> None:
    """Ask the gateway for one refund, or how it stands. Safe to repeat: the key is the same in every try."""
    now = database_now()
    pause = min(timedelta(seconds=15 * 3 ** min(refund.tries, 8)), LONGEST_PAUSE)
    unfinished = Refund.objects.filter(pk=refund.pk, state__in=UNFINISHED, tries=refund.tries)
    if not unfinished.update(tries=F("tries") + 1, next_try_at=now + pause):
        return
    try:
        state = _state_of(refund)
    except GatewayRefused as error:
        logger.warning("refund %s was refused: %s", refund.pk, error)
        fail(refund, str(error))
    except GatewayError as error:
        Refund.objects.filter(pk=refund.pk).update(error=str(error)[:300])
    else:
        _apply(refund, state)


def _state_of(refund: Refund) -> RefundState:
    payment, account = refund.payment, refund.payment.account
    provider = provider_of(account)
    if refund.state == Refund.State.PENDING and provider.capabilities(opened(account)).query:
        attempt = payment.attempt
        seen = provider.query(opened(account), reference=attempt.number, provider_ref=attempt.provider_ref)
        if seen.refund_failed:
            return RefundState(RefundStatus.FAILED, refund.refund_ref, FAILED)
        done = (
            seen.status is PaymentStatus.REFUNDED or seen.refunded_minor >= payment.refunded_minor + refund.amount_minor
        )
        return RefundState(RefundStatus.SUCCEEDED if done else RefundStatus.PENDING, refund.refund_ref)
    return provider.refund(opened(account), _call_of(refund))


def _call_of(refund: Refund) -> RefundCall:
    payment = refund.payment
    return RefundCall(
        reference=payment.attempt.number,
        provider_ref=payment.attempt.provider_ref,
        txn_id=payment.txn_id,
        amount=Money(refund.amount_minor, refund.currency),
        total=Money(payment.amount_minor, payment.currency),
        idempotency_key=f"refund:{refund.pk}",
        reason=refund.reason,
    )


def _apply(refund: Refund, state: RefundState) -> None:
    columns = {"error": state.detail[:300]}
    if state.refund_ref:
        columns["refund_ref"] = state.refund_ref[:200]
    Refund.objects.filter(pk=refund.pk).update(**columns)
    match state.status:
        case RefundStatus.SUCCEEDED:
            finish(refund)
        case RefundStatus.FAILED:
            fail(refund, state.detail)
        case RefundStatus.PENDING:
            Refund.objects.filter(pk=refund.pk, state=Refund.State.REQUESTED).update(state=Refund.State.PENDING)


@again_after_races
@transaction.atomic
def finish(refund: Refund) -> bool:
    """The money is back with the buyer; False when that was known."""
    order = Order.objects.select_for_update().get(pk=refund.order_id)
    unfinished = Refund.objects.filter(pk=refund.pk, state__in=UNFINISHED)
    if not unfinished.update(state=Refund.State.SUCCEEDED, done_at=database_now()):
        return False
    Payment.objects.filter(pk=refund.payment_id).update(refunded_minor=F("refunded_minor") + refund.amount_minor)
    payment = Payment.objects.get(pk=refund.payment_id)
    _note_finished(order, payment, refund)
    return True


def _note_finished(order: Order, payment: Payment, refund: Refund) -> None:
    note = format_fiat(refund.amount_minor, refund.currency)
    if not _is_of_order(order, payment):
        record(order, "refunded", note=note, actor_id=refund.actor_id)
        return
    is_accepted = payment.state == Payment.State.ACCEPTED
    if is_accepted:
        _show_refunded(order, payment)
    to = _S.PARTIALLY_REFUNDED if is_accepted else _S.REVIEW
    if payment.refunded_minor == payment.amount_minor:
        to = _S.REFUNDED
    move(order, start=[_S.REFUND_PENDING], to=to, what="refunded", note=note, actor_id=refund.actor_id)


@again_after_races
@transaction.atomic
def fail(refund: Refund, why: str) -> bool:
    """The money was not given back after all: credit and order are what they were. False when that was known."""
    order = Order.objects.select_for_update().get(pk=refund.order_id)
    refund = Refund.objects.select_for_update().get(pk=refund.pk)
    if refund.state == Refund.State.FAILED:
        return False
    if refund.state == Refund.State.SUCCEEDED:
        Payment.objects.filter(pk=refund.payment_id).update(refunded_minor=F("refunded_minor") - refund.amount_minor)
    Refund.objects.filter(pk=refund.pk).update(state=Refund.State.FAILED, error=why[:300], done_at=database_now())
    _return_credit(order, refund)
    _put_back(order, refund, why)
    return True


def _return_credit(order: Order, refund: Refund) -> None:
    if not refund.credit:
        return
    assert order.user_id is not None
    give_back(
        user_id=order.user_id,
        amount=NanoUSD(refund.credit),
        idempotency_key=f"refund:{refund.pk}:undone",
        reference=order.number,
        reason=FAILED,
    )
    if (token_id := key_of(order)) is not None:
        raise_quota(token_id=token_id, amount=refund.credit)


def _put_back(order: Order, refund: Refund, why: str) -> None:
    payment = Payment.objects.get(pk=refund.payment_id)
    if payment.state == Payment.State.ACCEPTED:
        _show_refunded(order, payment)
    ended = (_S.REFUND_PENDING, _S.REFUNDED, _S.PARTIALLY_REFUNDED)
    start = [status for status in ended if status == order.status]
    if not _is_of_order(order, payment) or _waits_for_another(order, refund):
        start = []
    if not start or not move(order, start=start, to=_standing(order, payment), what="refund failed", note=why):
        record(order, "refund failed", note=why)


def _waits_for_another(order: Order, refund: Refund) -> bool:
    others = Refund.objects.filter(order=order, state__in=UNFINISHED).exclude(pk=refund.pk)
    return any(_is_of_order(order, other.payment) for other in others.select_related("payment"))


def _show_refunded(order: Order, payment: Payment) -> None:
    """An accepted payment may be higher than the order: an operator decided so."""
    refunded = min(payment.refunded_minor, order.amount_minor)
    Order.objects.filter(pk=order.pk).update(refunded_minor=refunded)


def _standing(order: Order, payment: Payment) -> Order.Status:
    """Where an order stands whose refund came to nothing."""
    if payment.state != Payment.State.ACCEPTED:
        return _S.REVIEW
    if payment.refunded_minor:
        return _S.PARTIALLY_REFUNDED
    if order.kind == Order.Kind.TOP_UP:
        return _S.CREDITED
    sent = Delivery.objects.filter(order=order, state=Delivery.State.SENT).exists()
    return _S.DELIVERED if sent else _S.PAID
