"""What a request costs the database: so many statements and no more, and shared by those that come together.

Whoever adds one to the path of every request has to change a number here, and to say why.
"""

import asyncio
import threading
from collections import Counter, defaultdict

import psycopg
import pytest
from django.db import connection

from billing.holds import Settlement
from billing.models import UsageRecord
from billing.pricing import Usage
from billing.writer import LedgerWriter
from config.kernel.money import NanoUSD
from relay import authentication
from tests.factories import make_hold, make_token, make_user
from tests.relay.conftest import chat

pytestmark = pytest.mark.django_db(transaction=True)
HOLD = ["SELECT w.user_id", "WITH moved_wallets"]  # lock and write
SETTLEMENT = ["UPDATE billing_usagerecord", *HOLD]
KEY_READ = "SELECT of a key"
TOGETHER = 50


class Told:
    """The statements that each kind of thread has sent, by their first words, and its transactions."""

    def __init__(self):
        self.statements = defaultdict(Counter)
        self.commits = Counter()

    def clear(self):
        self.statements.clear()
        self.commits.clear()


def thread_kind():
    return threading.current_thread().name.partition("_")[0]


@pytest.fixture
def told(monkeypatch):
    if connection.vendor != "postgresql":
        pytest.skip("counts in psycopg, which all statements on PostgreSQL pass")
    told = Told()
    execute, commit = psycopg.Cursor.execute, psycopg.Connection.commit

    def counted(cursor, query, *arguments, **options):
        words = " ".join(query.split()[:2]).rstrip(",")
        told.statements[thread_kind()][KEY_READ if '"tokens_token"."key_hash"' in query else words] += 1
        return execute(cursor, query, *arguments, **options)

    def noted(connection):
        told.commits[thread_kind()] += 1
        return commit(connection)

    monkeypatch.setattr(psycopg.Cursor, "execute", counted)
    monkeypatch.setattr(psycopg.Connection, "commit", noted)
    monkeypatch.setattr("relay.runtime.HEARTBEAT_SECONDS", 3600.0)  # a beat would bring a statement of its own
    return told


@pytest.fixture
def caller(caller_of):
    caller = caller_of()
    assert caller.post(chat(max_tokens=5)).status_code == 200  # connections are open, statements prepared
    return caller


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_with_a_known_key_is_two_transactions_of_five_statements(told, caller, stream):
    told.clear()
    assert caller.post(chat(max_tokens=5, stream=stream)).status_code == 200
    assert told.statements["ledger"] == Counter([*HOLD, *SETTLEMENT])
    assert told.commits["ledger"] == 2


def test_a_key_is_read_once_in_one_statement(told, caller, monkeypatch):
    monkeypatch.setattr(authentication, "CACHE_SECONDS", 3600.0)
    authentication._cache.clear()
    told.clear()
    for _ in range(3):
        assert caller.post(chat(max_tokens=5)).status_code == 200
    assert told.statements["reader"][KEY_READ] == 1


def test_requests_that_come_together_share_their_statements(told):
    first, *holds = (make_hold(make_token(make_user(balance="1"))) for _ in range(1 + TOGETHER))

    async def run():
        writer = LedgerWriter()
        await writer.place_hold(first)  # opens the connection
        told.clear()
        await asyncio.gather(*(writer.place_hold(hold) for hold in holds))
        placed = Counter(told.statements["ledger"])
        told.clear()
        await asyncio.gather(*(writer.settle(settled(hold)) for hold in holds))
        await writer.close()
        return placed

    assert asyncio.run(run()) == Counter(HOLD)
    assert told.statements["ledger"] == Counter(SETTLEMENT)
    assert told.commits["ledger"] == 1


def settled(hold):
    return Settlement(
        id=hold.id,
        status=UsageRecord.Status.SETTLED,
        end_reason=UsageRecord.EndReason.COMPLETED,
        rule=UsageRecord.Rule.REPORTED,
        usage=Usage(input=1, output=1),
        charge=NanoUSD(1),
    )
