"""Background work of the relay; `config/celery.py` says when."""

from celery import shared_task
from django.utils import timezone

from relay import model_hours, recovery


@shared_task(name="relay.recover_keys")
def recover_keys() -> None:
    """Try keys that an upstream refused, and enable those that work again."""
    recovery.recover_keys()


@shared_task(name="relay.tell_staff")
def tell_staff() -> None:
    """Mail the staff about keys that were disabled."""
    recovery.tell_staff()


@shared_task(name="relay.note_model_hours")
def note_model_hours() -> None:
    """Note how each model answered, for the status page."""
    model_hours.note_model_hours(now=timezone.now())
