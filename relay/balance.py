"""What a key may still spend, in the shapes that existing clients ask for: OpenAI's old dashboard and the field's own.

A key with a quota of its own tells of that, any other of its account. Expired and disabled keys are refused like
everywhere; one whose money is used up is not. Holds of running calls are not spent yet.
"""

from abc import ABC, abstractmethod
from typing import Any

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from billing.credit import Credit, credit_of
from config.kernel.money import decimal_usd, nano_to_quota
from relay.authentication import read_soon
from relay.dialects.base import JSON
from relay.runtime import current
from relay.v1 import RelayView
from tokens.selectors import TokenSnapshot


class BalanceView(RelayView, ABC):
    """Reads the money, fresh, and says it in one shape."""

    async def get(self, request: HttpRequest, caller: TokenSnapshot) -> HttpResponse:
        credit = await read_soon(current(), credit_of, caller.id, refusal="The balance cannot be read for a moment.")
        return HttpResponse(orjson.dumps(self.body(caller, credit)), content_type=JSON)

    @abstractmethod
    def body(self, caller: TokenSnapshot, credit: Credit) -> dict[str, Any]:
        """The answer."""


class Subscription(BalanceView):
    """`GET /dashboard/billing/subscription`: dollars; the limit is what was spent and what is left together."""

    def body(self, caller: TokenSnapshot, credit: Credit) -> dict[str, Any]:
        limit = _dollars(credit.total)
        return {
            "object": "billing_subscription",
            "has_payment_method": True,
            "soft_limit_usd": limit,
            "hard_limit_usd": limit,
            "system_hard_limit_usd": limit,
            "access_until": _until(caller),
        }


class BillingUsage(BalanceView):
    """`GET /dashboard/billing/usage`: all that was ever spent, in cents; the dates that clients send change nothing."""

    def body(self, caller: TokenSnapshot, credit: Credit) -> dict[str, Any]:
        return {"object": "list", "total_usage": _dollars(credit.spent * 100)}


class KeyUsage(BalanceView):
    """`GET /api/usage/token`: the same in quota, `QUOTA_PER_USD` of which are a dollar, and what limits the key."""

    def body(self, caller: TokenSnapshot, credit: Credit) -> dict[str, Any]:
        granted, left = _quota(credit.total), _quota(credit.left)
        data = {
            "object": "token_usage",
            "name": caller.name,
            "total_granted": granted,
            "total_used": granted - left,
            "total_available": left,
            "unlimited_quota": not credit.is_of_key,
            "model_limits": dict.fromkeys(sorted(caller.models_allowed), True),
            "model_limits_enabled": bool(caller.models_allowed),
            "expires_at": _until(caller),
        }
        return {"code": True, "message": "ok", "data": data}


def _dollars(nano: int) -> orjson.Fragment:
    """A JSON number with every digit."""
    return orjson.Fragment(decimal_usd(nano))


def _quota(nano: int) -> int:
    return nano_to_quota(nano, quota_per_usd=settings.QUOTA_PER_USD)


def _until(caller: TokenSnapshot) -> int:
    """Unix seconds; 0 for a key that never expires."""
    return int(caller.expires_at.timestamp()) if caller.expires_at is not None else 0
