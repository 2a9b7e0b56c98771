"""Keys that are remembered: not for ever, not beyond a change, and never an answer from before it."""

import pytest

from relay.key_cache import KEPT_KEYS, KEPT_SECONDS, KeyCache
from tests.factories import make_group, make_token, make_user
from tests.relay.test_leaving import wait_for
from tokens.config_version import current_versions
from tokens.models import GroupAccess, Token
from tokens.selectors import token_by_key
from tokens.services import delete_tokens, edit_token, issue_token, set_enabled, switch_tokens


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def keys(clock):
    return KeyCache(clock)


@pytest.fixture
def issued(db):
    return issue_token(user=make_user("alice@example.com"), name="key", group=make_group())


def test_a_key_is_remembered_for_a_while(keys, clock):
    keys.keep(b"digest", "token", generation=keys.generation)
    clock.now = KEPT_SECONDS - 0.1
    assert keys.get(b"digest") == "token"
    clock.now = KEPT_SECONDS
    assert keys.get(b"digest") is None


def test_a_moved_version_forgets_all_and_others_nothing(keys):
    keys.refresh({"tokens": 1})
    keys.keep(b"digest", "token", generation=keys.generation)
    keys.refresh({"tokens": 1, "prices": 7})
    assert keys.get(b"digest") == "token"
    keys.refresh({"tokens": 2, "prices": 7})
    assert keys.get(b"digest") is None


def test_what_was_read_before_a_change_is_not_remembered_after_it(keys):
    generation = keys.generation
    keys.refresh({"tokens": 1})
    keys.keep(b"digest", "as it was", generation=generation)
    assert keys.get(b"digest") is None


def test_the_memory_is_bounded(keys):
    for number in range(KEPT_KEYS + 1):
        keys.keep(b"%d" % number, "token", generation=keys.generation)
    assert keys.get(b"0") is None
    assert keys.get(b"%d" % KEPT_KEYS) == "token"


def suspend(token):
    token.user.is_active = False
    token.user.save()


CHANGES = {
    "edited": lambda token: edit_token(token=token, models=["sandbox-mini"]),
    "switched off": lambda token: set_enabled(token=token, enabled=False),
    "switched off with others": lambda token: switch_tokens(
        user=token.user, public_ids=[token.public_id], enabled=False
    ),
    "deleted": lambda token: delete_tokens(user=token.user, public_ids=[token.public_id]),
    "saved in the admin": lambda token: token.save(),
    "its owner suspended": suspend,
    "a group opened": lambda token: GroupAccess.objects.create(user=token.user, group=make_group("other")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_a_key_is_heard_of(keys, issued, change):
    keys.refresh(current_versions())
    keys.keep(b"digest", token_by_key(issued.plain_key), generation=keys.generation)
    CHANGES[change](issued.token)
    keys.refresh(current_versions())
    assert keys.get(b"digest") is None


def test_what_changes_no_key_is_not_heard_of(keys, issued):
    keys.refresh(current_versions())
    keys.keep(b"digest", token_by_key(issued.plain_key), generation=keys.generation)
    issued.token.user.save(update_fields=["last_login"])
    make_token(issued.token.user)
    keys.refresh(current_versions())
    assert keys.get(b"digest") is not None


@pytest.mark.live
def test_a_running_relay_hears_of_a_change(caller_of):
    alice = caller_of()
    assert alice.get("/models").status_code == 200
    edit_token(token=Token.objects.get(pk=alice.token.pk), ips=["203.0.113.7"])
    wait_for(lambda: alice.get("/models").status_code == 403)
