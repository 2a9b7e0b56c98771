"""A process whose clock jumps holds, charges and sweeps the same."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from billing import holds, lots
from billing.holds import Heartbeat, Settlement
from billing.lots import heartbeat, place_hold, settle, sweep_expired
from billing.models import UsageRecord, Wallet
from billing.pricing import Usage
from billing.proof import check_books
from config.kernel.money import usd
from tests.factories import make_hold, make_token, make_user

pytestmark = [pytest.mark.money, pytest.mark.django_db]
JUMPS = [timedelta(hours=1), timedelta(minutes=-10), timedelta(days=400), timedelta(days=-400)]


@pytest.fixture(params=JUMPS, ids=str)
def jump(request, monkeypatch):
    """Call it, and this process's clock is wrong from then on."""

    class Wrong:
        @staticmethod
        def now():
            return timezone.now() + request.param

    def leap():
        monkeypatch.setattr(lots, "timezone", Wrong)
        monkeypatch.setattr(holds, "timezone", Wrong, raising=False)
        return Wrong.now()

    return leap


def ending(hold):
    return Settlement(hold.id, "settled", "completed", "reported", Usage(output=1_000), usd("0.002"))


def test_balances_are_the_same_whatever_the_clock_says(jump):
    token = make_token(make_user(balance="1"))
    before = make_hold(token)
    place_hold(before)
    after = replace(make_hold(token), created_at=jump())
    place_hold(after)
    assert [settle(ending(hold)) for hold in (before, after)] == [True, True]
    wallet = Wallet.objects.get(user=token.user)
    assert (wallet.balance, wallet.held) == (usd("0.996"), 0)
    assert {violation for violation in check_books() if "balance" in str(violation)} == set()


def test_nothing_that_lives_is_swept_and_nothing_dead_is_kept(jump):
    token = make_token(make_user(balance="1"))
    alive, dead = make_hold(token), make_hold(token)
    place_hold(alive)
    place_hold(dead)
    jump()
    heartbeat([Heartbeat(alive.id, Usage())])
    UsageRecord.objects.filter(pk=dead.id).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert sweep_expired() == 1
    assert UsageRecord.objects.get(pk=alive.id).status == "open"
