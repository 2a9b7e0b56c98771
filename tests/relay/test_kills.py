"""Pull every plug under load: the serving process, the database. Nothing that an upstream served is missing after."""

import logging
import os
from contextlib import contextmanager
from datetime import timedelta
from random import Random
from time import sleep

import pytest
import requests
from django.db import connection, transaction
from django.utils import timezone

from billing.lots import sweep_expired
from billing.models import UsageRecord
from billing.proof import check_books
from tests.factories import make_channel, make_group, make_price, make_user
from tests.live import serving
from tests.provision.plugin import SEED
from tests.relay.conftest import Caller, chat
from tests.relay.load import Load, Tally, mistreated_postgres, new_number, numbers_on_record
from tests.relay.test_crash import open_stream, process
from tests.relay.test_leaving import wait_for
from tokens.services import issue_token

__all__ = ["process"]  # a fixture
logger = logging.getLogger("tollbooth.tests")
pytestmark = [pytest.mark.live]
MODELS = ("sandbox-mini", "sandbox-pro", "sandbox-long")


@pytest.fixture
def upstream():
    tally = Tally()
    with serving(tally, lifespan="off") as url:
        tally.url = f"{url}/v1"
        yield tally


@pytest.fixture
def random():
    """Seeded anew for each run; set TOLLBOOTH_TEST_SEED to repeat it."""
    seed = os.environ.get(SEED, "1")
    logger.info("%s=%s", SEED, seed)
    return Random(seed)


def make_caller(upstream):
    for model in MODELS:
        make_price(model, input="0", output="2", max_output_tokens=2**30)
    make_channel(upstream.url, models=MODELS)
    user = make_user("alice@example.com", balance="100000")
    issued = issue_token(user=user, name="test key", group=make_group())
    return Caller("", user, issued.token, issued.plain_key)


def sweep():
    """What the next sweep does once the leases of the dead have run out."""
    UsageRecord.objects.filter(status="open").update(lease_until=timezone.now() - timedelta(seconds=1))
    return sweep_expired(limit=10_000)


def check_everything(upstream, served):
    """No request is missing, no hold is left, the books agree."""
    assert check_books() == []
    assert not UsageRecord.objects.filter(status="open").exists()
    recorded = numbers_on_record()
    assert len(recorded) == len(set(recorded)), "a request has two rows"
    assert set(upstream.seen) <= set(recorded), "the upstream served what no row tells of"
    assert set(served) <= set(numbers_on_record(status="settled", charge__gt=0)), "a whole answer was not charged"


# ── The serving process ──────────────────────────────────────────────────────


def kill_rounds(process, upstream, random, *, rounds):
    alice = make_caller(upstream)
    child, alice.base_url = process()
    served, abandoned = [], 0
    for _ in range(rounds):
        enough = len(upstream.seen) + 5
        load = Load(alice, random=random)
        wait_for(lambda enough=enough: len(upstream.seen) >= enough)
        sleep(random.uniform(0, 1.5))
        child.kill()  # SIGKILL
        child.wait()
        load.stop()
        served += load.served
        assert load.refused == []
        child, alice.base_url = process()
        abandoned += sweep()
        check_everything(upstream, served)
    assert abandoned, "no kill met a running request"
    logger.info("%d kills: %d seen, %d served, %d swept", rounds, len(upstream.seen), len(served), abandoned)


@pytest.mark.money
def test_kill_9_under_load(process, upstream, random):
    kill_rounds(process, upstream, random, rounds=2)


@pytest.mark.money
@pytest.mark.soak
def test_fifty_kills_under_load(process, upstream, random):
    kill_rounds(process, upstream, random, rounds=50)


# ── The database ─────────────────────────────────────────────────────────────


@pytest.fixture
def database(transactional_db):
    if connection.vendor != "postgresql":
        pytest.skip("mistreats a PostgreSQL server")
    with mistreated_postgres() as server:
        yield server


@contextmanager
def running_streams(alice, lengths):
    """Streams of so many tokens, 50 ms each; `read()` gives their whole answers."""
    opened = [open_stream(alice, max_tokens=length) for length in lengths]
    yield lambda: [b"".join(pieces) for _, pieces in opened]
    for response, _ in opened:
        response.close()


def test_a_call_whose_key_cannot_be_looked_up_is_refused_soon(caller_of):
    if connection.vendor != "postgresql":
        pytest.skip("nobody can keep a reader of SQLite waiting")
    alice = caller_of(models=["sandbox-mini"])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE tokens_token IN ACCESS EXCLUSIVE MODE")
        url, headers = f"{alice.base_url}/chat/completions", {"Authorization": f"Bearer {alice.key}"}
        refused = requests.post(url, json=chat(), headers=headers, timeout=6)
    assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)


def outage(alice, away, *, tokens, seconds):
    """Streams run through an outage of the database and are billed after it; new calls are refused meanwhile."""
    with running_streams(alice, tokens) as read:
        sleep(1)
        with away():
            refused = [alice.post(chat(max_tokens=new_number())) for _ in range(3)]
            sleep(seconds)
        answers = read()
    assert [(answer.status_code, "Retry-After" in answer.headers) for answer in refused] == [(503, True)] * 3
    assert all(answer.endswith(b"data: [DONE]\n\n") for answer in answers)
    wait_for(lambda: alice.post(chat(max_tokens=new_number())).status_code == 200)
    wait_for(lambda: not numbers_on_record(status="open"))


def outages(process, upstream, database, *, tokens, seconds):
    """Frozen first, then stopped; no sweep is needed after either."""
    alice = make_caller(upstream)
    _, alice.base_url = process(DATABASE_URL=database.url)
    served = []
    for away in (database.frozen, database.stopped):
        outage(alice, away, tokens=tokens, seconds=seconds)
        served += tokens
        check_everything(upstream, served)
        tokens = [length + 1 for length in tokens]


def test_a_database_that_freezes_and_one_that_stops(process, upstream, database):
    outages(process, upstream, database, tokens=[60, 110], seconds=0)


@pytest.mark.soak
def test_a_database_away_for_eight_seconds(process, upstream, database):
    outages(process, upstream, database, tokens=[80, 150, 260], seconds=6)
