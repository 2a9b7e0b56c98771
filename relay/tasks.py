"""Background work of the relay; `config/celery.py` says when."""

from celery import shared_task

from relay import recovery


@shared_task(name="relay.recover_keys")
def recover_keys() -> None:
    """Try keys that an upstream refused, and enable those that work again."""
    recovery.recover_keys()


@shared_task(name="relay.tell_staff")
def tell_staff() -> None:
    """Mail the staff about keys that were disabled."""
    recovery.tell_staff()
