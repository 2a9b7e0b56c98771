"""Callers who leave, who do not read, and whose key is revoked while they listen."""

import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import pytest

from accounts.services import set_active
from billing.tokenizer import guess_tokens
from config.kernel.money import usd
from relay.runtime import current
from tests.relay.conftest import chat
from tests.relay.faults.conftest import Told, check_wallet
from tests.relay.misbehaviours import WORDS
from tests.relay.test_leaving import request_on_a_socket, wait_for
from tokens.services import delete_token, issue_token, set_enabled

pytestmark = pytest.mark.live


def leave_after(alice, body, *, events, abruptly=False):
    """Send a request, read so many events, hang up; returns what was read."""
    with request_on_a_socket(alice, body) as connection:
        received = b""
        while received.count(b"data: ") < events:
            received += connection.recv(4096)
        if abruptly:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return received


READ_ON = [{"on_disconnect": "drain"}]  # a channel whose answers are charged whoever reads them


class TestLeaving:
    @pytest.mark.parametrize("stream", [True, False])
    def test_before_the_first_byte_hangs_up_upstream_and_is_free(self, case, settings, heard, stream):
        settings.RELAY_FREE_LEAVES = 50
        here = case("never-answers", concurrent_requests=50)
        body = chat("never-answers", stream=stream)

        def come_and_go(_):
            with request_on_a_socket(here.alice, body):
                wait_for(lambda: here.upstream.happened["never-answers"])

        with ThreadPoolExecutor(10) as pool:
            list(pool.map(come_and_go, range(50)))
        wait_for(lambda: here.upstream.left["never-answers"] == here.upstream.asked["never-answers"])
        wait_for(lambda: [record.status for record in here.alice.records] == ["failed"] * 50)
        assert {(r.end_reason, r.charge, r.http_status) for r in here.alice.records} == {("client_gone", 0, 499)}
        assert heard == []
        check_wallet(here.alice)

    @pytest.mark.parametrize("stream", [True, False])
    def test_before_the_first_byte_again_and_again_costs_the_prompt(self, case, settings, stream):
        settings.RELAY_FREE_LEAVES = 2
        here = case("never-answers")
        for number in (1, 2, 3):
            with request_on_a_socket(here.alice, chat("never-answers", stream=stream)):
                wait_for(lambda number=number: here.upstream.happened["never-answers"] == number)
            wait_for(lambda number=number: here.upstream.left["never-answers"] == number)
            wait_for(lambda: all(record.status != "open" for record in here.alice.records))
        records = here.alice.records
        assert [(r.rule, r.status) for r in records] == [("nothing", "failed")] * 2 + [("prompt", "settled")]
        assert [r.charge for r in records] == [0, 0, 1_000 * records[2].input_tokens]
        assert (records[2].input_tokens, records[2].output_tokens, records[2].http_status) == (8, None, 499)
        check_wallet(here.alice)

    @pytest.mark.parametrize("abruptly", [True, False])
    def test_in_the_middle_hangs_up_upstream_and_costs_what_came(self, case, abruptly):
        here = case("two-hundred-words")
        received = leave_after(here.alice, chat("two-hundred-words", stream=True), events=5, abruptly=abruptly)
        wait_for(lambda: here.upstream.left["two-hundred-words"] == 1)
        record = here.bill()
        assert (record.status, record.end_reason, record.rule) == ("settled", "client_gone", "delivered")
        assert guess_tokens("word " * 5) <= record.output_tokens < 200
        assert b"[DONE]" not in received

    def test_a_channel_that_charges_all_the_same_is_read_to_its_end(self, case):
        here = case("two-hundred-words", channels=READ_ON)
        leave_after(here.alice, chat("two-hundred-words", stream=True), events=5)
        record = here.bill()
        assert here.upstream.happened["two-hundred-words"] == 1, "the answer was not read to its end"
        assert (record.status, record.end_reason, record.rule) == ("settled", "client_gone", "reported")
        assert record.output_tokens == 200

    def test_reading_on_has_an_end_and_then_only_what_came_is_charged(self, case, settings):
        settings.RELAY_READ_ON_SECONDS = 0.5
        here = case("words-for-ever", channels=READ_ON)
        leave_after(here.alice, chat("words-for-ever", stream=True), events=5)
        wait_for(lambda: here.upstream.left["words-for-ever"] == 1)
        record = here.bill()
        said = guess_tokens(here.upstream.said["words-for-ever"])
        assert record.rule == "delivered"
        assert guess_tokens("word " * 5) <= record.output_tokens < said
        assert current().reading_on.has_room

    def test_only_so_many_are_read_on_at_once(self, case, settings):
        settings.RELAY_READ_ON_LIMIT = 0
        here = case("two-hundred-words", channels=READ_ON)
        leave_after(here.alice, chat("two-hundred-words", stream=True), events=5)
        wait_for(lambda: here.upstream.left["two-hundred-words"] == 1)
        assert here.bill().rule == "delivered"

    def test_with_the_last_byte_costs_all_of_it_once(self, case):
        here = case("well-behaved")
        for _ in range(10):
            leave_after(here.alice, chat("well-behaved", stream=True), events=len(WORDS), abruptly=True)
        wait_for(lambda: all(record.status != "open" for record in here.alice.records))
        assert len(here.alice.records) == 10
        check_wallet(here.alice)


class TestNotReading:
    def test_is_let_go_after_a_while_and_costs_what_was_sent(self, case, settings):
        settings.RELAY_SLOW_READER_SECONDS = 0.5
        here = case("a-flood")
        with request_on_a_socket(here.alice, chat("a-flood", stream=True), receive_buffer=4096) as connection:
            wait_for(lambda: here.upstream.left["a-flood"] == 1)
            record = here.bill()
            assert (record.status, record.end_reason) == ("settled", "client_gone")
            assert connection.getpeername()  # it still thinks that somebody is there
            wait_for(lambda: not served_to(connection))

    def test_takes_no_more_than_the_buffers_on_the_way(self, case):
        """The upstream is stopped by ours, ours by the caller: what was said stays far below what could have been."""
        here = case("a-flood")
        with request_on_a_socket(here.alice, chat("a-flood", stream=True), receive_buffer=4096):
            wait_for(lambda: here.upstream.happened["a-flood"])
            wait_for(lambda: _stands_still(here.upstream.said, "a-flood"))
            assert (
                len(here.upstream.said["a-flood"]) < 64 * 2**20
            )  # loopback buffers of the kernel, twice, and two of ours
        here.bill()

    def test_is_no_silence_of_the_upstream(self, case, settings):
        settings.RELAY_IDLE_TIMEOUT = 0.5
        here = case("two-hundred-words")
        with request_on_a_socket(here.alice, chat("two-hundred-words", stream=True), receive_buffer=4096) as connection:
            wait_for(lambda: here.upstream.happened["two-hundred-words"])
            received = b""
            while b"[DONE]" not in received and b'"error"' not in received:
                received += connection.recv(65536)
        assert b"[DONE]" in received
        assert here.bill().end_reason == "completed"


def served_to(connection):
    """The relay's end of a connection, as long as a process owns it."""
    port = connection.getsockname()[1]
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [row for row in rows if int(row[2].split(":")[1], 16) == port and row[9] != "0"]  # the tenth is the inode


def _stands_still(said, model):
    """Whether nothing more is written for a while."""
    before = len(said[model])
    sleep(0.5)
    return before and len(said[model]) == before


class TestRevoking:
    @pytest.fixture(autouse=True)
    def _noticed_soon(self, monkeypatch):
        monkeypatch.setattr("relay.runtime.HEARTBEAT_SECONDS", 0.2)

    @pytest.mark.parametrize("how", ["disabled", "deleted", "suspended"])
    @pytest.mark.parametrize("model", ["words-for-ever", "falls-silent"])
    def test_ends_a_running_stream_with_an_error_and_charges_what_came(self, case, model, how):
        here = case(model)
        response = here.alice.post(chat(model, stream=True), stream=True)
        wait_for(lambda: here.upstream.said[model])
        revoke(here.alice, how)
        told = Told.by(response)
        assert (told.status, told.error) == (200, "key_revoked")
        wait_for(lambda: here.upstream.left[model] == 1)
        record = here.bill(told)
        assert (record.status, record.end_reason, record.rule) == ("failed", "revoked", "delivered")

    def test_ends_a_call_that_waits_and_is_free(self, case):
        here = case("never-answers")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(here.ask, "never-answers", stream=False)
            wait_for(lambda: here.upstream.happened["never-answers"])
            revoke(here.alice, "disabled")
            told = waiting.result(timeout=20)
        assert (told.status, told.error) == (403, "key_revoked")
        record = here.bill(told)
        assert (record.end_reason, record.charge, here.alice.wallet.balance) == ("revoked", 0, usd("1"))

    def test_of_another_key_changes_nothing(self, case):
        here = case("two-hundred-words")
        other = issue_token(user=here.alice.user, name="other", group=here.alice.token.group).token
        response = here.alice.post(chat("two-hundred-words", stream=True), stream=True)
        set_enabled(token=other, enabled=False)
        assert Told.by(response).is_complete
        assert here.bill().status == "settled"


def revoke(alice, how):
    match how:
        case "disabled":
            set_enabled(token=alice.token, enabled=False)
        case "deleted":
            delete_token(token=alice.token)
        case "suspended":
            set_active(users=[alice.user], active=False)
