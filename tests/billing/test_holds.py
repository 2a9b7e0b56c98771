"""A hold sets credit aside or says why not; a settlement turns it into a charge exactly once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from billing.holds import Heartbeat, Settlement
from billing.lots import heartbeat, place_hold, settle, sweep_expired
from billing.models import UsageRecord, Wallet
from billing.pricing import Usage
from config.kernel.errors import DomainError
from config.kernel.money import NanoUSD, usd
from tests.factories import make_hold, make_price, make_token, make_user
from tokens.models import Token

pytestmark = [pytest.mark.money, pytest.mark.django_db]
Status, EndReason, Rule = UsageRecord.Status, UsageRecord.EndReason, UsageRecord.Rule


def settlement(hold, charge="0.04"):
    return Settlement(
        id=hold.id,
        status=Status.SETTLED,
        end_reason=EndReason.COMPLETED,
        rule=Rule.REPORTED,
        usage=Usage(input=10, output=5),
        charge=NanoUSD(usd(charge)),
    )


def figures(token):
    wallet, row = Wallet.objects.get(user=token.user), Token.objects.get(pk=token.pk)
    return (wallet.balance, wallet.held, row.used, row.held)


def dollars(*amounts):
    return tuple(usd(amount) for amount in amounts)


def test_a_hold_is_set_aside_and_a_settlement_takes_the_charge():
    token = make_token(make_user(balance="1"))
    hold = make_hold(token)
    assert place_hold(hold) == usd("0.10")
    assert figures(token) == dollars("1", "0.10", "0", "0.10")
    assert settle(settlement(hold))
    assert figures(token) == dollars("0.96", "0", "0.04", "0")
    record = UsageRecord.objects.get(pk=hold.id)
    assert (record.status, record.charge, record.output_tokens, record.cache_read_tokens) == (
        "settled",
        usd("0.04"),
        5,
        None,
    )
    assert Token.objects.get(pk=token.pk).last_used_at is not None


def test_a_second_settlement_changes_nothing():
    token = make_token(make_user(balance="1"))
    hold = make_hold(token)
    place_hold(hold)
    assert settle(settlement(hold))
    assert not settle(settlement(hold, "0.10"))
    assert figures(token) == dollars("0.96", "0", "0.04", "0")


def test_a_record_keeps_the_terms_it_is_charged_by():
    token = make_token(make_user(balance="1"))
    price = make_price("frozen", input="3", output="15")
    hold = make_hold(token, price=price, ratio_ppm=280_000)
    place_hold(hold)
    assert UsageRecord.objects.get(pk=hold.id).quote == hold.quote


@pytest.mark.parametrize(
    ("balance", "fields", "code", "status"),
    [
        ("0.09", {}, "insufficient_quota", 402),
        ("1", {"quota": usd("0.09")}, "key_quota_exhausted", 402),
        ("1", {"quota": usd("0.15"), "used": usd("0.06")}, "key_quota_exhausted", 402),
        ("1", {"is_enabled": False}, "key_disabled", 401),
        ("1", {"expires_at": timezone.now() - timedelta(seconds=1)}, "key_expired", 401),
        ("1", {"deleted_at": timezone.now()}, "invalid_api_key", 401),
    ],
)
def test_a_hold_that_cannot_be_placed_says_why_and_leaves_nothing(balance, fields, code, status):
    token = make_token(make_user(balance=balance), **fields)
    before = figures(token)
    with pytest.raises(DomainError) as caught:
        place_hold(make_hold(token))
    assert (caught.value.code, caught.value.status) == (code, status)
    assert figures(token) == before
    assert not UsageRecord.objects.exists()


def test_a_suspended_account_gets_no_hold():
    user = make_user(balance="1", is_active=False)
    with pytest.raises(DomainError) as caught:
        place_hold(make_hold(make_token(user)))
    assert (caught.value.code, caught.value.status) == ("account_suspended", 403)


def test_a_charge_above_the_hold_is_refused_by_the_database():
    token = make_token(make_user(balance="1"))
    hold = make_hold(token)
    place_hold(hold)
    with pytest.raises(Exception, match="usage_charge_within_hold"):
        settle(settlement(hold, "0.11"))


def test_a_negative_charge_is_refused():
    with pytest.raises(ValueError, match="never negative"):
        settle(replace(settlement(make_hold(make_token(make_user(balance="1")))), charge=NanoUSD(-1)))


def expire(hold, *, seconds_ago=1):
    UsageRecord.objects.filter(pk=hold.id).update(lease_until=timezone.now() - timedelta(seconds=seconds_ago))


def test_the_sweep_frees_a_hold_that_nothing_was_delivered_for():
    token = make_token(make_user(balance="1"))
    hold = make_hold(token)
    place_hold(hold)
    expire(hold)
    assert sweep_expired() == 1
    assert figures(token) == dollars("1", "0", "0", "0")
    record = UsageRecord.objects.get(pk=hold.id)
    assert (record.status, record.rule, record.end_reason) == ("abandoned", "nothing", "crashed")


@pytest.mark.parametrize("seen", [Usage(), Usage(input=1000), Usage(input=1000, output=0)])
def test_a_call_that_died_before_its_answer_is_free_however_long_its_prompt(seen):
    token = make_token(make_user(balance="1"))
    hold = make_hold(token, price=make_price(input="1", output="2", per_call=usd("0.01")))
    place_hold(hold)
    heartbeat([Heartbeat(hold.id, seen)])
    expire(hold)
    assert sweep_expired() == 1
    assert figures(token) == dollars("1", "0", "0", "0")
    assert UsageRecord.objects.get(pk=hold.id).usage == Usage()


def test_the_sweep_charges_what_the_last_heartbeat_had_seen():
    token = make_token(make_user(balance="1"))
    hold = make_hold(token, price=make_price(input="1", output="2"))
    place_hold(hold)
    heartbeat([Heartbeat(hold.id, Usage(input=1000, output=500))])
    expire(hold)
    assert sweep_expired() == 1
    assert figures(token) == dollars("0.998", "0", "0.002", "0")
    assert UsageRecord.objects.get(pk=hold.id).rule == "delivered"


def test_the_sweep_never_charges_more_than_the_hold():
    token = make_token(make_user(balance="1"))
    hold = make_hold(token)
    place_hold(hold)
    heartbeat([Heartbeat(hold.id, Usage(input=10**8, output=10**8))])
    expire(hold)
    sweep_expired()
    assert figures(token) == dollars("0.90", "0", "0.10", "0")


def test_the_sweep_takes_the_longest_silent_first_and_no_more_than_it_may():
    token = make_token(make_user(balance="1"))
    holds = [make_hold(token) for _ in range(4)]
    for hold, seconds_ago in zip(holds, (20, 40, 10, 30), strict=True):
        place_hold(hold)
        expire(hold, seconds_ago=seconds_ago)
    settle(settlement(holds[1]))  # has ended, so it takes nobody's place
    assert sweep_expired(limit=2) == 2
    assert UsageRecord.objects.get(status="open").pk == holds[2].id


def test_the_sweep_leaves_running_requests_alone():
    token = make_token(make_user(balance="1"))
    place_hold(make_hold(token))
    assert sweep_expired() == 0


def test_a_heartbeat_of_a_settled_record_changes_nothing():
    token = make_token(make_user(balance="1"))
    hold = make_hold(token)
    place_hold(hold)
    settle(settlement(hold))
    heartbeat([Heartbeat(hold.id, Usage(input=7, output=7))])
    assert UsageRecord.objects.get(pk=hold.id).output_tokens == 5


def in_threads(work, items, *, workers=8):
    def closing(item):
        try:
            return work(item)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(closing, items))


@pytest.mark.django_db(transaction=True)
def test_forty_racing_holds_with_money_for_ten():
    token = make_token(make_user(balance="1"))
    make_price()

    def attempt(hold):
        try:
            place_hold(hold)
        except DomainError as error:
            return error.code
        return "held"

    answers = in_threads(attempt, [make_hold(token) for _ in range(40)])
    assert answers.count("held") == 10
    assert answers.count("insufficient_quota") == 30
    assert figures(token) == dollars("1", "1", "0", "1")


@pytest.mark.django_db(transaction=True)
def test_settlement_and_sweep_racing_for_the_same_records():
    token = make_token(make_user(balance="1"))
    holds = [make_hold(token) for _ in range(10)]
    for hold in holds:
        place_hold(hold)
        expire(hold)
    work = [lambda hold=hold: settle(settlement(hold)) for hold in holds for _ in range(2)] + [sweep_expired] * 4
    in_threads(lambda act: act(), work)
    charged = sum(UsageRecord.objects.values_list("charge", flat=True))
    assert figures(token) == (usd("1") - charged, 0, charged, 0)
    assert not UsageRecord.objects.filter(status="open").exists()
