"""What networks do to the connection to an upstream, at every byte where they can do it."""

import pytest

from relay.health import Health
from relay.runtime import current
from tests.relay.conftest import chat
from tests.relay.fault_proxy import fault_proxy
from tests.relay.faults.conftest import Case
from tests.relay.misbehaviours import WORDS

pytestmark = pytest.mark.live

HEAD = 130  # about where the headers of the scripted upstream end
OFFSETS = [0, 1, 40, HEAD - 5, HEAD + 1, *range(HEAD + 40, HEAD + 1100, 97)]
TEXT = "".join(WORDS)


@pytest.fixture
def network(upstream):
    """A network of ours between relay and upstream."""
    with fault_proxy("127.0.0.1", int(upstream.base_url.split(":")[2].removesuffix("/v1"))) as proxy:
        yield proxy


@pytest.fixture
def here(caller_of, upstream, network) -> Case:
    return Case(caller_of(models=["well-behaved"], channels=[{"base_url": network.url()}]), upstream)


def is_told_the_truth(here, told):
    """Complete only with all of the text; else an error; and never a bill for nothing."""
    assert TEXT.startswith(told.text)
    record = here.bill(told)
    if told.status == 200 and told.is_complete:
        assert told.text == TEXT
        assert record.status == "settled"
    else:
        assert told.error == "upstream_error"
        assert b"[DONE]" not in told.body
        assert record.status == "failed"
    return record


@pytest.mark.parametrize("how", ["cut_after", "reset_after"])
def test_a_connection_that_ends_anywhere(here, network, how):
    seen = set()
    for offset in OFFSETS:
        current().health = Health()  # in a row, these would open the channel's circuit
        setattr(network, how, offset)
        told = here.ask("well-behaved")
        is_told_the_truth(here, told)
        seen.add(told.text)
    assert sum(network.met.values()) == len(OFFSETS)
    assert {"", TEXT} <= seen
    assert len(seen) > 3, "the cuts met only the ends"


@pytest.mark.parametrize("offset", [0, HEAD - 5, HEAD + 300])
def test_a_connection_that_swallows(here, network, settings, offset):
    settings.RELAY_FIRST_BYTE_TIMEOUT = settings.RELAY_IDLE_TIMEOUT = 0.5
    network.swallow_after = offset
    told = here.ask("well-behaved")
    assert told.error == "upstream_timeout"
    assert network.met["swallow"] == 1
    assert here.bill(told).end_reason == "upstream_timeout"


def test_a_slow_connection_only_takes_longer(here, network):
    network.delay, network.bytes_per_second = 0.01, 20_000
    told = here.ask("well-behaved")
    assert (told.text, told.is_complete) == (TEXT, True)
    assert network.met["delay"]
    assert network.met["throttle"]
    assert here.bill(told).rule == "reported"


def test_a_port_where_nobody_listens_is_failed_over(caller_of, upstream):
    channels = [{"base_url": "http://127.0.0.1:9/v1", "priority": 9, "name": "away"}, {"base_url": upstream.base_url}]
    here = Case(caller_of(models=["well-behaved"], channels=channels), upstream)
    told = here.ask("well-behaved")
    assert told.is_complete
    assert [attempt["status"] for attempt in here.bill(told).attempts] == [None, 200]


def test_a_caller_who_hangs_up_is_passed_on_through_the_network(caller_of, upstream, network):
    here = Case(caller_of(models=["words-for-ever"], channels=[{"base_url": network.url()}]), upstream)
    response = here.alice.post(chat("words-for-ever", stream=True), stream=True)
    next(response.iter_content(None))
    response.close()
    assert here.bill().end_reason == "client_gone"
    assert upstream.left["words-for-ever"] == 1
