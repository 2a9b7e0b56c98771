"""The writer commits many requests in one transaction and still answers each of them exactly."""

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest
from django.db import IntegrityError, InterfaceError, OperationalError, connection, connections, transaction

from billing import writer as writer_module
from billing.holds import Heartbeat, Settlement
from billing.lots import commit, place_hold
from billing.models import UsageRecord, Wallet
from billing.pricing import Usage
from billing.writer import LedgerWriter
from config.kernel.errors import DomainError, InsufficientCredit, Unavailable
from config.kernel.ids import uuid7
from config.kernel.money import NanoUSD, usd
from tests.factories import make_hold, make_price, make_token, make_user
from tests.relay.test_leaving import wait_for
from tokens.services import set_enabled

pytestmark = [pytest.mark.money, pytest.mark.django_db(transaction=True)]
Status, EndReason, Rule = UsageRecord.Status, UsageRecord.EndReason, UsageRecord.Rule


def with_writer(work):
    """Run `work(writer)` in an event loop of its own and close the writer."""

    async def run():
        writer = LedgerWriter()
        try:
            return await work(writer)
        finally:
            await writer.close()

    return asyncio.run(run())


def settlement(hold, charge="0.04"):
    return Settlement(
        id=hold.id,
        status=Status.SETTLED,
        end_reason=EndReason.COMPLETED,
        rule=Rule.REPORTED,
        usage=Usage(input=10, output=5),
        charge=NanoUSD(usd(charge)),
    )


def wallet_of(token):
    wallet = Wallet.objects.get(user=token.user)
    return wallet.balance, wallet.held


async def answers(*questions):
    return await asyncio.gather(*questions, return_exceptions=True)


def test_in_one_lot_the_earlier_holds_win():
    token = make_token(make_user(balance="1"))
    holds = [make_hold(token) for _ in range(40)]
    results = with_writer(lambda writer: answers(*(writer.place_hold(hold) for hold in holds)))
    assert results[:10] == [usd("0.10")] * 10
    assert {error.code for error in results[10:]} == {"insufficient_quota"}
    assert wallet_of(token) == (usd("1"), usd("1"))
    assert set(UsageRecord.objects.values_list("id", flat=True)) == {hold.id for hold in holds[:10]}


def test_a_hold_returns_what_is_held_or_raises_why_nothing_is():
    token = make_token(make_user(balance="0.10"))
    fits, too_many = make_hold(token), make_hold(token)
    assert with_writer(lambda writer: writer.place_hold(fits)) == usd("0.10")
    with pytest.raises(InsufficientCredit):
        with_writer(lambda writer: writer.place_hold(too_many))


def test_a_smaller_hold_still_fits_after_a_larger_one_was_refused():
    token = make_token(make_user(balance="1"))
    make_price()
    holds = [make_hold(token, amount=amount) for amount in ("0.8", "0.5", "0.2")]
    results = with_writer(lambda writer: answers(*(writer.place_hold(hold) for hold in holds)))
    assert [isinstance(result, int) for result in results] == [True, False, True]


def test_a_keys_quota_and_the_balance_are_each_exact():
    user = make_user(balance="1")
    tight, loose = make_token(user, quota=usd("0.30")), make_token(user)
    holds = [make_hold(token) for token in (tight, loose) for _ in range(8)]
    results = with_writer(lambda writer: answers(*(writer.place_hold(hold) for hold in holds)))
    codes = [getattr(result, "code", "held") for result in results]
    assert codes[:8] == ["held"] * 3 + ["key_quota_exhausted"] * 5
    assert codes[8:] == ["held"] * 7 + ["insufficient_quota"]


def test_credit_freed_in_a_lot_serves_the_holds_of_the_same_lot():
    token = make_token(make_user(balance="0.10"))
    first, second = make_hold(token), make_hold(token, amount="0.06")

    async def work(writer):
        await writer.place_hold(first)
        return await answers(writer.settle(settlement(first)), writer.place_hold(second))

    assert with_writer(work) == [True, usd("0.06")]
    assert wallet_of(token) == (usd("0.06"), usd("0.06"))


def test_many_requests_at_once_leave_exact_books():
    tokens = [make_token(make_user(balance="2")) for _ in range(5)]
    make_price()
    holds = [make_hold(token) for token in tokens for _ in range(12)]

    async def one(writer, hold):
        await writer.place_hold(hold)
        await writer.heartbeat([Heartbeat(hold.id, Usage(input=1, output=1))])
        return await asyncio.gather(writer.settle(settlement(hold)), writer.settle(settlement(hold, "0.05")))

    results = with_writer(lambda writer: answers(*(one(writer, hold) for hold in holds)))
    assert all(sorted(result) == [False, True] for result in results)
    assert not UsageRecord.objects.filter(status="open").exists()
    for token in tokens:
        spent = sum(UsageRecord.objects.filter(token=token).values_list("charge", flat=True))
        token.refresh_from_db()
        assert wallet_of(token) == (usd("2") - spent, 0)
        assert (token.used, token.held) == (spent, 0)


def test_a_request_that_breaks_a_rule_does_not_fail_its_neighbours():
    token = make_token(make_user(balance="1"))
    good, bad = make_hold(token), make_hold(token)

    async def work(writer):
        await answers(writer.place_hold(good), writer.place_hold(bad))
        return await answers(writer.settle(settlement(bad, "0.50")), writer.settle(settlement(good)))

    broken, fine = with_writer(work)
    assert isinstance(broken, Exception)
    assert fine is True
    assert wallet_of(token) == (usd("0.96"), usd("0.10"))


@contextmanager
def database_blocked():
    """Another connection holds what every hold needs; lifted when the block ends."""
    locked, lift = threading.Event(), threading.Event()

    def hold_lock():
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                if connection.vendor == "postgresql":
                    cursor.execute("LOCK TABLE billing_wallet IN ACCESS EXCLUSIVE MODE")
                locked.set()
                lift.wait(timeout=20)
        finally:
            connection.close()

    thread = threading.Thread(target=hold_lock)
    thread.start()
    locked.wait(timeout=10)
    try:
        yield
    finally:
        lift.set()
        thread.join()


def test_a_blocked_database_is_unavailable_soon_and_keeps_no_late_hold(monkeypatch):
    monkeypatch.setattr(writer_module, "HOLD_SECONDS", 0.2)
    token = make_token(make_user(balance="1"))
    hold = make_hold(token)

    async def work(writer):
        with database_blocked():
            return (await answers(writer.place_hold(hold)))[0]

    refusal = with_writer(work)
    assert isinstance(refusal, Unavailable)
    assert (refusal.status, refusal.code, refusal.retry_after) == (503, "billing_unavailable", 2)
    wait_for(lambda: wallet_of(token) == (usd("1"), 0))
    record = UsageRecord.objects.get(pk=hold.id)
    assert (record.status, record.charge, record.rule) == ("failed", 0, "nothing")
    assert (record.end_reason, record.http_status) == ("internal_error", 503)
    assert record.error_code == "billing_unavailable"


def test_a_caller_is_let_down_after_two_seconds(monkeypatch):
    patience = []
    hold = make_hold(make_token(make_user(balance="1")))

    def lose_patience(seconds, *, timeout=asyncio.timeout):
        patience.append(seconds)
        return timeout(0.05)

    async def work(writer):
        with database_blocked():
            return (await answers(writer.place_hold(hold)))[0]

    monkeypatch.setattr(asyncio, "timeout", lose_patience)
    assert isinstance(with_writer(work), Unavailable)
    assert patience == [2.0]


def test_a_settlement_outlasts_a_blocked_database():
    token = make_token(make_user(balance="1"))
    hold = make_hold(token)

    async def work(writer):
        await writer.place_hold(hold)
        with database_blocked():
            waiting = asyncio.create_task(writer.settle(settlement(hold)))
            await asyncio.sleep(0.3)
            assert not waiting.done()
        return await waiting

    assert with_writer(work) is True
    assert wallet_of(token) == (usd("0.96"), 0)


def test_a_commit_whose_answer_was_lost_is_not_done_twice(monkeypatch):
    token = make_token(make_user(balance="1"))
    hold = make_hold(token)
    lost = iter([True, False, True, False])

    def commit_and_lose(lot):
        outcome = commit(lot)
        if next(lost):
            raise OperationalError("the connection broke after COMMIT was sent")
        return outcome

    monkeypatch.setattr(writer_module, "commit", commit_and_lose)

    async def work(writer):
        await writer.place_hold(hold)
        return await writer.settle(settlement(hold))

    with_writer(work)
    assert wallet_of(token) == (usd("0.96"), 0)
    assert UsageRecord.objects.get(pk=hold.id).charge == usd("0.04")


def test_too_many_waiting_holds_are_turned_away(monkeypatch):
    monkeypatch.setattr(writer_module, "MAX_WAITING_HOLDS", 3)
    token = make_token(make_user(balance="1"))
    holds = [make_hold(token) for _ in range(8)]
    results = with_writer(lambda writer: answers(*(writer.place_hold(hold) for hold in holds)))
    assert [isinstance(result, int) for result in results] == [True] * 3 + [False] * 5
    assert all(error.status == 503 for error in results[3:])


def test_four_thousand_holds_may_wait_and_are_committed_by_five_hundred(monkeypatch):
    monkeypatch.setattr(writer_module, "HOLD_SECONDS", 60.0)
    first = make_hold(make_token(make_user(balance="1")), amount="0.0000001")
    holds = [first, *(replace(first, id=uuid7()) for _ in range(4_096))]
    lots = []

    def commit_and_note(lot):
        lots.append(len(lot.holds))
        return commit(lot)

    monkeypatch.setattr(writer_module, "commit", commit_and_note)
    results = with_writer(lambda writer: answers(*(writer.place_hold(hold) for hold in holds)))
    assert isinstance(results.pop(), Unavailable)
    assert not [result for result in results if isinstance(result, Exception)]
    assert lots == [512] * 8


def test_what_is_asked_while_a_lot_is_committed_is_one_lot(monkeypatch):
    token = make_token(make_user(balance="1"))
    holds = [make_hold(token) for _ in range(5)]
    lots, may_go_on = [], threading.Event()

    def commit_slowly(lot):
        lots.append(len(lot.holds))
        may_go_on.wait(timeout=20)
        return commit(lot)

    async def work(writer):
        asking = []
        for hold in holds:
            asking.append(asyncio.create_task(writer.place_hold(hold)))
            await asyncio.sleep(0.01)
        may_go_on.set()
        await asyncio.gather(*asking)

    monkeypatch.setattr(writer_module, "commit", commit_slowly)
    with_writer(work)
    assert lots == [1, 4]


def test_an_answered_hold_makes_room_for_the_next(monkeypatch):
    monkeypatch.setattr(writer_module, "MAX_WAITING_HOLDS", 1)
    token = make_token(make_user(balance="0.30"))
    *holds, last, too_many = (make_hold(token, amount=amount) for amount in ("0.10", "0.30", "0.10", "0.10", "0.10"))

    async def work(writer):
        one_by_one = [(await answers(writer.place_hold(hold)))[0] for hold in holds]
        return one_by_one + await answers(writer.place_hold(last), writer.place_hold(too_many))

    codes = [getattr(answer, "code", "held") for answer in with_writer(work)]
    assert codes == ["held", "insufficient_quota", "held", "held", "billing_unavailable"]


@pytest.fixture
def pauses(monkeypatch):
    """How long the writer slept, without its sleeping."""
    slept, sleep, mine = [], asyncio.sleep, threading.get_ident()

    async def note(seconds):
        if threading.get_ident() != mine:  # a server that an earlier test has started in a thread
            return await sleep(seconds)
        slept.append(seconds)
        return await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", note)
    return slept


def test_only_after_company_does_the_writer_wait_for_more(pauses):
    token = make_token(make_user(balance="1"))
    alone, first, second, after, last = (make_hold(token) for _ in range(5))

    async def work(writer):
        await writer.place_hold(alone)
        await answers(writer.place_hold(first), writer.place_hold(second))
        assert pauses == []
        await writer.place_hold(after)
        await writer.place_hold(last)

    with_writer(work)
    assert pauses == [0.004]


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_is_away_is_asked_again_after_growing_pauses(monkeypatch, pauses, error):
    token = make_token(make_user(balance="1"))
    hold = make_hold(token)
    place_hold(hold)
    was_given_back = []

    def fail_eight_times(lot):
        was_given_back.append(connection.connection is None)
        connection.ensure_connection()
        if len(was_given_back) <= 8:
            raise error("the database is away")
        return commit(lot)

    monkeypatch.setattr(writer_module, "commit", fail_eight_times)
    assert with_writer(lambda writer: writer.settle(settlement(hold))) is True
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert was_given_back == [True] * 9  # a connection that broke is not used again
    assert wallet_of(token) == (usd("0.96"), 0)


def failing_once(error):
    """A commit whose first call raises the error and does nothing."""
    errors = iter([error])

    def fail_once(lot):
        for error in errors:
            raise error
        return commit(lot)

    return fail_once


def test_a_mistake_of_ours_reaches_every_asker_and_the_writer_goes_on(monkeypatch):
    token = make_token(make_user(balance="1"))
    first, second, third = (make_hold(token) for _ in range(3))

    async def work(writer):
        failed = await answers(writer.place_hold(first), writer.place_hold(second))
        return [*failed, *await answers(writer.place_hold(third))]

    monkeypatch.setattr(writer_module, "commit", failing_once(RuntimeError("a mistake")))
    *failed, held = with_writer(work)
    assert [str(error) for error in failed] == ["a mistake"] * 2
    assert not isinstance(held, Exception)
    assert wallet_of(token) == (usd("1"), usd("0.10"))


@pytest.mark.parametrize("error", [IntegrityError, OperationalError])
def test_a_lot_that_failed_once_still_answers_each_of_its_own(monkeypatch, pauses, error):
    token = make_token(make_user(balance="1"))
    good, bad = make_hold(token), make_hold(token)
    for hold in (good, bad):
        place_hold(hold)
    monkeypatch.setattr(writer_module, "commit", failing_once(error("once")))
    broken, fine = with_writer(
        lambda writer: answers(writer.settle(settlement(bad, "0.50")), writer.settle(settlement(good)))
    )
    assert isinstance(broken, IntegrityError)
    assert fine is True
    assert wallet_of(token) == (usd("0.96"), usd("0.10"))


def test_a_lone_request_that_broke_a_rule_gets_a_second_try(monkeypatch):
    token = make_token(make_user(balance="1"))
    hold = make_hold(token)
    monkeypatch.setattr(writer_module, "commit", failing_once(IntegrityError("once")))
    with_writer(lambda writer: writer.place_hold(hold))
    assert wallet_of(token) == (usd("1"), usd("0.10"))


def test_the_running_requests_of_a_revoked_key_are_named():
    good, bad = make_token(make_user(balance="1")), make_token(make_user(balance="1"))
    holds = [make_hold(token) for token in (good, bad, good)]
    for hold in holds:
        place_hold(hold)
    set_enabled(token=bad, enabled=False)
    beats = [Heartbeat(hold.id, Usage(input=1, output=1)) for hold in holds]
    assert with_writer(lambda writer: writer.heartbeat(beats)) == {holds[1].id}


def test_closing_finishes_what_was_accepted():
    token = make_token(make_user(balance="1"))
    hold = make_hold(token)

    async def work(writer):
        return asyncio.create_task(writer.place_hold(hold)), await asyncio.sleep(0)

    with_writer(work)
    assert UsageRecord.objects.filter(pk=hold.id, status="open").exists()


def test_one_thread_and_one_connection_do_all_and_end_with_the_writer(monkeypatch):
    token = make_token(make_user(balance="10"))
    holds = [make_hold(token) for _ in range(20)]
    used = set()

    def commit_and_note(lot):
        used.add((threading.current_thread(), connections["default"]))
        return commit(lot)

    async def run():
        writer = LedgerWriter()
        for hold in holds:
            await writer.place_hold(hold)
        await writer.close()
        ((thread, database),) = used
        assert not thread.is_alive()
        assert database.connection is None

    monkeypatch.setattr(writer_module, "commit", commit_and_note)
    asyncio.run(run())


def test_a_closed_writer_takes_no_hold():
    hold = make_hold(make_token(make_user(balance="1")))

    async def run():
        writer = LedgerWriter()
        await writer.close()
        await writer.place_hold(hold)

    with pytest.raises(DomainError):
        asyncio.run(run())
