"""The one way an order's status changes, and its history."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from orders.models import Order, OrderEvent
from orders.states import may_move


@transaction.atomic
def move(
    order: Order,
    *,
    start: Iterable[str],
    to: Order.Status,
    what: str,
    note: str = "",
    actor_id: int | None = None,
    **columns: Any,
) -> bool:
    """Move the order from one of `start` to `to` and write it down; False when it was in none of them.

    The UPDATE decides a race: of two who move the same order from the same status one gets True.
    """
    for status in start:
        if not may_move(status, to):
            raise ValueError(f"an order does not go from {status} to {to}")
        if Order.objects.filter(pk=order.pk, status=status).update(status=to, **columns):
            _remember(order, status=to, **columns)
            record(order, what, from_status=status, to_status=to, note=note, actor_id=actor_id)
            return True
    return False


def record(
    order: Order, what: str, *, note: str = "", actor_id: int | None = None, from_status: str = "", to_status: str = ""
) -> None:
    """Write down what happened, for whoever asks later."""
    OrderEvent.objects.create(
        order=order,
        what=what,
        from_status=from_status,
        to_status=to_status,
        note=note[:300],
        actor_id=actor_id,
    )


def _remember(order: Order, **columns: Any) -> None:
    for name, value in columns.items():
        setattr(order, name, value)
