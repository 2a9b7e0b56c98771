"""The usage log and the ledger of all customers: found by request id or e-mail, never counted, never changed."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.billing.usage_rows import make_record, make_records
from tests.factories import give, make_price, make_token
from tests.pages.admin_rows import list_url, page_url

NAME = "billing_usagerecord"


@pytest.fixture
def staff(carol, client_of):
    return client_of(carol)


@pytest.fixture
def tokens(alice, bob):
    return make_token(alice, name="hers"), make_token(bob, name="his")


def shown(staff, query=""):
    """The ids of the listed records."""
    return [record.pk for record in staff.get(list_url(NAME, query)).context["cl"].result_list]


def test_newest_first(staff, tokens):
    now = timezone.now()
    rows = make_records(tokens[0], [now - timedelta(minutes=minutes) for minutes in (3, 1, 2)])
    assert shown(staff) == [rows[1].pk, rows[2].pk, rows[0].pk]


def test_a_request_id_finds_its_record_and_an_e_mail_its_owners(staff, tokens):
    hers, his = make_record(tokens[0]), make_record(tokens[1])
    assert shown(staff, f"?q={hers.pk}") == [hers.pk]
    assert shown(staff, f"?q={hers.pk.hex.upper()}") == [hers.pk]
    assert shown(staff, "?q=bob@") == [his.pk]
    assert shown(staff, "?q=nobody") == []


def test_filters(staff, tokens):
    make_price("other-model")
    now = timezone.now()
    settled = make_record(tokens[0], at=now - timedelta(minutes=5))
    failed = make_record(tokens[0], at=now - timedelta(minutes=6), status="failed")
    other = make_record(tokens[0], at=now - timedelta(days=2), model="other-model")
    assert shown(staff, "?status__exact=failed") == [failed.pk]
    assert shown(staff, "?model=other-model") == [other.pk]
    assert shown(staff, "?within=1") == [settled.pk, failed.pk]
    assert shown(staff, "?within=168") == [settled.pk, failed.pk, other.pk]
    assert shown(staff, "?within=nonsense") == [settled.pk, failed.pk, other.pk]


@pytest.mark.parametrize("name", [NAME, "billing_ledgerentry", "billing_usagerollup"])
def test_an_endless_table_is_never_counted_and_statements_do_not_grow(staff, tokens, name):
    make_records(tokens[0], [timezone.now() - timedelta(minutes=minute) for minute in range(30)])
    for _ in range(10):
        give(tokens[0].user, "1")
    with CaptureQueriesContext(
        connection,
    ) as statements:
        assert staff.get(list_url(name, "?_facets=True")).status_code == 200
    assert len(statements) < 12
    assert not [one["sql"] for one in statements if "COUNT(" in one["sql"].upper() and name in one["sql"]]


def test_a_second_page_goes_on_where_the_first_ended(staff, tokens):
    now = timezone.now()
    rows = make_records(tokens[0], [now - timedelta(minutes=minute) for minute in range(40)])
    assert shown(staff) + shown(staff, "?p=2") == [row.pk for row in rows]


def test_a_record_explains_its_charge(staff, tokens):
    record = make_record(tokens[0], ratio_ppm=280_000)
    html = staff.get(page_url(NAME, record)).content.decode()
    assert "input $1.00" in html
    assert "× 0.28x" in html
    assert "Charged by the upstream" in html


def test_the_ledger_is_found_by_e_mail(staff, alice, bob):
    give(alice, "3.21")
    give(bob, "6.54")
    html = staff.get(list_url("billing_ledgerentry", "?q=alice@example.com")).content.decode()
    assert "$3.21" in html
    assert "$6.54" not in html
