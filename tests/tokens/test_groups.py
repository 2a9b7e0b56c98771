"""Who may use which group, the group of new users, and the counters that tell processes of a change."""

import pytest

from accounts.models import User
from tests.factories import make_group
from tests.tokens.races import at_once
from tokens.config_version import bump, current_versions
from tokens.models import GroupAccess
from tokens.selectors import default_group_of, groups_open_to
from tokens.services import grant_default_group


def test_public_groups_and_granted_ones(alice, bob):
    make_group("public")
    vip = make_group("vip", is_public=False)
    GroupAccess.objects.create(user=alice, group=vip)
    assert {group.code for group in groups_open_to(alice)} == {"public", "vip"}
    assert {group.code for group in groups_open_to(bob)} == {"public"}


def test_the_automatic_group_first_then_the_operators_order(alice):
    make_group("late", sort_order=9, ratio_ppm=1)
    make_group("dear", sort_order=1, ratio_ppm=900_000)
    make_group("cheap", sort_order=1, ratio_ppm=280_000)
    make_group("auto", sort_order=50, is_auto=True)
    assert [group.code for group in groups_open_to(alice)] == ["auto", "cheap", "dear", "late"]


class TestDefaultGroup:
    def test_of_a_new_user(self, db):
        group = make_group("default", is_default=True, is_public=False)
        user = User.objects.create_user("dave@example.com")
        access = GroupAccess.objects.get(user=user)
        assert (access.group, access.is_default) == (group, True)
        assert default_group_of(user) == group

    def test_nothing_to_grant_before_groups_are_seeded(self, db):
        user = User.objects.create_user("dave@example.com")
        assert not GroupAccess.objects.exists()
        assert default_group_of(user) is None

    def test_granting_again_changes_nothing(self, alice):
        make_group("default", is_default=True)
        grant_default_group(user=alice)
        grant_default_group(user=alice)
        assert GroupAccess.objects.filter(user=alice).count() == 1

    def test_a_default_of_ones_own_stays(self, alice):
        vip = make_group("vip", is_public=False)
        GroupAccess.objects.create(user=alice, group=vip, is_default=True)
        make_group("default", is_default=True)
        grant_default_group(user=alice)
        assert default_group_of(alice) == vip

    def test_saving_a_user_again_grants_nothing(self, alice):
        make_group("default", is_default=True)
        alice.save()
        assert not GroupAccess.objects.exists()


class TestVersions:
    def test_count_every_change_of_groups_and_access(self, alice):
        before = current_versions().get("groups", 0)
        group = make_group("vip")
        group.ratio_ppm = 280_000
        group.save()
        access = GroupAccess.objects.create(user=alice, group=group)
        access.delete()
        group.delete()
        assert current_versions()["groups"] == before + 5

    def test_names_count_apart(self, db):
        bump("prices")
        bump("prices")
        bump("channels")
        assert (current_versions()["prices"], current_versions()["channels"]) == (2, 1)

    @pytest.mark.money
    @pytest.mark.django_db(transaction=True)
    def test_no_change_is_lost_in_a_race(self):
        at_once(*[lambda: bump("prices")] * 8)
        assert current_versions() == {"prices": 8}
