"""Working on what gateways reported. A report is a hint: what it says is checked with the order and, where its
signature is weak, with the gateway itself. Safe to run again at any point, by several workers at once.
"""

import logging
from datetime import timedelta

from orders.clock import database_now
from orders.models import PaymentAttempt, WebhookEvent
from orders.payments.accounts import opened, provider_of
from orders.payments.polling import ask, close_attempt, take_in
from orders.payments.refund_reports import (
    dispute_lost,
    dispute_opened,
    dispute_won,
    refund_failed,
    refunded_by_gateway,
)
from orders.payments.refunding import RefundRefused
from orders.payments.settling import Received, Verdict, settle
from orders.providers.base import EventKind, GatewayError, Money, PaymentState, PaymentStatus

logger = logging.getLogger("tollbooth.payments")

State = WebhookEvent.State
DISBELIEVED_TRIES = 5  # a gateway may need a moment until its own query knows of a payment
ORPHAN_LIFE = timedelta(hours=24)
LONGEST_PAUSE = timedelta(hours=1)


class NotYet(Exception):
    """The event cannot be finished now; the text says why."""


def process_event(event_id: int) -> None:
    """Finish one event, or leave it for a later try. Never raises: one bad event must not stop the others."""
    event = WebhookEvent.objects.select_related("account").get(pk=event_id)
    if event.state not in (State.NEW, State.ORPHAN):
        return
    try:
        state, note = _process(event)
    except NotYet as problem:
        _try_later(event, str(problem), is_last=event.tries + 1 >= DISBELIEVED_TRIES)
    except RefundRefused:
        why = "nothing is left to give back, or another refund is under way"
        _try_later(event, why, is_last=event.tries + 1 >= DISBELIEVED_TRIES)
    except GatewayError as problem:
        _try_later(event, str(problem))  # the gateway may be away for days; the event stays
    except Exception as problem:
        logger.exception("event %s of %s failed", event.pk, event.account.slug)
        _try_later(event, type(problem).__name__)
    else:
        _finish(event, state, note)


def try_again(event_id: int) -> bool:
    """Work on an event that came to nothing as if it were new; False for one that is done: that stays."""
    undone = WebhookEvent.objects.filter(pk=event_id).exclude(state=State.DONE)
    if not undone.update(state=State.NEW, next_try_at=database_now(), done_at=None):
        return False
    process_event(event_id)
    return True


def dismiss(event_id: int, note: str) -> bool:
    """A person says that nothing follows from an event; False for one that is done."""
    undone = WebhookEvent.objects.filter(pk=event_id).exclude(state__in=[State.DONE, State.IGNORED])
    return bool(undone.update(state=State.IGNORED, note=note[:300], done_at=database_now()))


def _process(event: WebhookEvent) -> tuple[State, str]:
    if event.is_live != event.account.is_live:
        logger.error("account %s got an event of the other mode: %s", event.account.slug, event.dedupe_key)
        return State.IGNORED, "live and test mode differ"
    attempt = _attempt_of(event)
    if attempt is None:
        return _without_attempt(event)
    match EventKind(event.kind):
        case EventKind.PAID:
            return _paid(event, attempt)
        case EventKind.FAILED | EventKind.EXPIRED:
            return _not_paid(event, attempt)
        case EventKind.REFUNDED:
            return _refunded(event, attempt)
        case EventKind.REFUND_FAILED:
            return _refund_failed(event, attempt)
        case EventKind.DISPUTE_OPENED | EventKind.DISPUTE_WON | EventKind.DISPUTE_LOST:
            return _disputed(event, attempt)
        case _:
            return State.IGNORED, ""


def _attempt_of(event: WebhookEvent) -> PaymentAttempt | None:
    """By our own number, else by the gateway's or the transaction; of the same account alone."""
    own = PaymentAttempt.objects.filter(account_id=event.account_id).select_related("order", "account")
    if event.reference:
        return own.filter(number=event.reference).first()
    if event.provider_ref and (found := own.filter(provider_ref=event.provider_ref).first()):
        return found
    return own.filter(payments__txn_id=event.txn_id).first() if event.txn_id else None


def _without_attempt(event: WebhookEvent) -> tuple[State, str]:
    if event.reference and PaymentAttempt.objects.filter(number=event.reference).exists():
        logger.error("account %s reported on an order of another account: %s", event.account.slug, event.reference)
        return State.REVIEW, "the order belongs to another account"
    if event.state == State.NEW:
        logger.error("account %s reported on an unknown order: %s", event.account.slug, event.reference)
    return State.ORPHAN, "no such order"


# ── Kinds of events ──────────────────────────────────────────────────────────


def _paid(event: WebhookEvent, attempt: PaymentAttempt) -> tuple[State, str]:
    if event.amount_minor is None or not event.txn_id:
        return State.REVIEW, "no amount or no transaction"
    received = Received(event.txn_id, Money(event.amount_minor, event.currency), event.occurred_at or event.received_at)
    if not provider_of(attempt.account).capabilities(opened(attempt.account)).confirms:
        received = _confirmed(event, attempt, received)
    verdict = settle(attempt, received)
    return (State.REVIEW if verdict is Verdict.REVIEW else State.DONE), verdict


def _confirmed(event: WebhookEvent, attempt: PaymentAttempt, received: Received) -> Received:
    """What the gateway's own query says of the payment, as far as it agrees. Raises NotYet."""
    state = ask(attempt)
    if state.status is not PaymentStatus.PAID:
        raise NotYet(f"reported as paid, but the gateway says {state.status}")
    if state.amount != received.amount:
        said = state.amount.minor if state.amount else PaymentStatus.UNKNOWN
        raise NotYet(f"reported {received.amount.minor}, but the gateway says {said}")
    return received


def _not_paid(event: WebhookEvent, attempt: PaymentAttempt) -> tuple[State, str]:
    ended = PaymentAttempt.State.FAILED if event.kind == EventKind.FAILED else PaymentAttempt.State.EXPIRED
    return State.DONE, "ended" if close_attempt(attempt, ended) else "of no consequence"


def _refunded(event: WebhookEvent, attempt: PaymentAttempt) -> tuple[State, str]:
    """Of a paid order it is a refund made at the gateway; of an unpaid one it may have come before the payment."""
    if attempt.payments.exists():
        amount = Money(event.amount_minor, event.currency) if event.amount_minor is not None else None
        changed = refunded_by_gateway(attempt, amount=amount, refund_ref=event.refund_ref, state=_asked(attempt))
        return State.DONE, "refunded" if changed else "known already"
    state = _asked(attempt)
    if state is not None and state.status in (PaymentStatus.CLOSED, PaymentStatus.UNKNOWN):
        close_attempt(attempt, PaymentAttempt.State.CLOSED)
        return State.DONE, "closed"
    raise NotYet("refunded before it was paid")


def _refund_failed(event: WebhookEvent, attempt: PaymentAttempt) -> tuple[State, str]:
    """The credit returns with it, so where a signature proves little the gateway has to agree. Raises NotYet."""
    can = provider_of(attempt.account).capabilities(opened(attempt.account))
    state = None if can.confirms else _asked(attempt)
    if state is not None and state.status is PaymentStatus.REFUNDED:
        raise NotYet("refund reported as failed, but the gateway says refunded")
    return State.DONE, "undone" if refund_failed(attempt, event.refund_ref) else "no such refund"


def _asked(attempt: PaymentAttempt) -> PaymentState | None:
    can = provider_of(attempt.account).capabilities(opened(attempt.account))
    return take_in(attempt) if can.query else None


def _disputed(event: WebhookEvent, attempt: PaymentAttempt) -> tuple[State, str]:
    if not attempt.payments.exists():
        raise NotYet("disputed before it was paid")
    reference = event.refund_ref or event.txn_id
    if event.kind == EventKind.DISPUTE_OPENED:
        changed = dispute_opened(attempt, reference)
    elif event.kind == EventKind.DISPUTE_WON:
        changed = dispute_won(attempt, reference)
    else:
        changed = dispute_lost(attempt, reference)
    return State.DONE, "applied" if changed else "known already"


# ── Ends ─────────────────────────────────────────────────────────────────────


def _finish(event: WebhookEvent, state: State, note: str) -> None:
    WebhookEvent.objects.filter(pk=event.pk).update(state=state, note=note[:300], done_at=database_now())


def _try_later(event: WebhookEvent, why: str, *, is_last: bool = False) -> None:
    """Again with growing pauses, or to a person."""
    now = database_now()
    pause = min(timedelta(seconds=10 * 3 ** min(event.tries + 1, 8)), LONGEST_PAUSE)
    if is_last:
        logger.error("event %s of %s needs a person: %s", event.pk, event.account.slug, why)
    WebhookEvent.objects.filter(pk=event.pk).update(
        state=State.REVIEW if is_last else State.NEW,
        tries=event.tries + 1,
        note=why[:300],
        next_try_at=now + pause,
        done_at=now if is_last else None,
    )


def due_events(limit: int = 200) -> list[int]:
    """Stored and not finished: what a worker or a broker lost, what waits for its next try, orphans of the last day."""
    now = database_now()
    new = WebhookEvent.objects.filter(state=State.NEW, next_try_at__lte=now)
    orphans = WebhookEvent.objects.filter(state=State.ORPHAN, received_at__gte=now - ORPHAN_LIFE)
    ids = [*new.order_by("next_try_at").values_list("pk", flat=True)[:limit]]
    return [*ids, *orphans.values_list("pk", flat=True)[:limit]]
