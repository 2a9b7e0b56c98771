"""The balance calls of existing clients: exact numbers in their shapes, of the key's quota or of the account."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import requests
from django.db import OperationalError

from config.kernel.money import NANO_PER_USD, usd
from relay import balance
from tests.factories import give
from tests.relay.conftest import chat

pytestmark = pytest.mark.live


def ask(alice, path, *, root=False):
    base = alice.base_url.removesuffix("/v1") if root else alice.base_url
    response = requests.get(f"{base}{path}", headers={"Authorization": f"Bearer {alice.key}"}, timeout=20)
    assert response.status_code == 200, response.text
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    return json.loads(response.text, parse_float=Decimal)


def limits(alice, **options):
    """What the clients show: the limit and what is used of it, in dollars."""
    subscription = ask(alice, "/dashboard/billing/subscription", **options)
    usage = ask(alice, "/dashboard/billing/usage?start_date=2026-01-01&end_date=2026-01-02", **options)
    assert (subscription["object"], usage["object"]) == ("billing_subscription", "list")
    names = ("soft_limit_usd", "hard_limit_usd", "system_hard_limit_usd")
    assert len({subscription[name] for name in names}) == 1
    return subscription["hard_limit_usd"], Decimal(usage["total_usage"]) / 100


def dollars(nano):
    return Decimal(nano) / NANO_PER_USD


@pytest.mark.parametrize("root", [False, True])
def test_an_account_to_the_last_digit(caller_of, root):
    alice = caller_of(balance="1.000000001")
    assert limits(alice, root=root) == (Decimal("1.000000001"), 0)
    alice.post(chat())
    give(alice.user, "2.5")
    (record,) = alice.records
    assert limits(alice, root=root) == (Decimal("3.500000001"), dollars(record.charge))


def test_a_key_with_a_quota(caller_of):
    alice = caller_of(quota=usd("0.25"))
    alice.post(chat())
    alice.token.refresh_from_db()
    assert limits(alice) == (Decimal("0.25"), dollars(alice.token.used))
    assert alice.token.used == alice.records[0].charge > 0


@pytest.mark.parametrize("path", ["/api/usage/token", "/api/usage/token/"])
def test_quota_in_the_fields_unit(caller_of, path):
    alice = caller_of(quota=usd("0.5"))
    alice.token.used = usd("0.1")
    alice.token.expires_at = datetime(2099, 1, 1, tzinfo=UTC)
    alice.token.models_allowed = ["sandbox-mini"]
    alice.token.save()
    answer = ask(alice, path, root=True)
    assert (answer["code"], answer["message"]) == (True, "ok")
    assert answer["data"] == {
        "object": "token_usage",
        "name": "test key",
        "total_granted": 250_000,
        "total_used": 50_000,
        "total_available": 200_000,
        "unlimited_quota": False,
        "model_limits": {"sandbox-mini": True},
        "model_limits_enabled": True,
        "expires_at": 4_070_908_800,
    }
    assert ask(alice, "/dashboard/billing/subscription")["access_until"] == 4_070_908_800


def test_a_key_without_a_quota_tells_of_the_account(caller_of):
    data = ask(caller_of(balance="3"), "/api/usage/token", root=True)["data"]
    assert (data["total_granted"], data["total_used"], data["total_available"]) == (1_500_000, 0, 1_500_000)
    assert (data["unlimited_quota"], data["model_limits"], data["expires_at"]) == (True, {}, 0)


def test_who_has_nothing_left_may_still_ask(caller_of):
    assert limits(caller_of(balance="0")) == (0, 0)
    alice = caller_of(quota=0)
    assert limits(alice) == (0, 0)
    assert alice.post(chat()).status_code == 402


@pytest.mark.parametrize("path", ["/dashboard/billing/subscription", "/dashboard/billing/usage", "/api/usage/token"])
def test_keys_that_may_not_ask(caller_of, path):
    alice = caller_of()
    root = alice.base_url.removesuffix("/v1")
    assert requests.get(f"{root}{path}", timeout=20).status_code == 401
    alice.token.is_enabled = False
    alice.token.save()
    response = requests.get(f"{root}{path}", headers={"Authorization": f"Bearer {alice.key}"}, timeout=20)
    assert (response.status_code, response.json()["error"]["code"]) == (401, "key_disabled")


def test_bob_is_told_of_his_own_money(caller_of):
    alice, bob = caller_of(balance="1"), caller_of(balance="2")
    alice.post(chat())
    assert limits(bob) == (2, 0)


def test_a_database_that_is_away_keeps_nobody_waiting(caller_of, monkeypatch):
    def away(*_arguments):
        raise OperationalError

    alice = caller_of()
    monkeypatch.setattr(balance, "credit_of", away)
    response = alice.get("/dashboard/billing/usage")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "service_unavailable")
    assert int(response.headers["Retry-After"]) > 0
