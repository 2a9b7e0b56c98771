"""Daily and monthly caps: the hold decides, in the database, by the UTC day of the request."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from billing.holds import Settlement
from billing.lots import Lot, commit, place_hold, settle
from billing.models import UsageRecord, Wallet
from billing.pricing import Usage
from billing.proof import check_books
from config.kernel.errors import InsufficientCredit
from config.kernel.money import NanoUSD, usd
from tests.factories import make_hold, make_token, make_user
from tests.tokens.races import at_once
from tokens.models import Token
from tokens.services import edit_token

pytestmark = [pytest.mark.money, pytest.mark.django_db]
NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)
DAY = timedelta(days=1)
Status, EndReason, Rule = UsageRecord.Status, UsageRecord.EndReason, UsageRecord.Rule


def capped(**caps):
    """A key of a rich customer, its caps in dollars."""
    return make_token(make_user(balance="100"), **{name: usd(cap) for name, cap in caps.items()})


def hold_at(token, moment=NOON, amount="0.10"):
    hold = make_hold(token, amount=amount, created_at=moment)
    place_hold(hold)
    return hold


def settled(hold, charge):
    return settle(
        Settlement(hold.id, Status.SETTLED, EndReason.COMPLETED, Rule.REPORTED, Usage(), NanoUSD(usd(charge)))
    )


def refused(token, moment=NOON, amount="0.10"):
    with pytest.raises(InsufficientCredit) as refusal:
        hold_at(token, moment, amount)
    assert (refusal.value.status, refusal.value.code) == (402, "key_quota_exhausted")
    return refusal.value.message


def spent(token):
    token.refresh_from_db()
    return token.day, token.day_spent, token.month_spent


@pytest.mark.parametrize(("cap", "resets"), [("daily", "2026-03-19"), ("monthly", "2026-04-01")])
def test_a_cap_is_reached_to_the_cent_and_says_when_it_resets(cap, resets):
    token = capped(**{f"{cap}_cap": "0.25"})
    hold_at(token)
    hold_at(token, amount="0.15")
    said = refused(token, amount="0.000000001")
    assert said.startswith(f"This key's {cap} cap of $0.25 does not cover this request. It resets on {resets} at")
    assert Wallet.objects.get(user=token.user).held == usd("0.25")


def test_of_two_caps_the_one_that_resets_later_is_named():
    assert "monthly" in refused(capped(daily_cap="0.05", monthly_cap="0.05"))


@pytest.mark.parametrize("caps", [("0.50", "0.30"), ("0.30", "0.50")])
def test_a_hold_that_may_be_lower_takes_what_the_tighter_cap_leaves(caps):
    token = capped(daily_cap=caps[0], monthly_cap=caps[1])
    hold_at(token)
    assert place_hold(replace(make_hold(token, created_at=NOON, amount="1"), least=NanoUSD(1))) == usd("0.20")
    refused(token, amount="0.01")


def test_a_settlement_gives_back_what_was_not_charged():
    token = capped(daily_cap="0.10", monthly_cap="0.10")
    hold = hold_at(token)
    refused(token)
    settled(hold, "0.04")
    assert spent(token) == (NOON.date(), usd("0.04"), usd("0.04"))
    hold_at(token, amount="0.06")
    refused(token, amount="0.01")


def test_in_one_transaction_a_hold_uses_what_a_settlement_frees():
    token = capped(daily_cap="0.10")
    first = hold_at(token)
    done = Settlement(first.id, Status.FAILED, EndReason.REJECTED, Rule.NOTHING, Usage(), NanoUSD(0))
    holds = [make_hold(token, created_at=NOON, amount="0.08"), make_hold(token, created_at=NOON, amount="0.08")]
    outcome = commit(Lot(settlements=[done], holds=holds))
    assert [refusal and refusal.code for refusal in outcome.refusals] == [None, "key_quota_exhausted"]
    assert spent(token)[1] == usd("0.08")


def test_midnight_opens_a_new_day_and_keeps_the_month():
    token = capped(daily_cap="0.10", monthly_cap="0.25")
    hold_at(token)
    hold_at(token, NOON + DAY)
    assert spent(token) == (date(2026, 3, 19), usd("0.10"), usd("0.20"))
    assert "monthly" in refused(token, NOON + 2 * DAY)
    hold_at(token, NOON + 14 * DAY)
    assert spent(token) == (date(2026, 4, 1), usd("0.10"), usd("0.10"))


def test_the_day_is_the_one_of_utc():
    token = capped(daily_cap="0.10")
    hold_at(token, datetime.fromisoformat("2026-03-18T23:30:00-05:00"))
    assert spent(token)[0] == date(2026, 3, 19)


def test_a_settlement_of_yesterday_leaves_today_alone_and_corrects_the_month():
    token = capped(daily_cap="1", monthly_cap="1")
    late = hold_at(token)
    hold_at(token, NOON + DAY)
    settled(late, "0.01")
    assert spent(token) == (date(2026, 3, 19), usd("0.10"), usd("0.11"))


def test_a_settlement_of_last_month_changes_no_counter():
    token = capped(monthly_cap="1")
    late = hold_at(token)
    hold_at(token, NOON + 30 * DAY)
    settled(late, "0.01")
    assert spent(token) == (date(2026, 4, 17), usd("0.10"), usd("0.10"))


@pytest.mark.parametrize("back", [timedelta(hours=13), 20 * DAY, 400 * DAY])
def test_a_clock_that_jumps_back_resets_no_cap(back):
    token = capped(daily_cap="0.20", monthly_cap="0.20")
    hold_at(token)
    earlier = hold_at(token, NOON - back)
    refused(token, NOON - back)
    refused(token)
    settled(earlier, "0")
    assert spent(token) == (NOON.date(), usd("0.10"), usd("0.10"))


@pytest.mark.parametrize("day", [None, NOON.date()])
def test_a_request_of_before_days_were_counted_changes_no_counter(day):
    token = capped(daily_cap="1")
    hold = hold_at(token)
    UsageRecord.objects.update(counted_on=None)
    Token.objects.update(day=day)
    assert settled(hold, "0.04")
    assert spent(token) == (day, usd("0.10"), usd("0.10"))


def test_a_key_without_a_day_takes_no_settlement_for_one():
    token = capped(daily_cap="1")
    hold = hold_at(token)
    Token.objects.update(day=None, day_spent=0, month_spent=0)
    assert settled(hold, "0.04")
    assert spent(token) == (None, 0, 0)


def test_what_was_spent_before_a_cap_was_set_counts():
    token = capped()
    hold_at(token)
    edit_token(token=token, daily_cap=usd("0.15"))
    refused(token)


def test_a_cap_below_what_is_spent_refuses_until_it_resets():
    token = capped(daily_cap="1")
    hold_at(token)
    edit_token(token=token, daily_cap=usd("0.05"))
    refused(token, amount="0.01")
    hold_at(token, NOON + DAY, amount="0.05")


def test_a_refused_hold_counts_for_nothing():
    token = capped(daily_cap="0.10")
    refused(token, amount="0.11")
    hold_at(token)
    assert spent(token)[1] == usd("0.10")


def test_the_books_prove_the_counters():
    now = datetime.now(UTC)
    token = capped()
    settled(hold_at(token, now), "0")
    hold_at(token, now)
    assert not [violation for violation in check_books() if "spent" in violation.invariant]
    Token.objects.update(day_spent=usd("0.01"))
    assert [(found.invariant, found.expected) for found in check_books()] == [("day_spent", usd("0.10"))]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("cap", ["daily_cap", "monthly_cap"])
def test_racing_holds_stay_within_a_cap(cap):
    token = capped(**{cap: "0.30"})
    refusals = []

    def try_to_hold():
        try:
            hold_at(token)
        except InsufficientCredit as refusal:
            refusals.append(refusal.code)

    at_once(*[try_to_hold] * 8)
    assert refusals == ["key_quota_exhausted"] * 5
    assert spent(token)[1:] == (usd("0.30"), usd("0.30"))
