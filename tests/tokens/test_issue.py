"""Issuing: what is stored, what is handed out, and what is kept nowhere."""

import pytest

from config.kernel.errors import InvalidInput
from config.kernel.money import usd
from tests.factories import make_group
from tokens.keys import is_well_formed, key_hash
from tokens.models import GroupAccess, Token
from tokens.services import issue_token, issue_tokens


def test_a_key_is_handed_out_and_only_its_traces_are_stored(alice, issue, settings):
    issued = issue(alice)
    token = Token.objects.get()
    assert is_well_formed(issued.plain_key)
    assert bytes(token.key_hash) == key_hash(issued.plain_key, pepper=settings.KEY_PEPPER)
    assert token.masked_key == f"{issued.plain_key[:7]}*****{issued.plain_key[-4:]}"
    secret = issued.plain_key[7:-4].encode()
    assert all(secret not in bytes(column) for column in (token.key_hash, token.key_sealed))


def test_the_plain_key_is_not_in_the_text_of_the_result(alice, issue):
    issued = issue(alice)
    assert issued.plain_key not in repr(issued)


def test_nothing_can_be_logged_by_issuing(alice, issue, caplog):
    caplog.set_level("DEBUG")
    assert issue(alice).plain_key not in caplog.text


def test_the_defaults_are_the_widest_terms(alice, issue, standard):
    token = issue(alice).token
    assert (token.group, token.quota, token.expires_at) == (standard, None, None)
    assert (token.models_allowed, token.ips_allowed) == ([], [])
    assert token.status == Token.Status.ENABLED


def test_terms_are_stored(alice, issue):
    token = issue(alice, name="  ci  ", quota=usd("2.50"), models=["m-1", "m-1", " m-2 "], ips=["10.0.0.7/24"]).token
    token.refresh_from_db()
    assert (token.name, token.quota) == ("ci", usd("2.50"))
    assert (token.models_allowed, token.ips_allowed) == (["m-1", "m-2"], ["10.0.0.0/24"])


def test_no_sealed_copy_where_keys_are_not_revealable(alice, issue, settings):
    settings.KEYS_REVEALABLE = False
    assert issue(alice).token.key_sealed is None


def test_the_users_own_default_group_wins(alice, standard):
    vip = make_group("vip", is_public=False)
    GroupAccess.objects.update_or_create(user=alice, group=standard, defaults={"is_default": False})
    GroupAccess.objects.create(user=alice, group=vip, is_default=True)
    assert issue_token(user=alice, name="prod").token.group == vip


def test_a_closed_group_is_refused_until_it_is_granted(alice, issue):
    vip = make_group("vip", is_public=False)
    with pytest.raises(InvalidInput) as refusal:
        issue(alice, group=vip)
    assert set(refusal.value.details) == {"group"}
    GroupAccess.objects.create(user=alice, group=vip)
    assert issue(alice, group=vip).token.group == vip


def test_without_any_group_there_is_a_sentence_and_no_token(alice):
    with pytest.raises(InvalidInput) as refusal:
        issue_token(user=alice, name="prod")
    assert "group" in refusal.value.details
    assert not Token.objects.exists()


class TestBatch:
    def test_names_are_numbered_and_keys_differ(self, alice, standard):
        issued = issue_tokens(user=alice, name="ci", count=3)
        assert [each.token.name for each in issued] == ["ci 1", "ci 2", "ci 3"]
        assert len({each.plain_key for each in issued}) == 3
        assert set(Token.objects.values_list("name", flat=True)) == {"ci 1", "ci 2", "ci 3"}

    def test_one_keeps_its_name(self, alice, standard):
        assert issue_tokens(user=alice, name="ci", count=1)[0].token.name == "ci"

    @pytest.mark.parametrize("count", [0, -1, 51, 10**9])
    def test_size_has_bounds(self, alice, standard, count):
        with pytest.raises(InvalidInput) as refusal:
            issue_tokens(user=alice, name="ci", count=count)
        assert set(refusal.value.details) == {"count"}
        assert not Token.objects.exists()

    def test_fifty_at_once(self, alice, standard):
        assert len(issue_tokens(user=alice, name="ci", count=50)) == 50

    def test_a_name_that_its_number_makes_too_long(self, alice, standard):
        with pytest.raises(InvalidInput) as refusal:
            issue_tokens(user=alice, name="n" * 80, count=2)
        assert set(refusal.value.details) == {"name"}
        assert not Token.objects.exists()
