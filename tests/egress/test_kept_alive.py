"""A connection that was kept alive may be closed just as it is used again: that is no answer, and no failure either."""

import asyncio
import socket
from contextlib import asynccontextmanager

import aiohttp
import pytest

from config.egress.client import open_client

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HALF_A_HEAD = b"HTTP/1.1 200 OK\r\nContent-"


class Server:
    """Answers by number of connection: `scripts[n]` is what is written for each request on it; None hangs up."""

    def __init__(self, *scripts):
        self.scripts = list(scripts)
        self.bodies = []

    async def serve(self, reader, writer):
        for answer in self.scripts.pop(0):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split()[0])
            self.bodies.append(await reader.readexactly(length))
            if answer is None:
                break
            writer.write(answer)
            await writer.drain()
        writer.close()

    @asynccontextmanager
    async def running(self):
        async with await asyncio.start_server(self.serve, "127.0.0.1", 0) as server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def ask(server, *bodies):
    """POST each body with one client; the answers."""

    async def run():
        async with server.running() as url:
            client = open_client(timeout=aiohttp.ClientTimeout(sock_connect=5), read_buffer=65536)
            try:
                answers = []
                for body in bodies:
                    async with await client.send("POST", url, headers={}, body=body) as response:
                        answers.append(await response.read())
                return answers
            finally:
                await client.close()

    return asyncio.run(run())


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux forgets the vanished")
def test_a_server_that_vanishes_is_given_up_within_45_seconds():
    has_looked = asyncio.Event()

    async def answer_in_two_parts(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER.removesuffix(b"ok"))
        await has_looked.wait()
        writer.write(b"ok")
        writer.close()

    async def run():
        async with await asyncio.start_server(answer_in_two_parts, "127.0.0.1", 0) as server:
            client = open_client(timeout=aiohttp.ClientTimeout(sock_connect=5), read_buffer=65536)
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            response = await client.send("POST", url, headers={})
            connection = response.connection.transport.get_extra_info("socket")
            seconds = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) / 1000
            is_asked = connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            has_looked.set()
            await response.read()
            await client.close()
            return seconds, bool(is_asked)

    seconds, is_asked = asyncio.run(run())
    assert 0 < seconds <= 45
    assert is_asked


@pytest.fixture(autouse=True)
def allowed(settings):
    settings.EGRESS_ALLOW = ["127.0.0.1"]


def test_what_went_into_a_closing_connection_is_sent_again_on_a_fresh_one():
    server = Server([ANSWER, None], [ANSWER])
    assert ask(server, b"first", b"second") == [b"ok", b"ok"]
    assert server.bodies == [b"first", b"second", b"second"]


def test_a_body_written_piece_by_piece_is_sent_again_as_a_whole():
    large = b"x" * (3 * 1024 * 1024)
    server = Server([ANSWER, None], [ANSWER])
    assert ask(server, b"first", large) == [b"ok", b"ok"]
    assert server.bodies[1:] == [large, large]


def test_a_fresh_connection_that_is_closed_is_the_servers_answer():
    server = Server([None])
    with pytest.raises(aiohttp.ServerDisconnectedError):
        ask(server, b"first")
    assert server.bodies == [b"first"]


def test_the_fresh_connection_counts_even_after_a_closing_one():
    server = Server([ANSWER, None], [None])
    with pytest.raises(aiohttp.ServerDisconnectedError):
        ask(server, b"first", b"second")
    assert server.bodies == [b"first", b"second", b"second"]


def test_an_answer_that_has_begun_is_not_asked_for_again():
    server = Server([ANSWER, HALF_A_HEAD])
    with pytest.raises(aiohttp.ClientError):
        ask(server, b"first", b"second")
    assert server.bodies == [b"first", b"second"]
