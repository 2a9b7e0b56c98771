"""What the relay learns from a key."""

from datetime import timedelta
from ipaddress import ip_address

import pytest
from django.utils import timezone

from config.kernel.money import usd
from tests.factories import make_group
from tokens.keys import make_key
from tokens.models import GroupAccess, Token
from tokens.selectors import token_by_key
from tokens.services import delete_token


def test_a_key_finds_its_token(alice, issue):
    issued = issue(alice, quota=usd("1"), models=["m-1"], ips=["10.0.0.0/8"])
    found = token_by_key(issued.plain_key)
    assert (found.id, found.public_id, found.name) == (issued.token.pk, issued.token.public_id, "prod")
    assert (found.user_id, found.group, found.groups) == (alice.pk, "default", ("default",))
    assert (found.quota, found.used, found.held) == (usd("1"), 0, 0)
    assert found.models_allowed == {"m-1"}
    assert any(ip_address("10.9.9.9") in network for network in found.networks)
    assert found.refusal() is None


def test_one_query(alice, issue, django_assert_num_queries):
    key = issue(alice).plain_key
    with django_assert_num_queries(1):
        token_by_key(key)


def test_one_more_for_the_automatic_group(alice, issue, django_assert_num_queries):
    key = issue(alice, group=make_group("auto", is_auto=True)).plain_key
    with django_assert_num_queries(2):
        token_by_key(key)


def test_the_automatic_group_runs_in_every_group_open_to_the_owner(alice, bob, issue):
    make_group("half", ratio_ppm=500_000)
    make_group("closed", is_public=False)
    vip = make_group("vip", is_public=False)
    GroupAccess.objects.create(user=alice, group=vip)
    GroupAccess.objects.create(user=bob, group=vip)
    found = token_by_key(issue(alice, group=make_group("auto", is_auto=True)).plain_key)
    assert found.group == "auto"
    assert sorted(found.groups) == ["default", "half", "vip"]


@pytest.mark.parametrize("key", ["", "sk-", "sk-" + "a" * 48, "Bearer x", "sk-" + "é" * 48, "\x00" * 51])
def test_a_malformed_key_costs_no_query(db, key, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert token_by_key(key) is None


def test_one_wrong_letter_costs_no_query(alice, issue, django_assert_num_queries):
    key = issue(alice).plain_key
    wrong = key[:10] + ("a" if key[10] != "a" else "b") + key[11:]
    with django_assert_num_queries(0):
        assert token_by_key(wrong) is None


def test_a_key_nobody_issued(db):
    assert token_by_key(make_key()) is None


def test_another_pepper_finds_nothing(alice, issue, settings):
    key = issue(alice).plain_key
    settings.KEY_PEPPER = bytes(32)
    assert token_by_key(key) is None


class TestRefusal:
    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"is_enabled": False}, "key_disabled"),
            ({"expires_at": timezone.now() - timedelta(hours=1)}, "key_expired"),
            ({"expires_at": timezone.now() + timedelta(days=9)}, None),
            ({"quota": 0}, None),
        ],
    )
    def test_of_a_token(self, alice, issue, change, code):
        issued = issue(alice)
        Token.objects.update(**change)
        refusal = token_by_key(issued.plain_key).refusal()
        assert (refusal and refusal.code) == code

    def test_a_deleted_key_is_told_apart_from_nothing(self, alice, issue):
        issued = issue(alice)
        delete_token(token=issued.token)
        found = token_by_key(issued.plain_key)
        assert found.is_deleted
        assert found.refusal().code == "invalid_api_key"

    def test_a_suspended_owner(self, alice, issue):
        key = issue(alice).plain_key
        alice.is_active = False
        alice.save()
        refusal = token_by_key(key).refusal()
        assert (refusal.status, refusal.code) == (403, "account_suspended")
