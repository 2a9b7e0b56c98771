"""Background work of billing; `config/celery.py` says when."""

from celery import shared_task
from django.utils import timezone

from billing import lots, rollups


@shared_task(name="billing.roll_up_usage")
def roll_up_usage() -> None:
    """Sum up the hours that are over and settled."""
    rollups.roll_up_usage(now=timezone.now())


@shared_task(name="billing.sweep_open_usage")
def sweep_open_usage() -> None:
    """Settle requests whose serving process died."""
    lots.sweep_expired()
