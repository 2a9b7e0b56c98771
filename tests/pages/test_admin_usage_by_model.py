"""The staff's list of usage, by model: all calls are found, those of a rare model without reading the others."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.admin import UsageRecordAdmin
from billing.models import UsageRecord
from billing.rollups import roll_up_usage
from tests.billing.usage_rows import make_records, minutes_before
from tests.factories import make_token

pytestmark = [pytest.mark.django_db]
LIST = "/admin/billing/usagerecord/"


@pytest.fixture
def rare(alice, bob):
    """Calls of a rare model in some of the hours that have calls, and after the last hour that is rolled up."""
    now = timezone.now()
    for owner in (alice, bob):
        make_records(make_token(owner), minutes_before(now, 12, step=59))
    made = make_records(make_token(alice), minutes_before(now - timedelta(days=3), 4, step=61), model="rare")
    made += make_records(make_token(alice), minutes_before(now - timedelta(days=2), 2), model="rare", status="failed")
    made += make_records(make_token(bob), minutes_before(now, 3, step=70), model="rare")
    roll_up_usage(now=now)
    return sorted(made, key=lambda row: row.pk, reverse=True)


def listed(page):
    return [row.pk for row in page.context["cl"].result_list]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", lambda row, _bob: True),
        ("&status__exact=settled", lambda row, _bob: row.status == "settled"),
        ("&status__exact=failed", lambda row, _bob: row.status == "failed"),
        ("&user__id__exact={bob.pk}", lambda row, bob: row.user_id == bob.pk),
        ("&q=alice", lambda row, bob: row.user_id != bob.pk),
        ("&p=99999999999999999999", lambda row, _bob: True),
    ],
)
def test_all_calls_of_a_model_are_listed(query, wanted, rare, bob, carol, client_of):
    page = client_of(carol).get(f"{LIST}?model=rare{query.format(bob=bob)}", follow=True)
    if "p=" not in query:
        assert listed(page) == [row.pk for row in rare if wanted(row, bob)]
    assert page.status_code == 200


def test_page_by_page_each_is_met_once(rare, carol, client_of, monkeypatch):
    monkeypatch.setattr(UsageRecordAdmin, "list_per_page", 2)
    pages = [listed(client_of(carol).get(f"{LIST}?model=rare&p={number}")) for number in range(1, 6)]
    assert [each for page in pages for each in page] == [row.pk for row in rare]


def test_hours_without_a_call_of_it_are_not_read(rare, carol, client_of):
    with CaptureQueriesContext(connection) as asked:
        client_of(carol).get(f"{LIST}?model=rare")
    (sql,) = [each["sql"] for each in asked if each["sql"].startswith('SELECT "billing_usagerecord"."id"')]
    assert sql.count('"created_at" >=') > 1
    assert UsageRecord.objects.count() > len(rare)
