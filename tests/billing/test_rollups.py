"""Roll-ups: an hour is summed once, in order, only when it is over and settled; totals never notice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from itertools import product
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from billing import rollups
from billing.models import RollupMark, UsageRecord, UsageRollup, UserHour, UserModelHour, UserTokenHour
from billing.pricing import Usage
from billing.rollups import roll_up_usage, rolled_until
from billing.spans import Span, floor_hour, last_days
from billing.tasks import roll_up_usage as roll_up_task
from billing.totals import BY_HOUR, BY_MODEL, BY_TOKEN, Scope, Totals, by_day, charges, totals, totals_by
from tests.billing.usage_rows import NOW, build_record, make_record, make_records, minutes_before, totals_of
from tests.factories import make_token, make_user

pytestmark = [pytest.mark.money, pytest.mark.django_db]
HOUR = timedelta(hours=1)
EVER = Span(NOW - timedelta(days=400), NOW + timedelta(days=1))
OPEN = UsageRecord.Status.OPEN
KOLKATA, NEW_YORK = ZoneInfo("Asia/Kolkata"), ZoneInfo("America/New_York")


@pytest.fixture
def token(alice):
    return make_token(alice)


def ever(token):
    return totals(Scope(token.user_id), EVER, mark=rolled_until())


def test_an_hour_becomes_one_row_per_key_model_group_and_channel(token):
    other = make_token(token.user, name="other")
    at = NOW - 3 * HOUR
    make_record(
        token, at=at, usage=Usage(input=100, cache_read=40, cache_write=10, output=7, reasoning=3), channel_id=1
    )
    make_record(token, at=at, usage=Usage(input=1, output=1), channel_id=1)
    make_record(token, at=at, status="failed", channel_id=1)
    for differs in ({"channel_id": 2}, {"group": "vip"}, {"model": "second-model"}, {"channel_id": None}):
        make_record(token, at=at, **differs)
    make_record(other, at=at)
    assert roll_up_usage(now=NOW) == 1
    assert UsageRollup.objects.count() == 6
    row = UsageRollup.objects.get(token=token, model="test-model", group="default", channel_id=1)
    assert (row.hour, row.user_id) == (floor_hour(at), token.user_id)
    assert (row.requests, row.succeeded, row.input_tokens, row.cached_tokens, row.output_tokens) == (3, 2, 151, 40, 11)
    assert row.charge == (150 * 1_000 + 10 * 2_000) + (1_000 + 2_000)


def test_an_hour_waits_until_it_is_over_and_two_minutes_more(token):
    hour = floor_hour(NOW)
    make_record(token, at=hour + timedelta(minutes=59))
    assert roll_up_usage(now=hour + HOUR) == 0
    assert roll_up_usage(now=hour + HOUR + timedelta(seconds=119)) == 0
    assert roll_up_usage(now=hour + HOUR + timedelta(minutes=2)) == 1
    assert rolled_until() == hour + HOUR


def test_an_open_request_blocks_its_hour_and_all_later_ones_and_is_then_counted(token):
    for hours_ago in (5, 4, 3):
        make_record(token, at=NOW - hours_ago * HOUR)
    late = make_record(token, at=NOW - 4 * HOUR, status=OPEN)
    assert roll_up_usage(now=NOW) == 1
    assert rolled_until() == floor_hour(NOW - 4 * HOUR)
    assert (ever(token).requests, ever(token).running) == (4, 1)
    UsageRecord.objects.filter(pk=late.pk).update(status="settled", charge=77, output_tokens=5)
    before = ever(token)
    assert roll_up_usage(now=NOW) == 2
    assert ever(token) == before
    assert UsageRollup.objects.get(hour=floor_hour(late.created_at)).charge == 77 + 1_000 * 1_000 + 100 * 2_000


def test_a_quiet_year_is_skipped_in_one_step(token):
    make_record(token, at=NOW - timedelta(days=365))
    make_record(token, at=NOW - 2 * HOUR)
    assert roll_up_usage(now=NOW) == 2
    assert rolled_until() == floor_hour(NOW - HOUR)
    assert roll_up_usage(now=NOW) == 0


def test_without_any_request_nothing_is_written():
    assert roll_up_usage(now=NOW) == 0
    assert not RollupMark.objects.exists()


def test_an_id_made_just_before_the_hour_of_its_row_loses_nothing(token):
    boundary = floor_hour(NOW) - 3 * HOUR
    early_id, late_id = (build_record(token, at=boundary + timedelta(seconds=shift)) for shift in (-1, 1))
    early_id.created_at, late_id.created_at = late_id.created_at, early_id.created_at
    UsageRecord.objects.bulk_create([early_id, late_id])
    before = ever(token)
    roll_up_usage(now=NOW)
    assert list(UsageRollup.objects.order_by("hour").values_list("hour", "requests")) == [
        (boundary - HOUR, 1),
        (boundary, 1),
    ]
    assert ever(token) == before


def test_a_lone_row_whose_id_is_older_than_the_mark_is_not_skipped(token):
    boundary = floor_hour(NOW) - 5 * HOUR
    lone = build_record(token, at=boundary - timedelta(seconds=1), created_at=boundary + timedelta(seconds=1))
    rows = [build_record(token, at=boundary + shift) for shift in (-HOUR / 2, 3 * HOUR)]
    UsageRecord.objects.bulk_create([lone, *rows])
    roll_up_usage(now=NOW)
    assert rolled_until() > boundary + 3 * HOUR
    assert ever(token) == totals_of([lone, *rows])


def test_a_second_run_and_a_stale_roller_change_nothing(token):
    make_records(token, minutes_before(NOW, 6, step=55))
    stale = rolled_until()
    roll_up_usage(now=NOW)
    rows = list(UsageRollup.objects.order_by("pk").values())
    assert roll_up_usage(now=NOW) == 0
    assert not rollups._advance(stale, NOW)
    assert list(UsageRollup.objects.order_by("pk").values()) == rows


def test_a_crash_between_mark_and_sums_leaves_neither(token, monkeypatch):
    make_record(token, at=NOW - 3 * HOUR)

    def crash(hour):
        raise RuntimeError("power cut")

    monkeypatch.setattr(rollups, "_insert_sums", crash)
    with pytest.raises(RuntimeError):
        roll_up_usage(now=NOW)
    monkeypatch.undo()
    assert (rolled_until(), UsageRollup.objects.count()) == (None, 0)
    assert roll_up_usage(now=NOW) == 1
    assert ever(token).requests == 1


@pytest.mark.django_db(transaction=True)
def test_racing_rollers_roll_each_hour_once():
    token = make_token(make_user())
    rows = make_records(token, minutes_before(NOW, 40, step=20))
    start = Barrier(4)

    def race(_):
        try:
            start.wait(timeout=20)
            return roll_up_usage(now=NOW)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        rolled = sum(pool.map(race, range(4)))
    hours = {floor_hour(row.created_at) for row in rows if floor_hour(row.created_at) < floor_hour(NOW)}
    assert (rolled, UsageRollup.objects.count()) == (len(hours), len(hours))
    assert ever(token) == totals_of(rows)


def test_the_task_rolls_up_and_can_be_repeated(token):
    make_record(token, at=NOW - 3 * HOUR)
    roll_up_task()
    roll_up_task()
    assert UsageRollup.objects.count() == 1


def test_one_run_is_bounded(token):
    make_records(token, minutes_before(NOW, 5, step=61))
    assert roll_up_usage(now=NOW, limit=2) == 2


# ── Totals ───────────────────────────────────────────────────────────────────


def test_nobody_elses_requests_are_in_a_sum(token, bob):
    make_records(token, minutes_before(NOW, 4, step=50))
    make_records(make_token(bob), minutes_before(NOW, 3, step=50))
    assert totals(Scope(bob.pk), EVER, mark=rolled_until()).requests == 3
    roll_up_usage(now=NOW)
    assert totals(Scope(bob.pk), EVER, mark=rolled_until()).requests == 3


@pytest.mark.parametrize(
    ("scope", "columns", "table"),
    [
        (Scope(1), (), UserHour),
        (Scope(1, status="settled"), ("",), UserHour),
        (Scope(1), ("", "model"), UserModelHour),
        (Scope(1, model="m"), ("model",), UserModelHour),
        (Scope(1, token_id=7), (), UserTokenHour),
        (Scope(1, token_id=7), ("model",), UsageRollup),
        (Scope(1, group="g"), (), UsageRollup),
        (Scope(1, is_stream=False), (), UsageRollup),
        (Scope(1, endpoints=("images",)), (), UsageRollup),
        (Scope(None), (), UsageRollup),
    ],
)
def test_sums_come_from_the_smallest_table_that_knows_them(scope, columns, table):
    assert scope.rollup(*columns) is table


def test_success_rate_leaves_out_what_still_runs():
    assert Totals(requests=4, succeeded=2, running=1).success_ppm == 666_666
    assert Totals(requests=1, running=1).success_ppm is None


@pytest.mark.parametrize("zone", [UTC, KOLKATA, NEW_YORK], ids=str)
def test_days_are_the_users(token, zone):
    rows = make_records(token, minutes_before(NOW, 60, step=47))
    span = last_days(3, now=NOW, zone=zone)
    rows = [row for row in rows if row.created_at >= span.start]
    by_row = totals_by(Scope(token.user_id), span, by_day(zone), mark=None)
    expected = {}
    for row in rows:
        day = row.created_at.astimezone(zone).date()
        expected[(day,)] = expected.get((day,), Totals()) + totals_of([row])
    assert by_row == expected
    roll_up_usage(now=NOW)
    rolled = totals_by(Scope(token.user_id), span, by_day(zone), mark=rolled_until())
    assert sum(rolled.values(), Totals()) == totals_of(rows)
    if zone is not KOLKATA:  # its midnight is at half past an UTC hour: one hour may count to the day it starts in
        assert rolled == expected


moments = st.integers(0, 72 * 60 * 60 - 1).map(lambda seconds: NOW - timedelta(seconds=seconds + 1))
counts = st.one_of(st.none(), st.integers(0, 5_000))
usages = st.builds(Usage, input=counts, cache_read=counts, cache_write=counts, output=counts, reasoning=counts)
calls = st.tuples(
    moments,
    usages,
    st.sampled_from(["settled", "failed", "abandoned", "open"]),
    st.integers(0, 1),
    st.integers(0, 1),
    st.booleans(),
)
ANYTHING = (st.lists(calls, min_size=1, max_size=14), moments, moments, st.integers(0, 80))


class AnyUsage(TestCase):
    """Whatever the requests and however far the roll-ups got: every sum is the sum of the rows."""

    @hypothesis_settings(max_examples=8)
    @given(*ANYTHING)
    def test_sums_are_the_sums_of_the_rows(self, made, one_end, other_end, hours_rolled):
        self.check(made, one_end, other_end, hours_rolled)

    @pytest.mark.soak
    @hypothesis_settings(max_examples=250)
    @given(*ANYTHING)
    def test_many_sums_are_the_sums_of_the_rows(self, made, one_end, other_end, hours_rolled):
        self.check(made, one_end, other_end, hours_rolled)

    def check(self, made, one_end, other_end, hours_rolled):
        owner = make_user()
        tokens = [make_token(owner, name=name) for name in ("a", "b")]
        rows = [
            make_record(tokens[which], at=at, usage=usage, status=status, model=("m0", "m1")[model], is_stream=stream)
            for at, usage, status, which, model, stream in made
        ]
        span = Span(min(one_end, other_end), max(one_end, other_end))
        inside = [row for row in rows if span.start <= row.created_at < span.end]
        wanted, pieces = totals_of(inside), [span, Span(span.start, NOW), Span(NOW - 80 * HOUR, span.end)]
        costs = [sum(row.charge for row in rows if piece.start <= row.created_at < piece.end) for piece in pieces]
        for until in (NOW - timedelta(days=9), NOW - hours_rolled * HOUR, NOW):
            roll_up_usage(now=until)
            mark, scope = rolled_until(), Scope(owner.pk)
            assert totals(scope, span, mark=mark) == wanted
            assert charges(scope, pieces, mark=mark) == costs
            for key in (BY_MODEL, BY_TOKEN, BY_HOUR, by_day(UTC)):
                assert sum(totals_by(scope, span, key, mark=mark).values(), Totals()) == wanted
            for of_model in (Scope(owner.pk, model="m1"), Scope(owner.pk, model="m1", status="settled")):
                some = [row for row in inside if row.model == "m1" and row.status == (of_model.status or row.status)]
                assert sum(totals_by(of_model, span, BY_TOKEN, mark=mark).values(), Totals()) == totals_of(some)
                assert sum(totals_by(of_model, span, BY_HOUR, mark=mark).values(), Totals()) == totals_of(some)
            of_key = [row for row in inside if row.token == tokens[0]]
            assert totals(Scope(owner.pk, token_id=tokens[0].pk), span, mark=mark) == totals_of(of_key)
            second = [row for row in inside if row.model == "m1" and row.token == tokens[1]]
            assert totals(Scope(owner.pk, token_id=tokens[1].pk, model="m1"), span, mark=mark) == totals_of(second)
            for status, stream in product(("", "settled", "failed", "abandoned", "open"), (None, True, False)):
                some = [row for row in inside if row.status == (status or row.status)]
                some = [row for row in some if row.is_stream is (row.is_stream if stream is None else stream)]
                assert totals(Scope(owner.pk, status=status, is_stream=stream), span, mark=mark) == totals_of(some)
