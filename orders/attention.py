"""What waits for a person: orders in review, money that belongs to no order, mails that failed, messages left over."""

from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from orders.clock import database_now
from orders.models import Delivery, Order, Payment, PaymentAttempt, WebhookEvent
from orders.providers.base import EventKind

STALE = timedelta(hours=1)  # by then a message has been worked on, unless something is wrong
COUNTED = 100  # more of a kind are not told apart


def overpaid() -> "QuerySet[Payment]":
    """Payments that no order was credited for and that were not given back."""
    return Payment.objects.exclude(state=Payment.State.ACCEPTED).filter(refunded_minor__lt=F("amount_minor"))


def undelivered() -> "QuerySet[Delivery]":
    """Messages to buyers that could not be sent."""
    return Delivery.objects.exclude(state=Delivery.State.SENT).filter(state=Delivery.State.FAILED)


def leftover_messages(now: datetime) -> "QuerySet[WebhookEvent]":
    """Gateway messages that a person has to look at: in review, about no order, or waiting for too long.

    Not those whose payment is on record: it is the payment that waits, until it is accepted or given back.
    """
    late = Q(state=WebhookEvent.State.NEW, received_at__lt=now - STALE)
    on_record = Payment.objects.filter(account=OuterRef("account"), txn_id=OuterRef("txn_id"))
    in_review = Q(state=WebhookEvent.State.REVIEW) & ~(Q(kind=EventKind.PAID) & Exists(on_record))
    return WebhookEvent.objects.filter(Q(state=WebhookEvent.State.ORPHAN) | late | in_review)


def _with_leftovers(now: datetime) -> "QuerySet[PaymentAttempt]":
    return PaymentAttempt.objects.filter(number__in=leftover_messages(now).exclude(reference="").values("reference"))


def orders_with(name: str, orders: "QuerySet[Order]", now: datetime) -> "QuerySet[Order]":
    """Of these orders, those that wait for a person for the reason of that name, one of REASONS; "any" for each."""
    return orders.filter(_where(name, now))


def _where(name: str, now: datetime) -> Q:
    mine = OuterRef("pk")
    match name:
        case "review":
            return Q(status=Order.Status.REVIEW)
        case "overpaid":
            return Q(Exists(overpaid().filter(order=mine)))
        case "mail":
            return Q(Exists(undelivered().filter(order=mine)))
        case "messages":
            return Q(Exists(_with_leftovers(now).filter(order=mine)))
        case _:
            return _any(now)


def _any(now: datetime) -> Q:
    """By the rows that are at fault, which are few, and not by asking each order."""
    return (
        Q(status=Order.Status.REVIEW)
        | Q(pk__in=overpaid().values("order"))
        | Q(pk__in=undelivered().values("order"))
        | Q(pk__in=_with_leftovers(now).values("order"))
    )


def waiting_orders() -> int:
    """How many orders wait for a person, COUNTED at most."""
    return len(Order.objects.filter(_any(database_now())).values_list("pk")[:COUNTED])


def waiting_messages() -> int:
    """How many gateway messages wait for a person, COUNTED at most."""
    return len(leftover_messages(database_now()).values_list("pk")[:COUNTED])
