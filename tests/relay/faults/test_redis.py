"""Redis refuses, or falls silent in the middle of its work: limits hold per process, and no money notices."""

from urllib.parse import urlsplit

import pytest

from relay.runtime import current
from tests.relay.conftest import chat
from tests.relay.fault_proxy import fault_proxy
from tests.relay.faults.conftest import check_wallet

pytestmark = pytest.mark.live


def test_one_that_refuses_costs_the_shared_counts_and_nothing_else(caller_of, settings):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    alice = caller_of(requests_per_minute=3)
    assert [alice.post(chat()).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert not current().limiter.is_shared
    check_wallet(alice)


def test_one_that_falls_silent_is_left_alone_after_its_budget(caller_of, settings):
    if not settings.REDIS_URL:
        pytest.skip("no Redis here")
    redis = urlsplit(settings.REDIS_URL)
    with fault_proxy(redis.hostname, redis.port) as network:
        settings.REDIS_URL = settings.REDIS_URL.replace(f":{redis.port}/", f":{network.port}/")
        settings.RELAY_LIMITS_BUDGET = 1.0  # a busy machine is no fault of Redis
        alice = caller_of(requests_per_minute=5, concurrent_requests=2)
        assert alice.post(chat()).status_code == 200
        assert current().limiter.is_shared
        network.swallow_after = 0
        assert [alice.post(chat(stream=True)).status_code for _ in range(3)] == [200, 200, 200]
        assert network.met["swallow"] == 1, "it was asked again and again"
        assert not current().limiter.is_shared
        check_wallet(alice)
