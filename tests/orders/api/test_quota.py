"""What a key has and what it was used for."""

from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from billing.models import UsageRecord, UsageRollup
from billing.rollups import roll_up_usage
from config.kernel.ids import first_uuid7_of
from config.kernel.money import usd
from orders import keys
from tests.factories import give, make_price
from tests.orders.api.refusals import refused
from tokens.keys import make_key
from tokens.models import Token

pytestmark = pytest.mark.django_db
QUERY, LOGS = "/api/quota/query", "/api/quota/logs"


@pytest.fixture
def use(db):
    """`use(token, charge=…)`: a finished request."""
    price = make_price()

    def use(token, **fields):
        values = {
            "user": token.user,
            "token": token,
            "token_name": token.name,
            "group": "default",
            "endpoint": "chat.completions",
            "is_stream": False,
            "model": price.model,
            "price": price,
            "prices": {},
            "ratio_ppm": 1_000_000,
            "status": "settled",
            "hold": usd("1"),
            "charge": usd("0.0064"),
            "input_tokens": 30,
            "output_tokens": 7,
            "total_ms": 283,
            "created_at": timezone.now(),
            "lease_until": timezone.now(),
        }
        return UsageRecord.objects.create(**(values | fields))

    return use


class TestQuery:
    def test_of_an_account(self, alice, key, data):
        give(alice, "2")
        told = data(QUERY, {"apiKey": key})
        assert type(told.pop("responseTimeMs")) is int
        assert told == {
            "tokenName": "Production Key",
            "totalTokens": 1_000_000,
            "usedTokens": 0,
            "remainingTokens": 1_000_000,
        }

    def test_of_a_key_with_a_quota(self, alice, issue, data):
        issued = issue(alice, quota=usd("10"))
        Token.objects.update(used=usd("4"))
        told = data(QUERY, {"apiKey": issued.plain_key})
        assert (told["totalTokens"], told["usedTokens"], told["remainingTokens"]) == (5_000_000, 2_000_000, 3_000_000)

    def test_bob_is_told_of_his_own(self, alice, bob, issue, data):
        give(alice, "5")
        give(bob, "1")
        assert data(QUERY, {"apiKey": issue(bob).plain_key})["totalTokens"] == 500_000

    def test_a_failure_behind_it(self, key, call, monkeypatch):
        def away(_key):
            raise DatabaseError("secret host name")

        monkeypatch.setattr(keys, "account_by_key", away)
        assert "secret" not in refused(call(QUERY, {"apiKey": key}), 500, "SERVER_ERROR")


@pytest.mark.parametrize("path", [QUERY, LOGS])
class TestInvalidKeys:
    def test_unknown_and_malformed_ones(self, key, call, path, django_assert_num_queries):
        answers = []
        for wrong in (make_key(), "sk-live_example", "", "\x7f", key.swapcase()):
            with django_assert_num_queries(1):
                answers.append(call(path, {"apiKey": wrong}))
        refused(answers[0], 400, "INVALID_KEY")
        assert all(answer == answers[0] for answer in answers)

    @pytest.mark.parametrize(
        "change",
        [
            {"is_enabled": False},
            {"deleted_at": timezone.now()},
            {"expires_at": timezone.now()},
            {"ips_allowed": ["::1"]},
        ],
    )
    def test_keys_that_are_not_usable(self, key, call, path, change):
        Token.objects.update(**change)
        refused(call(path, {"apiKey": key}), 400, "INVALID_KEY")


class TestLogs:
    def test_an_entry(self, alice, issue, use, data):
        issued = issue(alice)
        record = use(issued.token, cache_read_tokens=20)
        log = data(LOGS, {"apiKey": issued.plain_key})
        created_at = log["items"][0].pop("createdAt")
        assert datetime.fromisoformat(created_at) == record.created_at
        assert created_at.endswith("Z")
        assert log == {
            "items": [
                {
                    "id": f"log_{record.pk.hex}",
                    "modelName": "test-model",
                    "quota": 3200,
                    "hasCacheHit": True,
                    "promptTokens": 50,
                    "completionTokens": 7,
                    "responseTimeMs": 283,
                }
            ],
            "total": 1,
            "truncated": False,
        }

    def test_what_nobody_knows_is_zero(self, alice, issue, use, data):
        issued = issue(alice)
        use(issued.token, status="failed", charge=0, input_tokens=None, output_tokens=None, total_ms=None)
        entry = data(LOGS, {"apiKey": issued.plain_key})["items"][0]
        names = ("quota", "hasCacheHit", "promptTokens", "completionTokens", "responseTimeMs")
        assert [entry[name] for name in names] == [0, False, 0, 0, 0]
        assert type(entry["hasCacheHit"]) is bool

    def test_pages_by_cursor(self, alice, issue, use, data):
        issued = issue(alice)
        ids = sorted((f"log_{use(issued.token).pk.hex}" for _ in range(5)), reverse=True)
        body, seen = {"apiKey": issued.plain_key, "limit": 2}, []
        for truncated in (True, True, False):
            log = data(LOGS, body)
            assert (log["total"], log["truncated"]) == (5, truncated)
            seen += [entry["id"] for entry in log["items"]]
            body["before"] = seen[-1]
        assert seen == ids
        assert data(LOGS, body) == {"items": [], "total": 5, "truncated": False}

    def test_running_requests_are_not_told_yet(self, alice, issue, use, data):
        issued = issue(alice)
        use(issued.token, status="open", charge=0)
        assert data(LOGS, {"apiKey": issued.plain_key}) == {"items": [], "total": 0, "truncated": False}

    def test_never_another_keys_entries(self, alice, bob, issue, use, data):
        mine, hers, other = issue(bob), issue(alice), issue(bob)
        use(hers.token)
        use(other.token)
        late = use(hers.token)
        assert data(LOGS, {"apiKey": mine.plain_key}) == {"items": [], "total": 0, "truncated": False}
        before = data(LOGS, {"apiKey": mine.plain_key, "before": f"log_{late.pk.hex}"})
        assert before == {"items": [], "total": 0, "truncated": False}

    def test_two_hundred_at_most(self, alice, issue, use, data, monkeypatch):
        issued = issue(alice)
        for _ in range(3):
            use(issued.token)
        assert len(data(LOGS, {"apiKey": issued.plain_key, "limit": 200})["items"]) == 3

    @pytest.mark.parametrize("limit", [0, -1, 201, 10**30, "5", 5.0, True, None])
    def test_limits_that_are_none(self, key, call, limit):
        refused(call(LOGS, {"apiKey": key, "limit": limit}), 400, "invalid_payload", "limit")

    @pytest.mark.parametrize("before", ["", "log_", "log_01", 5, None, "log_" + "G" * 32, "log_" + "0" * 33, ["log_"]])
    def test_cursors_that_are_none(self, key, call, before):
        refused(call(LOGS, {"apiKey": key, "before": before}), 400, "invalid_payload", "before")

    def test_the_total_counts_rolled_up_hours_too(self, alice, issue, use, data):
        issued = issue(alice)
        for hours in (4, 3):
            at = timezone.now() - timedelta(hours=hours)
            use(issued.token, id=first_uuid7_of(at), created_at=at)
        roll_up_usage(now=timezone.now())
        assert UsageRollup.objects.count() == 2
        use(issued.token)
        assert data(LOGS, {"apiKey": issued.plain_key})["total"] == 3
