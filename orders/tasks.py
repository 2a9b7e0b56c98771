"""Background work of selling; `config/celery.py` says when. Each may run twice or late, and finds what is to do."""

from celery import shared_task

from billing.debts import collect_debts
from orders import delivering
from orders.models import Delivery
from orders.payments import polling, processing, refunding, statements
from orders.payments.pacing import for_a_turn


@shared_task(name="orders.process_event")
def process_event(event_id: int) -> None:
    """Finish one report of a gateway."""
    processing.process_event(event_id)


@shared_task(name="orders.sweep_events")
def sweep_events() -> None:
    """Finish what a worker or a broker lost, and what waits for its next try."""
    for event_id in for_a_turn(processing.due_events()):
        processing.process_event(event_id)


@shared_task(name="orders.poll_payments")
def poll_payments() -> None:
    """Ask gateways for open attempts."""
    polling.poll_due()


@shared_task(name="orders.expire_orders")
def expire_orders() -> None:
    """End what nobody paid."""
    polling.expire_due()


@shared_task(name="orders.deliver")
def deliver(order_id: int) -> None:
    """Send the message about one order."""
    for delivery in Delivery.objects.filter(order_id=order_id).select_related("order", "token"):
        delivering.deliver(delivery)


@shared_task(name="orders.retry_deliveries")
def retry_deliveries() -> None:
    """Send what is waiting; forget keys that nobody came for."""
    delivering.deliver_due()
    delivering.forget_keys()


@shared_task(name="orders.submit_refunds")
def submit_refunds() -> None:
    """Ask gateways for refunds that are not finished; collect what is owed."""
    refunding.submit_due()
    collect_debts()


@shared_task(name="orders.reconcile")
def reconcile() -> None:
    """Hold yesterday's payments against what the gateways say."""
    statements.reconcile_yesterday()
