"""Processes race for the same money: every answer and every balance is exact, whoever comes first."""

import os
from datetime import timedelta
from random import Random

import pytest
from django.utils import timezone

from billing.holds import Heartbeat
from billing.lots import Lot, commit
from billing.models import LedgerEntry, UsageRecord, Wallet
from billing.pricing import Usage
from billing.proof import check_books
from config.kernel.money import usd
from tests.billing.crew import crew_of
from tests.factories import make_hold, make_price, make_token, make_user
from tests.live import database_url
from tests.provision.plugin import SEED
from tokens.models import Token

pytestmark = [pytest.mark.money, pytest.mark.django_db(transaction=True)]
PROCESSES = 8


@pytest.fixture(scope="module")
def crew(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), crew_of(PROCESSES, database_url=database_url()) as crew:
        yield crew


@pytest.fixture
def token():
    make_price()
    return make_token(make_user("alice@example.com", balance="1"))


def figures(token):
    wallet, row = Wallet.objects.get(user=token.user_id), Token.objects.get(pk=token.pk)
    return wallet.balance, wallet.held, row.used, row.held


def counted(answers):
    """How often each answer was given, over all processes."""
    flat = [str(answer) for each in answers for answer in each]
    return {answer: flat.count(answer) for answer in set(flat)}


def test_two_hundred_holds_with_money_for_ten(crew, token):
    answers = crew.race(*[("hold_many", {"token_ids": [token.pk], "each": 25})] * PROCESSES)
    assert counted(answers) == {"held": 10, "[402, 'insufficient_quota']": 190}
    assert figures(token) == (usd("1"), usd("1"), 0, usd("1"))
    assert UsageRecord.objects.count() == 10
    assert check_books() == []


def test_a_keys_quota_and_the_balance_are_both_exact(crew, token):
    tight = make_token(token.user, quota=usd("0.30"))
    answers = crew.race(*[("hold_many", {"token_ids": [tight.pk, token.pk], "each": 10})] * PROCESSES)
    of_tight, of_loose = ([answer[part] for answer in answers] for part in (slice(10), slice(10, None)))
    held = [counted(part).get("held", 0) for part in (of_tight, of_loose)]
    assert sum(held) == 10
    assert held[0] <= 3
    assert counted(of_loose)["[402, 'insufficient_quota']"] == 80 - held[1]
    assert [figures(tight)[3], figures(token)[3]] == [usd("0.10") * count for count in held]
    assert check_books() == []


def test_a_keys_quota_is_exact_when_the_balance_is_not_the_limit(crew, token):
    tight = make_token(make_user(balance="100"), quota=usd("0.75"))
    answers = crew.race(*[("hold_many", {"token_ids": [tight.pk], "each": 10})] * PROCESSES)
    assert counted(answers) == {"held": 7, "[402, 'key_quota_exhausted']": 73}
    assert figures(tight) == (usd("100"), usd("0.70"), 0, usd("0.70"))
    assert check_books() == []


def test_settings_saved_two_hundred_times_change_no_balance(crew, token):
    saving = ("save_settings", {"user_id": token.user_id, "token_id": token.pk, "times": 50})
    spending = ("spend", {"token_id": token.pk, "times": 12})
    answers = crew.race(*[saving, spending] * (PROCESSES // 2))
    assert answers[::2] == [50] * 4
    spent = sum(answers[1::2])
    assert spent == 48 * 1_000 * 2_000
    assert figures(token) == (usd("1") - spent, 0, spent, 0)
    assert check_books() == []


def test_one_idempotency_key_posts_once(crew, token):
    answers = crew.race(*[("grant", {"user_id": token.user_id, "amount": usd("5"), "key": "order:7"})] * PROCESSES)
    assert sorted(answers) == [False] * 7 + [True]
    assert Wallet.objects.get(user=token.user_id).balance == usd("6")
    assert LedgerEntry.objects.filter(idempotency_key="order:7").count() == 1
    assert check_books() == []


def test_sweeps_and_settlements_of_the_same_records(crew, token):
    holds = [make_hold(token, amount="0.02") for _ in range(50)]
    beats = [Heartbeat(hold.id, Usage(input=0, output=700)) for hold in holds[::2]]
    commit(Lot(holds=holds))
    commit(Lot(heartbeats=beats))
    UsageRecord.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    random = Random(os.environ.get(SEED, "1"))
    ids = [str(hold.id) for hold in holds]
    settling = [("settle_all", {"record_ids": ids, "seed": random.random(), "tokens": 900}) for _ in range(4)]
    sweeping = [("sweep", {"limit": random.randint(5, 50)}) for _ in range(4)]
    answers = crew.race(*settling, *sweeping)
    assert sum(answers) == 50
    statuses = list(UsageRecord.objects.values_list("status", flat=True))
    assert statuses.count("settled") == sum(answers[:4])
    assert statuses.count("abandoned") == sum(answers[4:])
    charged = sum(UsageRecord.objects.values_list("charge", flat=True))
    assert figures(token) == (usd("1") - charged, 0, charged, 0)
    assert check_books() == []
