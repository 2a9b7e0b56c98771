"""A connection to an upstream serves one answer after another, unless an answer was not read to its end."""

from urllib.parse import urlsplit

import pytest

from tests.relay.conftest import chat
from tests.relay.fault_proxy import fault_proxy
from tests.relay.test_leaving import hang_up_after, settled, wait_for

pytestmark = [pytest.mark.live]


@pytest.fixture
def counted(sandbox):
    """A network to the sandbox that counts connections."""
    address = urlsplit(sandbox)
    with fault_proxy(address.hostname, address.port) as proxy:
        yield proxy


@pytest.mark.parametrize("stream", [True, False])
def test_answers_one_after_another_share_one(caller_of, counted, stream):
    alice = caller_of(channels=[{"base_url": counted.url()}])
    for _ in range(4):
        assert alice.post(chat(stream=stream)).status_code == 200
    assert counted.accepted == 1


def test_an_answer_that_was_left_closes_its_own(caller_of, counted):
    alice = caller_of(models=["sandbox-long", "sandbox-mini"], channels=[{"base_url": counted.url()}])
    hang_up_after(alice, chat("sandbox-long", stream=True), marker=b"data: ")
    settled(alice)
    wait_for(lambda: counted.closed_by_caller == 1)
    assert alice.post(chat(stream=True)).text.endswith("data: [DONE]\n\n")
    assert counted.accepted == 2
