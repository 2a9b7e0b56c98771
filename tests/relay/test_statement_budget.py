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
from billing.pipeline import Pipeline
from billing.pricing import Usage
from billing.writer import LedgerWriter
from config.kernel.money import NanoUSD
from relay.runtime import current
from tests.factories import make_hold, make_token, make_user
from tests.relay.conftest import chat

pytestmark = pytest.mark.django_db(transaction=True)
MOVE = ["BEGIN", "ledger_by_keys", "ledger_lock", "ledger_move_wallets", "ledger_move_tokens", "COMMIT"]
HOLD = [*MOVE, "ledger_open"]
SETTLEMENT = [*MOVE, "ledger_close"]
KEY_READ = "SELECT of a key"
TOGETHER = 50


class Told:
    """The statements that each kind of thread has sent, by name or first words, and how often it waited for answers."""

    def __init__(self):
        self.statements = defaultdict(Counter)
        self.trips = Counter()

    def clear(self):
        self.statements.clear()
        self.trips.clear()


def thread_kind():
    return threading.current_thread().name.partition("_")[0]


@pytest.fixture
def told(monkeypatch):
    if connection.vendor != "postgresql":
        pytest.skip("counts in psycopg and our pipelines, one of which all statements on PostgreSQL pass")
    told = Told()
    execute, flush = psycopg.Cursor.execute, Pipeline.flush

    def counted(cursor, query, *arguments, **options):
        words = " ".join(query.split()[:2]).rstrip(",")
        told.statements[thread_kind()][KEY_READ if '"tokens_token"."key_hash"' in query else words] += 1
        return execute(cursor, query, *arguments, **options)

    def noted(pipeline):
        told.trips[thread_kind()] += 1
        told.statements[thread_kind()].update(statement.name for statement, _parameters in pipeline._queued)
        return flush(pipeline)

    monkeypatch.setattr(psycopg.Cursor, "execute", counted)
    monkeypatch.setattr(Pipeline, "flush", noted)
    monkeypatch.setattr("relay.runtime.HEARTBEAT_SECONDS", 3600.0)  # a beat would bring a statement of its own
    return told


@pytest.fixture
def caller(caller_of):
    caller = caller_of()
    assert caller.post(chat(max_tokens=5)).status_code == 200  # connections are open, statements prepared
    return caller


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_with_a_known_key_is_two_transactions_of_two_round_trips(told, caller, stream):
    told.clear()
    assert caller.post(chat(max_tokens=5, stream=stream)).status_code == 200
    assert told.statements["ledger"] == Counter([*HOLD, *SETTLEMENT])
    assert told.trips["ledger"] == 4


def test_a_key_is_read_once_in_one_statement(told, caller):
    current().keys._tokens.clear()
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
    assert told.trips["ledger"] == 2


def settled(hold):
    return Settlement(
        id=hold.id,
        status=UsageRecord.Status.SETTLED,
        end_reason=UsageRecord.EndReason.COMPLETED,
        rule=UsageRecord.Rule.REPORTED,
        usage=Usage(input=1, output=1),
        charge=NanoUSD(1),
    )
