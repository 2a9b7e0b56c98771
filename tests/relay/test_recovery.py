"""Refused keys: staff are told once, probes come at growing pauses, and what works again is enabled."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.core import mail
from django.utils import timezone

from relay import recovery
from relay.channel_keys import FIRST_PAUSE, LONGEST_PAUSE, disable_refused_key, set_secret
from relay.models import ChannelKey
from relay.services import set_status
from relay.tasks import recover_keys, tell_staff
from tests.factories import make_channel
from tests.relay.odd_upstream import chat, error, odd_upstream

KEY = "Qm3v8Wd1-Zx94f9c2ab17d"

pytestmark = pytest.mark.django_db


@pytest.fixture
def refused(db):
    """`refused(url)`: the one key of a channel to it, just disabled."""

    def refused(base_url="http://127.0.0.1:9/v1", **fields):
        key = make_channel(base_url, secret=KEY, **fields).keys.first()
        disable_refused_key(key_id=key.pk, reason="status 401 no such key")
        key.refresh_from_db()
        return key

    return refused


def make_due(key):
    ChannelKey.objects.filter(pk=key.pk).update(probe_at=timezone.now() - timedelta(seconds=1))


def state_of(key):
    key = ChannelKey.objects.select_related("channel").get(pk=key.pk)
    return key.channel.status, key.status


def test_a_key_that_works_again_is_enabled_with_its_channel(refused):
    with odd_upstream(chat=chat()) as upstream:
        key = refused(upstream.base_url)
        make_due(key)
        recover_keys()
    assert state_of(key) == ("enabled", "enabled")
    assert upstream.keys == [f"Bearer {KEY}"]


def test_a_key_is_left_alone_until_its_pause_is_over(refused):
    with odd_upstream(chat=chat()) as upstream:
        key = refused(upstream.base_url)
        assert recovery.recover_keys() == 0
    assert state_of(key) == ("auto_disabled", "auto_disabled")
    assert upstream.asked == []


def test_pauses_grow_to_a_limit(refused):
    with odd_upstream(chat=error(401, "No such key")) as upstream:
        key = refused(upstream.base_url)
        pauses = []
        for _ in range(12):
            make_due(key)
            assert recovery.recover_keys() == 0
            key.refresh_from_db()
            pauses.append(key.probe_at - timezone.now())
    assert len(upstream.asked) == 12
    assert FIRST_PAUSE < pauses[0] < FIRST_PAUSE * 2
    assert all(later > earlier for earlier, later in pairwise(pauses[:8]))
    assert LONGEST_PAUSE - timedelta(minutes=1) < pauses[-1] <= LONGEST_PAUSE
    assert state_of(key) == ("auto_disabled", "auto_disabled")


def test_each_key_is_tried_by_one_worker(refused):
    key = refused()
    make_due(key)
    stale = ChannelKey.objects.get(pk=key.pk)
    assert recovery.claim_probe(key=ChannelKey.objects.get(pk=key.pk))
    assert not recovery.claim_probe(key=stale)


def test_the_key_that_was_refused_is_the_one_that_is_tried(refused):
    with odd_upstream(chat=chat()) as upstream:
        channel = make_channel(upstream.base_url, secret=["works", KEY])
        bad = channel.keys.last()
        disable_refused_key(key_id=bad.pk, reason="status 401")
        make_due(bad)
        recovery.recover_keys()
    assert upstream.keys == [f"Bearer {KEY}"]


def test_a_channel_that_staff_disabled_is_not_tried(refused):
    with odd_upstream(chat=chat()) as upstream:
        key = refused(upstream.base_url)
        set_status(channels=[key.channel], status="disabled")
        make_due(key)
        assert recovery.recover_keys() == 0
    assert upstream.asked == []
    assert state_of(key) == ("disabled", "auto_disabled")


def test_a_key_that_no_longer_opens_stays_disabled(refused):
    key = refused()
    ChannelKey.objects.filter(pk=key.pk).update(sealed=make_channel("http://127.0.0.1:9/v1").keys.get().sealed)
    make_due(key)
    assert recovery.recover_keys() == 0
    assert state_of(key) == ("auto_disabled", "auto_disabled")


def test_staff_are_told_once_and_of_no_key(refused, carol, alice):
    key = refused(name="main account")
    tell_staff()
    tell_staff()
    (sent,) = mail.outbox
    assert sent.to == [carol.email]
    assert "main account" in sent.subject
    assert "status 401 no such key" in sent.body
    assert "the channel is disabled" in sent.body
    assert f"/admin/relay/channel/{key.channel_id}/change/" in sent.body
    assert KEY not in sent.body


def test_staff_are_told_again_when_it_happens_again(refused, carol):
    key = refused()
    recovery.tell_staff()
    set_secret(channel=key.channel, secret=KEY)
    disable_refused_key(key_id=key.pk, reason="status 402")
    assert recovery.tell_staff() == 1
    assert len(mail.outbox) == 2


def test_a_mail_that_fails_is_tried_again(refused, carol, monkeypatch):
    refused()

    def broken(*_arguments):
        raise OSError("no mail server")

    with monkeypatch.context() as patched:
        patched.setattr(recovery, "send_mail", broken)
        with pytest.raises(OSError, match="no mail"):
            recovery.tell_staff()
    assert recovery.tell_staff() == 1
    assert len(mail.outbox) == 1
