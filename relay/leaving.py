"""Callers who leave before a word of the answer. That is free, but not for a key that does it again and again.

By then an upstream has read the prompt, and most charge for that.
"""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from billing.models import UsageRecord
from config.kernel.ids import first_uuid7_of

LOOK_BACK = timedelta(hours=1)
CALLS_PER_LEAVE = 20  # one in twenty
UNANSWERED = (UsageRecord.Rule.NOTHING, UsageRecord.Rule.PROMPT)


def leaves_too_often(token_id: int) -> bool:
    """Whether a key has used up its free leaves: so many within the hour that are also one in twenty of its calls."""
    calls = UsageRecord.objects.filter(token_id=token_id, id__gte=first_uuid7_of(timezone.now() - LOOK_BACK))
    ends = calls.order_by("-id").values_list("end_reason", "rule")
    left = [
        rule in UNANSWERED and reason == UsageRecord.EndReason.CLIENT_GONE
        for reason, rule in ends[: settings.RELAY_FREE_LEAVES * CALLS_PER_LEAVE]
    ]
    return bool(sum(left) >= settings.RELAY_FREE_LEAVES)
