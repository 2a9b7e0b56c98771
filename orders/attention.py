"""What waits for a person: orders in review, money that belongs to no order, mails that failed, messages left over."""

from datetime import timedelta
from functools import cache

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from billing.prepared import Statement, prepare
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


def leftover_messages() -> "QuerySet[WebhookEvent]":
    """Gateway messages that a person has to look at: in review, about no order, or waiting for too long.

    Not those whose payment is on record: it is the payment that waits, until it is accepted or given back.
    """
    late = Q(state=WebhookEvent.State.NEW, received_at__lt=Now() - STALE)
    on_record = Payment.objects.filter(account=OuterRef("account"), txn_id=OuterRef("txn_id"))
    in_review = Q(state=WebhookEvent.State.REVIEW) & ~(Q(kind=EventKind.PAID) & Exists(on_record))
    return WebhookEvent.objects.filter(Q(state=WebhookEvent.State.ORPHAN) | late | in_review)


def _with_leftovers() -> "QuerySet[PaymentAttempt]":
    return PaymentAttempt.objects.filter(number__in=leftover_messages().exclude(reference="").values("reference"))


def orders_with(name: str, orders: "QuerySet[Order]") -> "QuerySet[Order]":
    """Of these orders, those that wait for a person for the reason of that name, one of REASONS; "any" for each."""
    return orders.filter(_where(name))


def _where(name: str) -> Q:
    mine = OuterRef("pk")
    match name:
        case "review":
            return Q(status=Order.Status.REVIEW)
        case "overpaid":
            return Q(Exists(overpaid().filter(order=mine)))
        case "mail":
            return Q(Exists(undelivered().filter(order=mine)))
        case "messages":
            return Q(Exists(_with_leftovers().filter(order=mine)))
        case _:
            return _any()


def _any() -> Q:
    """By the rows that are at fault, which are few, and not by asking each order."""
    return (
        Q(status=Order.Status.REVIEW)
        | Q(pk__in=overpaid().values("order"))
        | Q(pk__in=undelivered().values("order"))
        | Q(pk__in=_with_leftovers().values("order"))
    )


@cache
def _waiting_orders() -> Statement:
    return prepare(Order.objects.filter(_any()).order_by().values_list("pk")[:COUNTED])


@cache
def _waiting_messages() -> Statement:
    return prepare(leftover_messages().order_by().values_list("pk")[:COUNTED])


def waiting_orders() -> int:
    """How many orders wait for a person, COUNTED at most. Every page of the staff admin asks."""
    return len(_waiting_orders().rows({}))


def waiting_messages() -> int:
    """How many gateway messages wait for a person, COUNTED at most."""
    return len(_waiting_messages().rows({}))
