"""The seeded database is one the product could have made: its books agree and its rows say when they were made."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Count
from django.utils import timezone

from billing.models import LedgerEntry, UsageRecord, UsageRollup, Wallet
from billing.proof import check_books
from billing.rollups import rolled_until
from config.kernel.ids import uuid7_time
from tests.conftest import run_sql
from tests.load import addresses, pages, seed

pytestmark = pytest.mark.django_db
ROWS, USERS, DAYS = 3_000, 12, 6


@pytest.fixture(autouse=True)
def seeded(transactional_db):
    if connection.vendor != "postgresql":
        pytest.skip("the load is made in PostgreSQL's own SQL")
    plan = seed.Plan(rows=ROWS, users=USERS, days=DAYS, end=timezone.now())
    for step in seed.STEPS:
        step(plan)
    yield plan
    run_sql("DISCARD TEMP")


def test_the_books_agree_and_the_schema_is_whole(seeded):
    assert check_books(full=True) == []
    assert Wallet.objects.filter(balance__gt=0).count() == USERS
    assert not LedgerEntry.objects.filter(balance_after__lte=0).exists()
    assert seeded.end - rolled_until() < timedelta(hours=2)
    assert 0 < UsageRollup.objects.count() < ROWS
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, "billing_usagerecord").values()
    assert sum(bool(constraint["foreign_key"]) for constraint in constraints) == 3
    assert sum(constraint["index"] for constraint in constraints) == len(UsageRecord._meta.indexes)


def test_rows_are_mixed_and_their_ids_carry_their_time(seeded):
    counts = dict(UsageRecord.objects.order_by().values_list("status").annotate(Count("id")))
    assert sum(counts.values()) == ROWS
    assert counts["open"] == seed.STILL_OPEN
    assert counts["settled"] > 2_800 > 100 > counts["failed"] > counts["abandoned"] > 0
    rows = list(UsageRecord.objects.order_by("id").values_list("id", "created_at"))
    assert [at for _id, at in rows] == sorted(at for _id, at in rows)
    assert all(abs(uuid7_time(id) - at) < timedelta(milliseconds=2) for id, at in rows)
    assert {id.version for id, _at in rows} == {7}
    heaviest = UsageRecord.objects.order_by().values("user_id").annotate(rows=Count("id")).order_by("-rows")[0]
    assert heaviest["rows"] > ROWS / 3


def test_no_page_is_left_out_and_all_take_the_same_statements_for_everybody(seeded):
    with pages.furnished():
        _stranger, _newcomer, heavy, light, operator = walks = list(addresses.walks(orders=1))
        assert addresses.forgotten(walks) == set()
        assert "user12@example.com" in light.title
        assert differing(heavy, light) == []
        lists = [address for address in operator.addresses if not address.endswith(("change/", "history/"))]
        shown = operator._replace(addresses=dict.fromkeys(lists, 200))
        before = statements_of(shown)
        list(addresses.walks(orders=2))  # more of everything that staff see
        after = statements_of(shown)
        assert [address for address in lists if after[address] > before[address]] == []


def statements_of(walk):
    return {address: pages.count_statements(walk.client, address, status) for address, status in walk.addresses.items()}


def differing(left, right):
    """The pages that take one more statements than the other; not of a request that one of them never made."""
    found = zip(statements_of(left).items(), statements_of(right).items(), strict=True)
    statuses = zip(left.addresses.values(), right.addresses.values(), strict=True)
    pairs = zip(found, statuses, strict=True)
    return [(one, other) for (one, other), (here, there) in pairs if here == there and one[1] != other[1]]


def test_a_report_says_what_each_page_takes(seeded, capsys):
    with pages.furnished():
        pages.report(pages.parser().parse_args(["--requests", "1", "--orders", "0", "--only", "/dashboard?range=90d"]))
    stranger, _newcomer, heavy, light, operator = capsys.readouterr().out.strip().split("\n\n")
    assert len(stranger.splitlines()) == len(operator.splitlines()) == 2
    assert float(heavy.splitlines()[2].split()[1]) > 0
    assert heavy.split()[-1] == light.split()[-1]
