"""The two ways out, tried alike."""

import asyncio
from dataclasses import dataclass

import aiohttp
import pytest

from config.egress.client import open_client
from config.egress.session import Session
from tests.egress import zone
from tests.egress.authority import Authority


@dataclass
class Answer:
    status: int
    body: bytes


def by_client(*urls, seconds=5.0, headers=None):
    """GET them one after the other with one asynchronous client; the last answer."""

    async def run():
        client = open_client(timeout=aiohttp.ClientTimeout(sock_connect=seconds), read_buffer=65536)
        try:
            for url in urls:
                async with await client.send("GET", url, headers=headers or {}) as response:
                    answer = Answer(response.status, await response.read())
            return answer
        finally:
            await client.close()

    return asyncio.run(run())


def by_session(*urls, seconds=5.0, headers=None):
    """The same with one blocking session."""
    with Session() as session:
        for url in urls:
            response = session.get(url, timeout=(seconds, seconds), headers=headers)
        return Answer(response.status_code, response.content)


@pytest.fixture(params=[by_client, by_session], ids=["client", "session"])
def fetch(request):
    """`fetch(url, …)`, by each of the two ways."""
    return request.param


@pytest.fixture(autouse=True)
def scripted_names(settings):
    """Names of `zone` are answered by it; nothing but the public internet may be dialled until a test says so."""
    settings.EGRESS_LOOKUP, settings.EGRESS_ALLOW = zone.LOOKUP, []


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))
