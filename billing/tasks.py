"""Background work of billing; `config/celery.py` says when."""

import logging

from celery import shared_task
from django.utils import timezone

from billing import lots, low_balance, proof, rollups

logger = logging.getLogger("tollbooth.ledger")


@shared_task(name="billing.roll_up_usage")
def roll_up_usage() -> None:
    """Sum up the hours that are over and settled."""
    rollups.roll_up_usage(now=timezone.now())


@shared_task(name="billing.sweep_open_usage")
def sweep_open_usage() -> None:
    """Settle requests whose serving process died."""
    lots.sweep_expired()


@shared_task(name="billing.check_books")
def check_books() -> None:
    """Prove the books and report what disagrees."""
    for violation in proof.check_books():
        logger.error("the books disagree: %s", violation)


@shared_task(name="billing.tell_low_balances")
def tell_low_balances() -> None:
    """Mail those whose balance fell below what they had set."""
    low_balance.send_notices()
