"""Prepared statements: built once for any values, with the same values and types as the queryset they were made of."""

from datetime import timedelta

import pytest
from django.db.models import BigIntegerField, CharField, Count, DateTimeField, Sum, UUIDField
from django.db.models.functions import TruncDate

from billing.models import UsageRecord
from billing.prepared import Parameter, prepare
from billing.spans import Span
from billing.totals import BY_MODEL, Scope, _sums_statement, totals_by
from tests.billing.usage_rows import NOW, make_records, minutes_before
from tests.factories import make_token

pytestmark = [pytest.mark.money, pytest.mark.django_db]


def test_a_statement_finds_what_its_queryset_finds_for_any_values(alice, bob):
    for owner, model in ((alice, "small"), (bob, "small"), (bob, "100% 'large'")):
        make_records(make_token(owner), minutes_before(NOW, 3), model=model)

    def rows(**given):
        found = UsageRecord.objects.filter(
            user_id=given["user"], model=given["model"], id__lte=given["last"], created_at__gte=given["since"]
        )
        found = found.annotate(day=TruncDate("created_at")).values("day", "id").order_by("id")
        return found.annotate(charge=Sum("charge"), calls=Count("id")).values_list("day", "id", "charge", "calls")

    types = {"user": BigIntegerField(), "model": CharField(), "last": UUIDField(), "since": DateTimeField()}
    statement = prepare(rows(**{name: Parameter(name, field) for name, field in types.items()}))
    last, since = UsageRecord.objects.latest("id").pk, NOW - timedelta(minutes=150)
    for owner, model in ((alice, "small"), (bob, "small"), (bob, "100% 'large'"), (alice, "never")):
        values = {"user": owner.pk, "model": model, "last": last, "since": since}
        assert statement.rows(values) == list(rows(**values))


def test_sums_of_other_people_and_times_are_no_other_statement(alice, bob):
    _sums_statement.cache_clear()
    scopes = [Scope(owner.pk, model=model) for owner in (alice, bob) for model in ("small", "large")]
    totals_by(scopes[0], Span(NOW - timedelta(days=1), NOW), BY_MODEL, mark=NOW)
    for days, scope in enumerate(scopes, start=2):
        totals_by(scope, Span(NOW - timedelta(days=days), NOW), BY_MODEL, mark=NOW)
    assert _sums_statement.cache_info().misses == 1
    totals_by(scopes[0], Span(NOW - timedelta(days=1), NOW), mark=NOW)
    assert _sums_statement.cache_info().misses == 2
