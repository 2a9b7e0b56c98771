"""Credit to try the product with."""

from django.conf import settings
from django.utils.translation import gettext_noop

from billing import ledger
from billing.models import LedgerEntry
from config.kernel.money import usd


def grant_credit(*, user_id: int) -> bool:
    """TRIAL_CREDIT_USD, once a user however often it is called; False when there was nothing to grant."""
    amount = usd(settings.TRIAL_CREDIT_USD)
    if amount <= 0:
        return False
    return ledger.post_entry(
        user_id=user_id,
        amount=amount,
        kind=LedgerEntry.Kind.GRANT,
        idempotency_key=f"trial:{user_id}",
        reason=gettext_noop("Trial credit"),
    )
