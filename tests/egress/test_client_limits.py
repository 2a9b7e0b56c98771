"""Answers made to fill the memory: the relay's client and the channel test stop reading in time."""

import asyncio
import gzip
import tracemalloc

import pytest

from config.egress.client import told
from config.kernel.errors import DomainError
from relay.dialects.base import MAX_ANSWER_BYTES
from relay.dialects.chat import CHAT
from relay.probe import list_upstream_models, probe
from relay.routing import Target
from relay.upstream import Failure, new_client, open_answer, read_answer
from tests.egress.conftest import by_client
from tests.egress.listener import listening
from tests.factories import make_target

MEBI = 1024 * 1024
BOMB = gzip.compress(bytes(400 * MEBI), compresslevel=6)
PEAK = MAX_ANSWER_BYTES * 3  # the parts, their sum, and what was read ahead


@pytest.fixture(autouse=True)
def own_servers(settings):
    settings.EGRESS_ALLOW = ["127.0.0.1"]


def answer(body, *, status="200 OK", headers=()):
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def relayed(server):
    """What the relay makes of the server's answer to a chat completion."""
    target = Target(
        channel_id=1,
        channel_name="odd",
        provider="custom",
        base_url=f"http://127.0.0.1:{server.port}/v1",
        secret="secret",
        upstream_model="model",
        priority=0,
        weight=1,
    )

    async def run():
        client = new_client()
        try:
            response = await open_answer(client, target, spoken=CHAT, body=b"{}", is_stream=False)
            async with response:
                return await read_answer(response, CHAT)
        finally:
            await client.close()

    return asyncio.run(run())


def peak_of(work):
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("status", ["200 OK", "500 Broken"])
def test_a_gzip_bomb_goes_off_outside(status):
    def work():
        with listening(answer(BOMB, status=status, headers=["Content-Encoding: gzip"])) as server:
            with pytest.raises(Failure):
                relayed(server)
            assert server.connections == 1

    assert len(BOMB) < MEBI
    assert peak_of(work) < PEAK


def test_an_honest_gzip_answer_is_read():
    body = gzip.compress(b'{"choices": [{"index": 0}]}')
    with listening(answer(body, headers=["Content-Encoding: gzip"])) as server:
        raw, whole, _told = relayed(server)
    assert (raw, whole["choices"]) == (b'{"choices": [{"index": 0}]}', [{"index": 0}])


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_an_encoding_that_is_a_lie_is_a_failure(encoding):
    lie = answer(b"plainly not", headers=[f"Content-Encoding: {encoding}"])
    with listening(lie) as server, pytest.raises(Failure) as failed:
        relayed(server)
    assert failed.value.error.status == 502


def test_the_channel_test_does_not_unpack_at_all():
    def work():
        with listening(answer(BOMB, headers=["Content-Encoding: gzip"])) as server, pytest.raises(DomainError):
            list_upstream_models(make_target(f"http://127.0.0.1:{server.port}"))

    assert peak_of(work) < PEAK


@pytest.mark.parametrize(
    "headers",
    [["X-Long: " + "x" * MEBI], [f"X-{number}: x" for number in range(5_000)], ["X" * MEBI + ": x"], ["no header"]],
    ids=["long value", "many", "long name", "broken"],
)
def test_headers_beyond_measure_are_a_failure(headers):
    with listening(answer(b"{}", headers=headers)) as server:
        base_url = f"http://127.0.0.1:{server.port}"
        with pytest.raises(Failure) as failed:
            relayed(server)
        with pytest.raises(DomainError):
            probe(make_target(base_url))
        with pytest.raises(Exception, match=r".") as raised:
            by_client(base_url)
    assert failed.value.may_fail_over
    assert "not proper HTTP" in failed.value.reason
    assert "not proper HTTP" in told(raised.value)
    assert len(failed.value.reason) < 300
