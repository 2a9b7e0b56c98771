"""Keys of a channel: stored sealed, replaced, disabled when refused, enabled again."""

import pytest

from config.kernel.errors import InvalidInput
from config.kernel.sealing import SealBroken
from relay.catalog import load_routing_table
from relay.channel_keys import (
    disable_refused_key,
    enable_key,
    open_key,
    open_secret,
    set_keys,
    set_secret,
)
from relay.models import Channel
from relay.services import set_status
from tests.factories import make_channel
from tokens.config_version import current_versions

URL = "http://127.0.0.1:9/v1"

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel(db):
    return make_channel(URL, name="main", secret=["first", "second"])


def secrets_of(channel):
    return [open_key(key, channel) for key in channel.keys.all()]


def routed(channel):
    """The secrets that requests would be sent with."""
    targets = load_routing_table().targets.get(("default", "test-model"), ())
    return sorted(target.secret for target in targets if target.channel_id == channel.pk)


def refuse(key, reason="status 401"):
    return disable_refused_key(key_id=key.pk, reason=reason)


def test_each_key_is_sealed_to_its_channel(channel):
    assert secrets_of(channel) == ["first", "second"]
    other = make_channel(URL)
    for key in channel.keys.all():
        assert b"first" not in bytes(key.sealed)
        with pytest.raises(SealBroken):
            open_key(key, other)


def test_keys_that_stay_keep_their_rows(channel):
    first = channel.keys.first()
    set_keys(channel=channel, secrets=["third", "first", "third", ""])
    assert secrets_of(channel) == ["first", "third"]
    assert channel.keys.first() == first


def test_one_key_replaces_all_and_an_empty_one_none(channel):
    set_secret(channel=channel, secret="only")
    assert secrets_of(channel) == ["only"]
    set_secret(channel=channel, secret="")
    assert not channel.keys.exists()
    assert routed(channel) == [""]


def test_what_cannot_be_a_key_changes_nothing(channel):
    with pytest.raises(InvalidInput):
        set_keys(channel=channel, secrets=["fine", "two words"])
    assert secrets_of(channel) == ["first", "second"]


def test_requests_go_with_every_enabled_key(channel):
    assert routed(channel) == ["first", "second"]
    channel.keys.update(status="disabled")
    assert routed(channel) == []


def test_a_key_that_does_not_open_leaves_the_others_be(channel):
    channel.keys.filter(pk=channel.keys.first().pk).update(sealed=make_channel(URL).keys.get().sealed)
    assert routed(channel) == ["second"]


def test_a_refused_key_is_disabled_and_told_to_every_process(channel):
    key, before = channel.keys.first(), current_versions()["channels"]
    assert refuse(key, "status 401 no such key")
    key.refresh_from_db()
    channel.refresh_from_db()
    assert (key.status, key.status_reason, channel.status) == ("auto_disabled", "status 401 no such key", "enabled")
    assert key.status_at < key.probe_at
    assert current_versions()["channels"] > before
    assert routed(channel) == ["second"]


def test_many_reports_of_one_key_count_once(channel):
    key = channel.keys.first()
    assert refuse(key)
    assert not refuse(key, "again")
    key.delete()
    assert not refuse(key)


def test_the_channel_goes_with_its_last_key(channel):
    for key in channel.keys.all():
        refuse(key, "status 402")
    channel.refresh_from_db()
    assert (channel.status, channel.status_reason) == (Channel.Status.AUTO_DISABLED, "status 402")
    assert channel.status_at is not None


def test_a_channel_that_staff_disabled_stays_so(channel):
    set_status(channels=[channel], status=Channel.Status.DISABLED)
    for key in channel.keys.all():
        refuse(key)
    enable_key(key=channel.keys.first())
    channel.refresh_from_db()
    assert channel.status == Channel.Status.DISABLED


def test_a_key_that_works_again_brings_its_channel_back(channel):
    for key in channel.keys.all():
        refuse(key)
    enable_key(key=channel.keys.first())
    channel.refresh_from_db()
    assert (channel.status, channel.status_reason, channel.status_at) == ("enabled", "", None)
    assert routed(channel) == ["first"]


def test_enabling_a_channel_enables_the_keys_that_were_refused(channel):
    off, *_ = channel.keys.all()
    for key in channel.keys.all():
        refuse(key)
    off.status = "disabled"
    off.save()
    set_status(channels=[Channel.objects.get()], status=Channel.Status.ENABLED)
    assert sorted(channel.keys.values_list("status", flat=True)) == ["disabled", "enabled"]
    assert open_secret(Channel.objects.get()) == "second"


def test_a_key_that_is_given_again_is_enabled_again(channel):
    refuse(channel.keys.first())
    set_keys(channel=channel, secrets=["first", "second"])
    assert set(channel.keys.values_list("status", flat=True)) == {"enabled"}
