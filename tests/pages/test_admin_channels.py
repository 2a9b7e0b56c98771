"""Channels in the admin: keys go in and never come out, tests are told, serving processes hear of changes."""

import pytest
from django.urls import reverse

from relay.channel_keys import disable_refused_key, open_key, open_secret, set_keys
from relay.endpoints import Endpoint
from relay.models import Channel
from tests.factories import make_channel, make_group, make_user
from tests.pages.admin_rows import list_url, page_url
from tests.relay.odd_upstream import chat, error, odd_upstream
from tokens.config_version import current_versions

NAME = "relay_channel"
KEY = "Qm3v8Wd1-Zx94f9c2ab17d"


@pytest.fixture
def channel(db):
    return make_channel("http://127.0.0.1:9/v1", name="main", secret=KEY)


@pytest.fixture
def staff(carol, client_of):
    return client_of(carol)


def form_of(channel=None, *, key="", **typed):
    """What a browser sends for a channel with one model; `key` goes into the first row of keys."""
    row = channel.channel_models.get() if channel else None
    stored = list(channel.keys.all()) if channel else []
    values = {
        "name": "main",
        "provider": "custom",
        "base_url": "http://127.0.0.1:9/v1",
        "groups": [make_group().pk],
        "priority": "0",
        "weight": "1",
        "on_disconnect": "cancel",
        "status": channel.status if channel else "enabled",
        "channel_models-TOTAL_FORMS": "1",
        "channel_models-INITIAL_FORMS": "1" if row else "0",
        "channel_models-0-id": row.pk if row else "",
        "channel_models-0-channel": channel.pk if channel else "",
        "channel_models-0-model": "test-model",
        "channel_models-0-upstream_model": "",
        "keys-TOTAL_FORMS": str(max(len(stored), 1)),
        "keys-INITIAL_FORMS": str(len(stored)),
    }
    for number in range(max(len(stored), 1)):
        is_stored = number < len(stored)
        values |= {
            f"keys-{number}-id": stored[number].pk if is_stored else "",
            f"keys-{number}-channel": channel.pk if channel else "",
            f"keys-{number}-weight": "1",
            f"keys-{number}-status": stored[number].status if is_stored else "enabled",
            f"keys-{number}-secret": key if number == 0 else "",
        }
    return {**values, **typed}


def save(staff, channel, **typed):
    return staff.post(page_url(NAME, channel), form_of(channel, **typed))


def add(staff, **typed):
    return staff.post(reverse("admin:relay_channel_add"), form_of(**typed))


def test_a_channel_is_added_with_its_key_models_and_groups(staff):
    assert add(staff, key=KEY).status_code == 302
    channel = Channel.objects.get()
    assert open_secret(channel) == KEY
    assert [row.model for row in channel.channel_models.all()] == ["test-model"]
    assert list(channel.groups.all()) == [make_group()]


def test_an_empty_base_url_is_the_providers_own(staff):
    add(staff, provider="deepseek", base_url="")
    assert Channel.objects.get().base_url == "https://api.deepseek.com/v1"


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"base_url": ""}, "starts with http"),
        ({"base_url": "https://a:b@example.com/v1"}, "Leave user name and password out"),
        ({"provider": "cloudbase", "base_url": ""}, "Fill in the part in braces. https://{env_id}"),
        ({"provider": "nobody"}, "Select a valid choice"),
        ({"key": "two words"}, "cannot be a key"),
        ({"key": "line\nbreak"}, "cannot be a key"),
        ({"keys-0-label": "second account"}, "Enter the key."),
        ({"header_overrides": '{"Host": "x"}'}, "Host cannot be set here"),
        ({"body_overrides": '{"model": "x"}'}, "model cannot be overridden"),
        ({"body_overrides": "[1]"}, "Write an object"),
        ({"speaks": ["telepathy"]}, "Select a valid choice"),
        ({"status": "auto_disabled"}, "Select a valid choice"),
        ({"max_concurrent": "0"}, "greater than or equal to 1"),
        ({"groups": []}, "This field is required"),
        ({"weight": "0"}, "greater than or equal to 1"),
    ],
)
def test_what_the_form_refuses(staff, typed, complaint):
    answer = add(staff, **typed)
    assert complaint in answer.content.decode()
    assert not Channel.objects.exists()


def test_the_automatic_group_has_no_channels(staff):
    automatic = make_group("auto", is_auto=True)
    assert "Select a valid choice" in add(staff, groups=[automatic.pk]).content.decode()


def test_an_empty_key_keeps_the_stored_one_and_the_last_can_be_deleted(staff, channel):
    save(staff, channel, priority="5")
    channel.refresh_from_db()
    assert (channel.priority, open_secret(channel)) == (5, KEY)
    save(staff, channel, **{"keys-0-DELETE": "on"})
    channel.refresh_from_db()
    assert open_secret(channel) == ""


def test_a_refused_form_does_not_send_the_typed_key_back(staff, channel):
    html = save(staff, channel, key="typed-9f3a7c51", weight="0").content.decode()
    assert "typed-9f3a7c51" not in html
    assert KEY not in html


@pytest.mark.parametrize("url", ["https://elsewhere.example/v1", "https://127.0.0.1:9/v1", "http://127.0.0.1:10/v1"])
def test_another_host_needs_the_key_again(staff, channel, url):
    assert "Enter the key again" in save(staff, channel, base_url=url).content.decode()
    assert save(staff, channel, base_url=url, key="new-key-for-there").status_code == 302


def test_another_path_on_the_same_host_does_not(staff, channel):
    assert save(staff, channel, base_url="http://127.0.0.1:9/api/v1").status_code == 302


def test_a_host_that_nothing_is_sent_to_is_refused_with_what_to_do(staff, settings):
    settings.EGRESS_ALLOW = []
    html = add(staff, base_url="http://192.168.1.9:11434/v1").content.decode()
    assert "192.168.1.9 is a private address" in html
    assert "add 192.168.1.9:11434 to the setting EGRESS_ALLOW" in html
    assert not Channel.objects.exists()
    settings.EGRESS_ALLOW = ["192.168.1.9:11434"]
    assert add(staff, base_url="http://192.168.1.9:11434/v1").status_code == 302


def test_a_name_that_is_unknown_just_now_is_saved(staff):
    assert add(staff, base_url="https://not-yet.invalid/v1").status_code == 302


def test_the_test_button_tells_times(staff):
    with odd_upstream(chat=chat()) as upstream:
        channel = make_channel(upstream.base_url, name="main", secret=KEY)
        answer = staff.post(reverse("admin:relay_channel_test", args=[channel.pk]), {"model": ""}, follow=True)
    assert "main answered with test-model: first byte after" in answer.content.decode()
    assert "passed in" in answer.content.decode()


def test_the_list_action_tells_what_went_wrong_without_the_key(staff):
    with odd_upstream(chat=error(401, f"No such key: {KEY}")) as upstream:
        channel = make_channel(upstream.base_url, name="main", secret=KEY)
        data = {"action": "test", "_selected_action": [channel.pk]}
        html = staff.post(list_url(NAME), data, follow=True).content.decode()
    assert "main failed with test-model: The upstream does not accept this key (status 401): No such key: […]" in html
    assert KEY not in html


def test_a_test_is_never_a_link(staff, channel, client_of, alice):
    url = reverse("admin:relay_channel_test", args=[channel.pk])
    assert staff.get(url).status_code == 403
    assert client_of(alice).post(url).status_code == 302
    assert client_of(make_user("dave@example.com", is_staff=True)).post(url).status_code == 403
    channel.refresh_from_db()
    assert channel.tested_at is None


def test_actions_switch_channels_and_tell_the_serving_processes(staff, channel):
    before = current_versions()["channels"]
    staff.post(list_url(NAME), {"action": "disable", "_selected_action": [channel.pk]})
    channel.refresh_from_db()
    assert channel.status == Channel.Status.DISABLED
    assert current_versions()["channels"] > before
    staff.post(list_url(NAME), {"action": "enable", "_selected_action": [channel.pk]})
    channel.refresh_from_db()
    assert channel.status == Channel.Status.ENABLED


def test_every_kind_of_change_is_told(staff, channel):
    other = make_group("other")
    changes = [
        lambda: channel.save(),
        lambda: channel.channel_models.get().save(),
        lambda: channel.keys.get().save(),
        lambda: channel.groups.add(other),
        lambda: channel.groups.remove(other),
        lambda: channel.groups.clear(),
        lambda: channel.channel_models.get().delete(),
        lambda: channel.delete(),
    ]
    for change in changes:
        before = current_versions()["channels"]
        change()
        assert current_versions()["channels"] > before


def test_the_history_names_the_field_and_not_the_key(staff, channel):
    save(staff, channel, key="changed-key-51")
    html = staff.get(reverse("admin:relay_channel_history", args=[channel.pk])).content.decode()
    assert "Key" in html
    assert "changed-key-51" not in html


def test_a_channel_takes_limits_endpoints_and_overrides(staff):
    add(
        staff,
        speaks=["chat", "messages"],
        max_concurrent="4",
        requests_per_minute="60",
        on_disconnect="drain",
        body_overrides='{"temperature": 0.2, "user": null}',
        header_overrides='{"X-Region": "eu"}',
    )
    channel = Channel.objects.get()
    assert channel.endpoints == {Endpoint.CHAT, Endpoint.MESSAGES}
    assert (channel.max_concurrent, channel.requests_per_minute, channel.on_disconnect) == (4, 60, "drain")
    assert (channel.body_overrides, channel.header_overrides) == (
        {"temperature": 0.2, "user": None},
        {"X-Region": "eu"},
    )


def test_another_key_is_added_beside_the_first(staff, channel):
    second = {"keys-TOTAL_FORMS": "2", "keys-1-channel": channel.pk, "keys-1-label": "Tokyo", "keys-1-secret": "k2"}
    save(staff, channel, **second, **{"keys-1-weight": "3", "keys-1-status": "enabled"})
    first, added = channel.keys.all()
    assert [open_key(key, channel) for key in (first, added)] == [KEY, "k2"]
    assert (added.label, added.weight) == ("Tokyo", 3)


def test_one_key_of_several_is_not_enough_for_another_host(staff, channel):
    set_keys(channel=channel, secrets=[KEY, "k2"])
    url = "https://elsewhere.example/v1"
    assert "Enter the key again" in save(staff, channel, base_url=url, key="new").content.decode()
    assert save(staff, channel, base_url=url, key="new", **{"keys-1-DELETE": "on"}).status_code == 302


def test_a_key_disabled_automatically_shows_why_and_is_enabled_by_hand(staff, channel):
    set_keys(channel=channel, secrets=[KEY, "k2"])
    refused = channel.keys.first()
    disable_refused_key(key_id=refused.pk, reason="status 401 no such key")
    html = staff.get(page_url(NAME, channel)).content.decode()
    assert "status 401 no such key" in html
    assert "1 / 2" in staff.get(list_url(NAME)).content.decode()
    assert save(staff, channel, **{"keys-0-status": "enabled"}).status_code == 302
    refused.refresh_from_db()
    assert (refused.status, refused.status_reason, refused.status_at) == ("enabled", "", None)


def test_a_channel_disabled_automatically_has_a_button(staff, channel):
    disable_refused_key(key_id=channel.keys.get().pk, reason="status 402")
    html = staff.get(page_url(NAME, channel)).content.decode()
    enable = reverse("admin:relay_channel_enable", args=[channel.pk])
    assert enable in html
    assert "Disabled automatically" in staff.get(list_url(NAME)).content.decode()
    assert staff.get(enable).status_code == 403
    staff.post(enable)
    channel.refresh_from_db()
    assert (channel.status, channel.status_reason, channel.keys.get().status) == ("enabled", "", "enabled")
    assert enable not in staff.get(page_url(NAME, channel)).content.decode()
