"""All that happened to one order in one list: its own history, attempts, payments, refunds, messages, the delivery."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from django.db.models import Model, Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from orders.fiat import format_fiat
from orders.models import Delivery, Order, OrderEvent, Payment, PaymentAttempt, Refund, WebhookEvent
from orders.notes import in_words
from orders.providers.base import EventKind

MESSAGES_SHOWN = 100

WHAT = {
    "created": gettext_noop("Ordered"),
    "paid": gettext_noop("Paid"),
    "credited": gettext_noop("Credited"),
    "delivered": gettext_noop("Delivered"),
    "cancelled": gettext_noop("Cancelled"),
    "expired": gettext_noop("Expired"),
    "review": gettext_noop("Sent to review"),
    "accepted": gettext_noop("Accepted from review"),
    "paid again": gettext_noop("Paid again"),
    "unexpected payment": gettext_noop("Unexpected payment"),
    "received by hand": gettext_noop("Marked as received"),
    "verified": gettext_noop("Gateway asked"),
    "refund": gettext_noop("Refund started"),
    "refund of another payment": gettext_noop("Refund of another payment started"),
    "refunded": gettext_noop("Refunded"),
    "refund failed": gettext_noop("Refund failed"),
    "key disabled": gettext_noop("Key disabled"),
    "key enabled": gettext_noop("Key enabled"),
    "key shown by link": gettext_noop("Key shown by link"),
    "key shown on the pay page": gettext_noop("Key shown on the pay page"),
    "mail sent again": gettext_noop("Mail sent again"),
    "gateway failed": gettext_noop("Gateway failed"),
}
MESSAGES = {
    EventKind.PAID: gettext_noop("Message: paid"),
    EventKind.WAITING: gettext_noop("Message: waiting"),
    EventKind.FAILED: gettext_noop("Message: failed"),
    EventKind.EXPIRED: gettext_noop("Message: expired"),
    EventKind.REFUNDED: gettext_noop("Message: refunded"),
    EventKind.REFUND_FAILED: gettext_noop("Message: refund failed"),
    EventKind.DISPUTE_OPENED: gettext_noop("Message: dispute opened"),
    EventKind.DISPUTE_WON: gettext_noop("Message: dispute won"),
    EventKind.DISPUTE_LOST: gettext_noop("Message: dispute lost"),
    EventKind.OTHER: gettext_noop("Message: other"),
}
TONES = {
    PaymentAttempt: {"open": "info", "created": "info", "succeeded": "success", "failed": "danger"},
    Payment: {"accepted": "success", "overpaid": "warning", "mismatch": "warning", "late": "warning"},
    Refund: {"requested": "info", "pending": "info", "succeeded": "success", "failed": "danger"},
    WebhookEvent: {"new": "info", "done": "success", "orphan": "danger", "review": "danger"},
    Delivery: {"waiting": "info", "sent": "success", "failed": "danger"},
}
_ICONS = {
    OrderEvent: "history",
    PaymentAttempt: "shopping_cart_checkout",
    Payment: "payments",
    Refund: "undo",
    WebhookEvent: "webhook",
    Delivery: "mail",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `state` is how its row stands now, `tone` how alarming that is, `row` what it can be opened as."""

    at: datetime
    icon: str
    title: str
    detail: str = ""
    state: str | Promise = ""
    tone: str = ""
    by: str = ""
    row: Model | None = None


def timeline(order: Order) -> list[Entry]:
    """Oldest first; of the messages at most the newest MESSAGES_SHOWN. Six statements, however much happened."""
    attempts = list(order.attempts.select_related("account"))
    payments = list(order.payments.select_related("account"))
    entries = chain(
        map(_history, order.events.select_related("actor")),
        map(_attempt, attempts),
        map(_payment, payments),
        map(_refund, order.refunds.select_related("actor")),
        map(_message, _messages_about(attempts, payments)),
        _delivery(order),
    )
    return sorted(entries, key=lambda entry: entry.at)


def _messages_about(attempts: list[PaymentAttempt], payments: list[Payment]) -> "list[WebhookEvent]":
    """Each message names the attempt by our number or the gateway's, or the transaction alone."""
    named = Q(reference__in=[attempt.number for attempt in attempts])
    if refs := [attempt.provider_ref for attempt in attempts if attempt.provider_ref]:
        named |= Q(provider_ref__in=refs)
    if transactions := [payment.txn_id for payment in payments]:
        named |= Q(txn_id__in=transactions)
    accounts = {attempt.account_id for attempt in attempts}
    if not accounts:
        return []
    messages = WebhookEvent.objects.filter(named, account_id__in=accounts).select_related("account")
    return list(messages.order_by("-pk")[:MESSAGES_SHOWN])


# ── Lines ────────────────────────────────────────────────────────────────────


def _entry(row: Any, at: datetime, title: str, *details: object, by: str = "", opens: bool = True) -> Entry:
    return Entry(
        at=at,
        icon=_ICONS[type(row)],
        title=title,
        detail=" · ".join(str(detail) for detail in details if detail),
        state=row.get_state_display() if hasattr(row, "state") else "",
        tone=TONES.get(type(row), {}).get(getattr(row, "state", ""), ""),
        by=by,
        row=row if opens else None,
    )


def _history(event: OrderEvent) -> Entry:
    title = _(WHAT[event.what]) if event.what in WHAT else event.what
    return _entry(event, event.created_at, title, in_words(event.note), by=str(event.actor or ""), opens=False)


def _attempt(attempt: PaymentAttempt) -> Entry:
    title = _("Payment started with %(account)s") % {"account": attempt.account}
    amount = format_fiat(attempt.amount_minor, attempt.currency)
    return _entry(attempt, attempt.created_at, title, amount, attempt.number, attempt.error, opens=False)


def _payment(payment: Payment) -> Entry:
    title = _("Money arrived at %(account)s") % {"account": payment.account}
    amount = format_fiat(payment.amount_minor, payment.currency)
    return _entry(payment, payment.created_at, title, amount, payment.txn_id)


def _refund(refund: Refund) -> Entry:
    title = _("Dispute") if refund.is_dispute else _("Refund")
    how = _("by hand") if refund.is_by_hand else ""
    amount = format_fiat(refund.amount_minor, refund.currency)
    details = (amount, how, in_words(refund.reason), refund.refund_ref, in_words(refund.error))
    return _entry(refund, refund.created_at, title, *details, by=str(refund.actor or ""))


def _message(event: WebhookEvent) -> Entry:
    title = _(MESSAGES[EventKind(event.kind)]) if event.kind in MESSAGES else event.kind
    amount = format_fiat(event.amount_minor, event.currency) if event.amount_minor is not None else ""
    return _entry(event, event.received_at, title, event.account, amount, in_words(event.note))


def _delivery(order: Order) -> Iterator[Entry]:
    delivery = Delivery.objects.filter(order=order).first()
    if delivery is None:
        return
    title = _("Key made") if delivery.token_id else _("Receipt made")
    yield _entry(delivery, delivery.created_at, title, delivery.last_error, opens=False)
    if delivery.sent_at is not None:
        sent = _("Mail sent to %(email)s") % {"email": order.contact_email}
        yield Entry(delivery.sent_at, _ICONS[Delivery], sent)
