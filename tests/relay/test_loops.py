"""A channel that leads back to this installation: refused at its first return, under one hold."""

import pytest

from billing.models import UsageRecord
from config.kernel.money import usd
from relay.channel_keys import set_secret
from relay.hops import HOP_HEADER, own_mark
from relay.models import Channel
from relay.probe import probe
from relay.runtime import current
from tests.factories import make_channel, make_group, make_target
from tests.relay.conftest import chat
from tests.relay.test_leaving import wait_for

pytestmark = [pytest.mark.live]


def lead_back(alice):
    """Give the channel this relay's own address and a key that works there: nothing but the mark can stop it."""
    channel = Channel.objects.get()
    channel.base_url = alice.base_url
    channel.save()
    set_secret(channel=channel, secret=alice.key)
    targets = current().routing
    wait_for(lambda: {t.base_url for found in targets.value.targets.values() for t in found} == {alice.base_url})


@pytest.mark.parametrize("stream", [False, True])
def test_a_loop_is_one_hop_and_one_hold(caller_of, stream):
    alice = caller_of()
    lead_back(alice)
    answer = alice.post(chat(stream=stream))
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
    (record,) = UsageRecord.objects.all()
    assert [attempt["status"] for attempt in record.attempts] == [508]
    assert (record.charge, alice.wallet.balance, alice.wallet.held) == (0, usd("1"), 0)


def test_the_loop_fails_over(caller_of, sandbox):
    alice = caller_of(models=["sandbox-mini"])
    lead_back(alice)
    Channel.objects.update(priority=9)
    make_channel(sandbox, models=["sandbox-mini"], groups=[make_group()])
    wait_for(lambda: any(len(found) == 2 for found in current().routing.value.targets.values()))
    wait_for(lambda: alice.post(chat()).status_code == 200 and len(alice.records[-1].attempts) == 2)


@pytest.mark.parametrize("path", ["/chat/completions", "/models", "/nothing"])
def test_what_comes_back_is_refused_before_anything_else(caller_of, path):
    alice = caller_of()
    answer = alice.post(chat(), path=path, headers={HOP_HEADER: own_mark()})
    assert (answer.status_code, answer.json()["error"]["code"]) == (508, "loop_detected")
    assert answer.headers["X-Request-Id"]
    assert UsageRecord.objects.count() == 0


def test_the_mark_of_another_installation_is_none_of_ours(caller_of):
    alice = caller_of()
    headers = {"Authorization": f"Bearer {alice.key}", HOP_HEADER: "0" * len(own_mark())}
    assert alice.post(chat(), headers=headers).status_code == 200


def test_the_mark_tells_nothing(settings):
    first = own_mark()
    assert first == own_mark()
    assert settings.SECRET_KEY not in first
    settings.SECRET_KEY = "another installation's"
    assert own_mark() != first


def test_the_channel_test_says_that_the_address_is_ours(caller_of):
    alice = caller_of()
    with pytest.raises(Exception, match=r"status 508.*the channel's base URL leads here"):
        probe(make_target(alice.base_url, secret=alice.key, model="sandbox-mini"))
