"""A serving process that dies between two statements, stands still, or is stopped with callers on the line."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest
import requests
from django.utils import timezone

from billing.lots import sweep_expired
from billing.models import UsageRecord
from billing.proof import check_books
from config.kernel.money import usd
from relay import watchdog
from relay.runtime import current
from tests.factories import make_channel, make_group, make_price, make_user
from tests.relay.conftest import Caller, chat
from tests.relay.faults.conftest import Told, check_wallet
from tests.relay.test_crash import process
from tests.relay.test_leaving import request_on_a_socket, wait_for
from tokens.services import issue_token

__all__ = ["process"]  # a fixture
pytestmark = pytest.mark.live

DYING = "tests.relay.faults.dying:application"
SETTLING = {"before it": 0, "closed": 1, "locking": 2, "locked": 3, "writing": 4, "written": 5, "committed": 6}
OFTEN = ("locked", "committed")  # the others are tried when there is time
MEGABYTE = 2**20


@pytest.fixture
def alice(transactional_db, upstream):
    models = list(upstream_models())
    for model in models:
        make_price(model, input="1", output="2")
    make_channel(upstream.base_url, models=models)
    user = make_user("alice@example.com", balance="1")
    issued = issue_token(user=user, name="test key", group=make_group())
    return Caller("", user, issued.token, issued.plain_key)


def upstream_models():
    return ["well-behaved", "no-usage", "two-hundred-words", "an-endless-line", "a-million-events", "a-bomb", "a-flood"]


def sweep():
    """What the next sweep does once the leases of the dead have run out."""
    UsageRecord.objects.filter(status="open").update(lease_until=timezone.now() - timedelta(seconds=1))
    return sweep_expired()


def dies(process, alice, **variables):
    """Ask a process that kills itself; returns once it is dead."""
    child, alice.base_url = process(DYING, **variables)
    with pytest.raises(requests.RequestException):
        alice.post(chat("well-behaved", stream=True)).raise_for_status()
    assert child.wait(timeout=20) == -signal.SIGKILL


# ── Killed ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "step", [step if step in OFTEN else pytest.param(step, marks=pytest.mark.soak) for step in SETTLING]
)
def test_a_kill_while_settling_leaves_all_of_it_or_nothing(process, alice, upstream, step):
    dies(process, alice, DIE_IN="close_records", DIE_AT=str(SETTLING[step]))
    assert upstream.happened["well-behaved"] == 1
    (record,) = alice.records
    is_done = step == "committed"
    assert record.status == ("settled" if is_done else "open")
    assert alice.wallet.held == (0 if is_done else record.hold)
    assert check_books() == []
    assert sweep() == (0 if is_done else 1)
    (record,) = alice.records
    assert record.status == ("settled" if is_done else "abandoned")
    check_wallet(alice)


@pytest.mark.parametrize(
    ("at", "is_held"), [pytest.param("0", False, marks=pytest.mark.soak), ("3", False), ("4", True)]
)
def test_a_kill_while_holding_calls_no_upstream_and_is_free(process, alice, upstream, at, is_held):
    dies(process, alice, DIE_IN="lock_tokens", DIE_AT=at)
    assert upstream.asked["well-behaved"] == 0
    assert [record.status for record in alice.records] == ["open"] * is_held
    assert sweep() == is_held
    assert alice.wallet.balance == usd("1")
    check_wallet(alice)


# ── Stopped ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("callers", [40, pytest.param(200, marks=pytest.mark.soak)])
def test_a_stop_lets_all_running_streams_finish(process, alice, upstream, callers):
    child, alice.base_url = process(RELAY_DRAIN_SECONDS="60")
    health = alice.base_url.replace("/v1", "/readyz")
    body = chat("two-hundred-words", stream=True, max_tokens=300)
    with ThreadPoolExecutor(callers) as pool:
        streams = [pool.submit(alice.post, body) for _ in range(callers)]
        wait_for(lambda: upstream.asked["two-hundred-words"] == callers, seconds=30)
        assert requests.get(health, timeout=5).status_code == 200
        child.terminate()
        told = [Told.by(stream.result(timeout=60)) for stream in streams]
    assert all(one.is_complete for one in told)
    assert child.wait(timeout=60) in (0, -signal.SIGTERM)
    assert [(record.status, record.output_tokens) for record in alice.records] == [("settled", 200)] * callers
    check_wallet(alice)


# ── Standing still ───────────────────────────────────────────────────────────


def stand_still(until):
    until.wait(10)


def test_a_loop_that_stands_still_is_told_of_and_loses_no_request(case, monkeypatch, heard):
    monkeypatch.setattr(watchdog, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(watchdog, "STILL_SECONDS", 0.2)
    here = case("two-hundred-words")
    response = here.alice.post(chat("two-hundred-words", stream=True), stream=True)
    moving = threading.Event()
    loop = current()._loops[0].get_loop()
    loop.call_soon_threadsafe(stand_still, moving)
    (said, *_) = wait_for(lambda: [one for one in heard if "in stand_still" in one])  # it says where
    assert "the event loop has stood still" in said
    assert sweep_expired() == 0, "the lease is shorter than a hiccup"
    moving.set()
    assert Told.by(response).is_complete
    assert here.bill().status == "settled"


def test_a_request_taken_for_dead_is_charged_once(case):
    here = case("two-hundred-words")
    response = here.alice.post(chat("two-hundred-words", stream=True), stream=True)
    wait_for(lambda: here.upstream.said["two-hundred-words"])
    assert sweep() == 1
    assert Told.by(response).is_complete
    (record,) = here.alice.records
    assert record.status == "abandoned"
    check_wallet(here.alice)


# ── Memory ───────────────────────────────────────────────────────────────────


def peak_of(child):
    """The most memory the process ever occupied, in bytes."""
    with open(f"/proc/{child.pid}/status") as status:
        lines = dict(line.split(":", 1) for line in status)
    return int(lines["VmHWM"].split()[0]) * 1024


def warm_peak_of(child, alice):
    """The same, once all has been loaded that is loaded at its first use: the tokenizer for one."""
    alice.post(chat("no-usage", stream=True))
    return peak_of(child)


@pytest.mark.parametrize("model", ["an-endless-line", "a-million-events", "a-bomb"])
def test_no_answer_makes_a_process_grow(process, alice, upstream, model):
    child, alice.base_url = process()
    before = warm_peak_of(child, alice)
    alice.post(chat(model, stream=True))
    assert upstream.happened[model] == 1
    assert peak_of(child) - before < 32 * MEGABYTE
    check_wallet(alice)


@pytest.mark.parametrize(("rounds", "callers"), [(1, 8), pytest.param(10, 50, marks=pytest.mark.soak)])
def test_callers_who_do_not_read_make_it_grow_by_their_buffers(process, alice, upstream, rounds, callers):
    child, alice.base_url = process(RELAY_SLOW_READER_SECONDS="2")
    before = warm_peak_of(child, alice)
    body = chat("a-flood", stream=True, max_tokens=100)
    for number in range(1, rounds + 1):
        with ExitStack() as staring:
            for _ in range(callers):
                staring.enter_context(request_on_a_socket(alice, body, receive_buffer=4096))
            wait_for(lambda number=number: upstream.left["a-flood"] == number * callers, seconds=120)
    assert peak_of(child) - before < callers * 2 * MEGABYTE
    wait_for(lambda: all(record.status != "open" for record in alice.records))
    check_wallet(alice)
