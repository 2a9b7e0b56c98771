"""Nothing depends on a report arriving: gateways are asked for open attempts, and once more before they end."""

import logging
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction

from orders import coupons
from orders.clock import database_now
from orders.history import move
from orders.models import Order, PaymentAttempt
from orders.payments.accounts import opened, provider_of
from orders.payments.pacing import for_a_turn
from orders.payments.paying import PayFailed, set_up
from orders.payments.settling import Received, settle, unnamed
from orders.providers.base import GatewayError, GatewayRefused, PaymentState, PaymentStatus

logger = logging.getLogger("tollbooth.payments")

WATCHED = timedelta(minutes=10)  # while the buyer is likely to be waiting
PAUSE = timedelta(seconds=8)
LATER = tuple(timedelta(minutes=minutes) for minutes in (15, 31, 41, 60, 120, 360, 1440, 1480))  # after it was made
PATIENCE = timedelta(hours=1)  # how long a gateway that does not answer keeps an order from expiring

_State = PaymentAttempt.State
UNFINISHED = (_State.CREATED, _State.OPEN)


def ask(attempt: PaymentAttempt) -> PaymentState:
    """What the gateway says of an attempt. Raises GatewayError."""
    account = attempt.account
    state = provider_of(account).query(opened(account), reference=attempt.number, provider_ref=attempt.provider_ref)
    if state.provider_ref and not attempt.provider_ref:
        attempt.provider_ref = state.provider_ref[:200]
        PaymentAttempt.objects.filter(pk=attempt.pk).update(provider_ref=attempt.provider_ref)
    return state


def take_in(attempt: PaymentAttempt) -> PaymentState:
    """Ask, and do what follows from the answer. Raises GatewayError."""
    state = ask(attempt)
    if state.status is PaymentStatus.PAID and not attempt.payments.exists():
        settle(attempt, _received(attempt, state))
    elif state.status is PaymentStatus.CLOSED:
        close_attempt(attempt, _State.CLOSED)
    return state


def _received(attempt: PaymentAttempt, state: PaymentState) -> Received:
    """What was paid, as the gateway says. Raises GatewayRefused where it does not say how much."""
    if state.amount is None:
        raise GatewayRefused("The gateway says that this was paid, but not how much.")
    return Received(state.txn_id or unnamed(attempt), state.amount, state.paid_at or database_now())


def close_attempt(attempt: PaymentAttempt, ended: PaymentAttempt.State) -> bool:
    """An attempt that will not be paid; the order is not touched. False when it has ended otherwise."""
    unfinished = PaymentAttempt.objects.filter(pk=attempt.pk, state__in=UNFINISHED)
    return bool(unfinished.update(state=ended, next_poll_at=None))


# ── Polling ──────────────────────────────────────────────────────────────────


def poll_due(limit: int = 100) -> None:
    """Ask for every attempt whose time has come."""
    due = PaymentAttempt.objects.filter(next_poll_at__lte=database_now()).select_related("order", "account")
    for attempt in for_a_turn(due.order_by("next_poll_at")[:limit]):
        poll(attempt)


def poll(attempt: PaymentAttempt) -> None:
    """Ask for one attempt and plan the next time. Of two workers one does it."""
    now = database_now()
    due = PaymentAttempt.objects.filter(pk=attempt.pk, next_poll_at=attempt.next_poll_at)
    if not due.update(next_poll_at=next_poll(attempt.created_at, now), polls=attempt.polls + 1):
        return
    try:
        _poll(attempt)
    except GatewayError as error:
        logger.warning("attempt %s could not be asked for at %s: %s", attempt.number, attempt.account.slug, error)
    except Exception:
        logger.exception("asking for attempt %s failed", attempt.number)


def _poll(attempt: PaymentAttempt) -> None:
    is_wanted = attempt.order.status == Order.Status.PENDING and attempt.expires_at > database_now()
    if is_wanted and attempt.state == _State.CREATED and not attempt.provider_ref:
        with suppress(PayFailed):  # it may know the payment all the same
            set_up(attempt)  # its gateway never answered: the same number again tells what became of it
    can = provider_of(attempt.account).capabilities(opened(attempt.account))
    if not can.query:
        PaymentAttempt.objects.filter(pk=attempt.pk).update(next_poll_at=None)
        return
    state = take_in(attempt)
    if attempt.order.status == Order.Status.CANCELLED and state.status is PaymentStatus.WAITING:
        close_at_gateway(attempt)


def next_poll(created_at: datetime, now: datetime) -> datetime | None:
    """Every few seconds while the buyer waits, then ever more rarely, the last time after the grace."""
    if now - created_at < WATCHED:
        return now + PAUSE
    return next((created_at + after for after in LATER if created_at + after > now), None)


# ── Ends ─────────────────────────────────────────────────────────────────────


def expire_due(limit: int = 100) -> None:
    """End orders that nobody paid in time, after asking once more."""
    now = database_now()
    due = Order.objects.filter(status=Order.Status.PENDING, expires_at__lte=now).order_by("expires_at")
    for order in for_a_turn(due[:limit]):
        try:
            expire(order, now)
        except Exception:
            logger.exception("order %s could not be ended", order.number)


def expire(order: Order, now: datetime) -> bool:
    """End one order; False when it was paid after all, or its gateway has to be asked again first."""
    unfinished = list(order.attempts.filter(state__in=UNFINISHED).select_related("order", "account"))
    for attempt in unfinished:
        if not _is_unpaid(attempt) and now < order.expires_at + PATIENCE:
            return False
    for attempt in unfinished:
        close_at_gateway(attempt)
        ended = PaymentAttempt.objects.filter(pk=attempt.pk, state__in=UNFINISHED)
        ended.update(state=_State.EXPIRED, next_poll_at=next_poll(attempt.created_at, now))
    return _end(order)


@transaction.atomic
def _end(order: Order) -> bool:
    if not move(order, start=[Order.Status.PENDING], to=Order.Status.EXPIRED, what="expired"):
        return False
    coupons.release(order)
    return True


def _is_unpaid(attempt: PaymentAttempt) -> bool:
    """Whether the gateway says so, or cannot be asked at all."""
    if not provider_of(attempt.account).capabilities(opened(attempt.account)).query:
        return True
    try:
        return take_in(attempt).status is not PaymentStatus.PAID
    except GatewayError as error:
        logger.warning("attempt %s could not be asked for before its end: %s", attempt.number, error)
        return False


def close_at_gateway(attempt: PaymentAttempt) -> None:
    """Ask the gateway to take no payment any more, where it can; should it take one, it is honoured or reviewed."""
    provider, account = provider_of(attempt.account), opened(attempt.account)
    if not provider.capabilities(account).close:
        return
    try:
        provider.close(account, reference=attempt.number, provider_ref=attempt.provider_ref)
    except GatewayError as error:
        logger.warning("attempt %s could not be closed at %s: %s", attempt.number, attempt.account.slug, error)
