"""The database itself refuses to change what was booked, whatever code or person asks it."""

import pytest
from django.db import DatabaseError, connection, transaction

from billing.holds import Settlement
from billing.lots import place_hold, settle
from billing.models import LedgerEntry, UsageRecord
from billing.pricing import Usage
from config.kernel.money import NanoUSD
from tests.factories import make_hold, make_token, make_user

pytestmark = [pytest.mark.money, pytest.mark.django_db]


@pytest.fixture
def booked(append_only_deletes):
    """A ledger entry and a settled usage record."""
    token = make_token(make_user(balance="1"))
    hold = make_hold(token)
    place_hold(hold)
    settle(Settlement(hold.id, "settled", "completed", "reported", Usage(input=1, output=1), NanoUSD(5)))
    return token


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE billing_ledgerentry SET amount = amount + 1",
        "DELETE FROM billing_ledgerentry",
        "UPDATE billing_usagerecord SET charge = 0",
        "UPDATE billing_usagerecord SET status = 'open'",
        "DELETE FROM billing_usagerecord",
    ],
)
def test_plain_sql_is_refused(booked, statement):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert LedgerEntry.objects.count() == 1
    assert UsageRecord.objects.get().charge == 5


def test_an_open_record_may_still_move(booked):
    place_hold(make_hold(booked))
    assert UsageRecord.objects.filter(status="open").update(output_tokens=3) == 1
