"""`/api/quota`: what a key has, and what it was used for, told to whoever has the key."""

import re
from datetime import UTC
from time import monotonic
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.models import UsageRecord
from billing.usage_log import key_log
from config.api import ok
from config.api_fields import WholeNumber
from config.openapi import documented
from orders.api.top_up import KeyInput, KeyView, in_quota

MOST = 200
USUAL = 50
_TAG = _("Quota")
_INVALID = (400, "INVALID_KEY")
_LOG_ID = re.compile("log_([0-9a-f]{32})")


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL})
class Limit(WholeNumber):
    """How many entries."""

    default_error_messages = {"range": _("This has to be a number from 1 to {max}.")}

    def to_internal_value(self, data: Any) -> int:
        count = super().to_internal_value(data)
        if not 1 <= count <= MOST:
            self.fail("range", max=MOST)
        return count


@extend_schema_field(OpenApiTypes.STR)
class LogId(serializers.Field[UUID, Any, str, Any]):
    """The id of an entry, `log_…`."""

    default_error_messages = {"invalid": _("This has to be the id of a log entry.")}

    def to_internal_value(self, data: Any) -> UUID:
        match = _LOG_ID.fullmatch(data) if isinstance(data, str) else None
        if match is None:
            self.fail("invalid")
        return UUID(match[1])


class LogInput(KeyInput):
    """Whose log, how much of it, and before which entry; without one, the newest."""

    limit = Limit(default=USUAL)
    before = LogId(default=None)


class Quota(serializers.Serializer[Any]):
    """The key by name, and its quota; of a key without a quota of its own, the account's."""

    tokenName = serializers.CharField()
    totalTokens = serializers.IntegerField()
    usedTokens = serializers.IntegerField()
    remainingTokens = serializers.IntegerField()
    responseTimeMs = serializers.IntegerField()


class LogEntry(serializers.Serializer[Any]):
    """One request. Counts and times that nobody knows are 0."""

    id = serializers.CharField()
    modelName = serializers.CharField()
    quota = serializers.IntegerField()
    hasCacheHit = serializers.BooleanField()
    promptTokens = serializers.IntegerField()
    completionTokens = serializers.IntegerField()
    responseTimeMs = serializers.IntegerField()
    createdAt = serializers.DateTimeField()


class Log(serializers.Serializer[Any]):
    """Entries newest first; `total` is how many the key has, `truncated` that older ones follow."""

    items = LogEntry(many=True)
    total = serializers.IntegerField()
    truncated = serializers.BooleanField()


class QuotaQuery(KeyView):
    """What a key has left."""

    @documented(
        name="quota_query",
        tag=_TAG,
        summary=_("See what a key has left"),
        request=KeyInput,
        answer={"data": Quota()},
        failures=[_INVALID],
    )
    def post(self, request: Request) -> Response:
        body, start = self.body(KeyInput), monotonic()
        found = self.account(body["key"])
        total, left = in_quota(found.credit.total), in_quota(found.credit.left)
        return ok(
            data={
                "tokenName": found.token.name,
                "totalTokens": total,
                "usedTokens": total - left,
                "remainingTokens": left,
                "responseTimeMs": round((monotonic() - start) * 1000),
            }
        )


class QuotaLogs(KeyView):
    """What a key was used for."""

    @documented(
        name="quota_logs",
        tag=_TAG,
        summary=_("Read the log of a key"),
        request=LogInput,
        answer={"data": Log()},
        failures=[_INVALID],
    )
    def post(self, request: Request) -> Response:
        body = self.body(LogInput)
        token = self.account(body["key"]).token
        log = key_log(token, limit=body["limit"], older_than=body["before"])
        entries = [_entry(record) for record in log.records]
        return ok(data={"items": entries, "total": log.total, "truncated": log.is_truncated})


def _entry(record: UsageRecord) -> dict[str, Any]:
    return {
        "id": f"log_{record.pk.hex}",
        "modelName": record.model,
        "quota": in_quota(record.charge),
        "hasCacheHit": bool(record.cache_read_tokens),
        "promptTokens": record.usage.prompt_total,
        "completionTokens": record.usage.completion_total,
        "responseTimeMs": record.total_ms or 0,
        "createdAt": record.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }
