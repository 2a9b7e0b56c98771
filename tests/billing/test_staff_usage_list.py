"""The staff's list of usage, by model: all calls are found, those of a rare model without reading the others."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.models import UsageRecord
from billing.rollups import roll_up_usage
from tests.billing.usage_rows import make_records, minutes_before
from tests.factories import make_token

pytestmark = [pytest.mark.django_db]


@pytest.mark.parametrize(("most", "looks_everywhere"), [(64, False), (1, True)], ids=["rare", "frequent"])
def test_all_calls_of_a_model_are_listed(carol, alice, bob, client_of, monkeypatch, most, looks_everywhere):
    monkeypatch.setattr("billing.totals._MOST_STRETCHES", most)
    now = timezone.now()
    for owner in (alice, bob):
        make_records(make_token(owner), minutes_before(now, 6, step=59))
    rare = make_records(make_token(alice), minutes_before(now - timedelta(days=3), 4, step=61), model="rare")
    rare += make_records(make_token(bob), minutes_before(now, 2, step=1), model="rare")
    roll_up_usage(now=now)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        page = client_of(carol).get("/admin/billing/usagerecord/?model=rare")
    assert {row.pk for row in page.context["cl"].result_list} == {row.pk for row in rare}
    assert UsageRecord.objects.count() > len(rare)
    (listed,) = [each["sql"] for each in asked if each["sql"].startswith('SELECT "billing_usagerecord"."id"')]
    assert ('"created_at" >=' not in listed) == looks_everywhere
