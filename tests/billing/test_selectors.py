"""The Dashboard's figures are the rows', now and after they were rolled up, and nobody else's."""

from dataclasses import replace
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Sum

from billing.models import RollupMark, UsageRecord, Wallet
from billing.pricing import Usage
from billing.rollups import roll_up_usage
from billing.selectors import Change, Funds, Period, dashboard
from billing.spans import last_days
from billing.totals import Totals
from config.kernel.money import NanoUSD, usd
from tests.billing.usage_rows import NOW, make_record, make_records, minutes_before, totals_of
from tests.factories import give, make_token

pytestmark = [pytest.mark.money, pytest.mark.django_db]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def token(alice):
    return make_token(alice, name="prod")


def shown(user, period=Period.MONTH, *, zone=UTC):
    return dashboard(user, period=period, now=NOW, zone=zone)


@pytest.mark.parametrize("is_rolled", [False, True], ids=["rows", "rolled up"])
@pytest.mark.parametrize("zone", [UTC, SHANGHAI], ids=str)
@pytest.mark.parametrize("period", list(Period))
def test_totals_buckets_and_shares_are_the_rows(token, period, zone, is_rolled):
    rows = make_records(token, minutes_before(NOW, 40, step=3 * 24 * 47), model="m0")
    rows += make_records(token, minutes_before(NOW, 30, step=41), model="m1")
    rows += make_records(token, minutes_before(NOW, 3, step=200), status="failed")
    if is_rolled:
        assert roll_up_usage(now=NOW)
    usage = shown(token.user, period, zone=zone).usage
    span = period.span(now=NOW, zone=zone)
    inside = [row for row in rows if span.start <= row.created_at < span.end]
    assert usage.totals == totals_of(inside)
    assert sum((bucket.totals for bucket in usage.buckets), Totals()) == usage.totals
    assert sum(share.costs.charge for share in usage.models) == usage.totals.charge
    assert sum(share.costs.requests for share in usage.models) == usage.totals.requests
    assert [sum(bucket.charges) for bucket in usage.buckets] == [bucket.totals.charge for bucket in usage.buckets]
    assert len(usage.buckets) == (24 if period.is_hourly else period.days)
    for position, share in enumerate(usage.models):
        assert sum(bucket.charges[position] for bucket in usage.buckets) == share.costs.charge
    for bucket in usage.buckets:
        local = [row.created_at.astimezone(zone) for row in inside]
        same = [
            at
            for at in local
            if (at.replace(minute=0, second=0) == bucket.at if period.is_hourly else at.date() == bucket.at)
        ]
        assert bucket.totals.requests == len(same)


@pytest.mark.parametrize("zone", [UTC, SHANGHAI], ids=str)
@pytest.mark.parametrize("period", list(Period))
@pytest.mark.parametrize("minutes", [17, 95], ids=["running hour", "roll-up late"])
def test_what_no_roll_up_holds_yet_counts_once_in_every_figure(token, period, zone, minutes):
    other = make_token(token.user, name="other")
    make_records(token, minutes_before(NOW, 20, step=6 * 60), model="m0")
    assert roll_up_usage(now=NOW)
    now = NOW + timedelta(minutes=minutes)
    make_records(token, minutes_before(now, 5, step=2), model="m1", usage=Usage(input=700))
    make_records(other, minutes_before(now, 4, step=3), model="m0", usage=Usage(input=90))
    make_record(other, at=now - timedelta(minutes=1), status="open")

    def figures():
        seen = dashboard(token.user, period=period, now=now, zone=zone)
        return seen.spend, seen.usage, seen.top_keys

    by_roll_ups = figures()
    RollupMark.objects.all().delete()
    assert by_roll_ups == figures()
    _spend, usage, keys = by_roll_ups
    assert usage.totals.running == 1
    assert (
        sum(key.costs.charge for key in keys)
        == usage.totals.charge
        == sum(map(sum, (b.charges for b in usage.buckets)))
    )


def test_the_period_before_is_as_long_and_ends_before(token):
    make_record(token, at=NOW - HOUR, usage=Usage(input=2_500))
    make_record(token, at=NOW - 3 * DAY, usage=Usage(input=500))
    make_record(token, at=NOW - 7 * DAY - HOUR, usage=Usage(input=2_000))
    make_record(token, at=NOW - 14 * DAY - HOUR, usage=Usage(input=9_000))
    usage = shown(token.user, Period.WEEK).usage
    assert usage.charge == Change(now=3_000_000, before=2_000_000)
    assert usage.charge.ppm == 500_000
    assert usage.requests == Change(2, 1)


def test_growth_from_nothing_has_no_rate():
    assert Change(5, 0).ppm is None
    assert Change(1, 2).ppm == -500_000


@pytest.mark.parametrize("is_rolled", [False, True], ids=["rows", "rolled up"])
def test_spend_of_today_week_and_month(token, is_rolled):
    ages = {timedelta(hours=2): 1, DAY: 10, 3 * DAY: 100, 9 * DAY: 1_000, 20 * DAY: 10_000, 40 * DAY: 100_000}
    for age, tokens in ages.items():
        make_record(token, at=NOW - age - HOUR, usage=Usage(input=tokens))
    if is_rolled:
        roll_up_usage(now=NOW)
    spend = shown(token.user).spend
    figures = [(part.now // 1_000, part.before // 1_000) for part in (spend.today, spend.week, spend.month)]
    assert figures == [(1, 10), (111, 1_000), (11_111, 100_000)]


def test_top_models_are_five_and_the_rest_is_one(token):
    for number in range(8):
        make_record(token, at=NOW - HOUR, model=f"m{number}", usage=Usage(input=1_000 * (number + 1)))
    models = shown(token.user).usage.models
    assert [share.name for share in models] == ["m7", "m6", "m5", "m4", "m3", ""]
    assert models[-1].costs.requests == 3
    assert models[0].ppm == 8_000_000 // 36


def test_top_keys_by_spend_with_the_deleted_ones(token):
    gone = make_token(token.user, name="gone", deleted_at=NOW)
    make_record(token, at=NOW - HOUR, usage=Usage(input=1_000))
    make_record(gone, at=NOW - HOUR, usage=Usage(input=3_000))
    keys = shown(token.user).top_keys
    assert [(share.name, share.public_id, share.ppm) for share in keys] == [
        ("gone", gone.public_id, 750_000),
        ("prod", token.public_id, 250_000),
    ]


def test_first_byte_is_the_median_of_the_latest_finished_requests(token, monkeypatch):
    monkeypatch.setattr("billing.selectors.FIRST_BYTE_SAMPLE", 3)
    for minutes, first_byte in ((1, 100), (2, 900), (3, 200), (4, 5_000), (5, 5_000)):
        make_record(token, at=NOW - timedelta(minutes=minutes), first_byte_ms=first_byte)
    make_record(token, at=NOW - timedelta(seconds=5), status="open", first_byte_ms=1)
    assert shown(token.user, Period.DAY).usage.first_byte_ms == 200
    assert shown(token.user, Period.DAY).recent[0].status == "open"


def test_the_runway_is_what_is_available_at_the_pace_of_a_week(token):
    give(token.user, "10")
    assert shown(token.user).funds.runway_days is None
    span = last_days(7, now=NOW, zone=UTC)
    make_record(token, at=NOW - DAY, charge=usd("1"), hold=usd("1"))
    Wallet.objects.filter(user=token.user).update(held=usd("4"))
    funds = dashboard(type(token.user).objects.get(pk=token.user.pk), period=Period.WEEK, now=NOW, zone=UTC).funds
    assert (funds.available, funds.held) == (usd("6"), usd("4"))
    assert funds.runway_days == int(6 * (span.end - span.start) / DAY)


@pytest.mark.parametrize(
    ("available", "runway", "is_empty", "is_low"),
    [
        ("0", None, True, False),
        ("0", 0, True, False),
        ("1", 0, False, True),
        ("1", 2, False, True),
        ("1", 3, False, False),
    ],
)
def test_when_the_balance_is_low(available, runway, is_empty, is_low):
    funds = Funds(balance=usd(available), held=NanoUSD(0), runway_days=runway)
    assert (funds.is_empty, funds.is_low) == (is_empty, is_low)


def test_the_checklist_goes_when_a_call_has_succeeded(alice):
    steps = shown(alice).first_steps
    assert (steps.has_verified, steps.has_token) == (True, False)
    token = make_token(alice)
    make_record(token, at=NOW - HOUR, status="failed")
    assert shown(alice).first_steps == replace(steps, has_token=True)
    make_record(token, at=NOW - HOUR)
    assert shown(alice).first_steps is None


def test_bob_sees_nothing_of_alices(token, bob):
    make_records(token, minutes_before(NOW, 5, step=50))
    roll_up_usage(now=NOW)
    seen = shown(bob)
    assert (seen.usage.totals, seen.usage.models, seen.top_keys, seen.recent) == (Totals(), (), (), ())
    assert seen.spend.month == Change(0, 0)
    assert seen.first_steps is not None


def test_samples_call_the_model_used_most(alice):
    assert shown(alice).sample_model == ""
    make_record(make_token(alice), at=NOW - HOUR, model="used-model")
    assert shown(alice).sample_model == "used-model"


def test_the_month_is_the_sum_of_the_settled_charges(token):
    make_records(token, minutes_before(NOW, 20, step=300))
    assert shown(token.user).spend.month.now == UsageRecord.objects.aggregate(total=Sum("charge"))["total"]
