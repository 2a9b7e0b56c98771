"""Editing: only what is given changes, and a quota never drops below what is used and held."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from config.kernel.errors import InvalidInput, NotFound
from config.kernel.money import usd
from tests.factories import make_group
from tests.tokens.races import at_once
from tokens.models import Token
from tokens.services import delete_token, edit_token, set_enabled


def test_only_the_given_terms_change(alice, issue):
    token = issue(alice, quota=usd("1"), models=["m-1"]).token
    Token.objects.update(quota=usd("5"))  # topped up after this page was loaded
    edited = edit_token(token=token, name="renamed", quota=usd("1"))
    assert (edited.name, edited.quota, edited.models_allowed) == ("renamed", usd("5"), ["m-1"])


def test_every_term_can_change(alice, issue):
    token, half, later = issue(alice).token, make_group("half", ratio_ppm=500_000), timezone.now() + timedelta(days=1)
    edited = edit_token(
        token=token, name="n", group=half, quota=0, expires_at=later, models=["m"], ips=["2001:db8::/32"]
    )
    assert (edited.name, edited.group, edited.quota, edited.expires_at) == ("n", half, 0, later)
    assert (edited.models_allowed, edited.ips_allowed) == (["m"], ["2001:db8::/32"])


def test_a_quota_may_be_lowered_to_what_is_used_and_held(alice, issue):
    token = issue(alice, quota=usd("1")).token
    Token.objects.update(used=usd("0.30"), held=usd("0.20"))
    assert edit_token(token=token, quota=usd("0.50")).quota == usd("0.50")


def test_and_no_further(alice, issue):
    token = issue(alice, quota=usd("1")).token
    Token.objects.update(used=usd("0.30"), held=usd("0.20"))
    with pytest.raises(InvalidInput) as refusal:
        edit_token(token=token, quota=usd("0.499999999"), name="other")
    (sentence,) = refusal.value.details["quota"]
    assert "$0.30" in sentence
    assert "$0.20" in sentence
    token.refresh_from_db()
    assert (token.quota, token.name) == (usd("1"), "prod")


def test_unlimited_is_always_possible(alice, issue):
    token = issue(alice, quota=usd("1")).token
    Token.objects.update(used=usd("1"))
    assert edit_token(token=token, quota=None).quota is None


@pytest.mark.money
@pytest.mark.django_db(transaction=True)
def test_a_call_that_sets_credit_aside_meanwhile(alice, issue):
    """Many edits down and holds up at once: whoever comes first wins, and nobody breaks the limit."""
    token = issue(alice, quota=1000).token
    outcomes = []

    def hold():
        rows = Token.objects.filter(pk=token.pk, quota__gte=F("used") + F("held") + 600)
        outcomes.append(("held", rows.update(held=F("held") + 600)))

    def edit():
        try:
            outcomes.append(("quota", edit_token(token=Token.objects.get(pk=token.pk), quota=500).quota))
        except InvalidInput:
            outcomes.append(("quota", 1000))

    at_once(*(hold, edit) * 4)
    token.refresh_from_db()
    lowered = {("quota", 500), ("held", 0)}
    held_first = {("quota", 1000), ("held", 1), ("held", 0)}
    assert (token.quota, token.held, set(outcomes)) in [(500, 0, lowered), (1000, 600, held_first)]


def test_an_expired_token_can_be_renamed(alice, issue):
    issue(alice)
    Token.objects.update(expires_at=timezone.now() - timedelta(days=1))
    token = Token.objects.get()
    assert edit_token(token=token, name="old", expires_at=token.expires_at).name == "old"


def test_a_token_stays_in_a_group_that_was_closed(alice, issue, standard):
    token = issue(alice).token
    standard.is_public = False
    standard.save()
    standard.access.all().delete()
    assert edit_token(token=token, name="still here", group=standard).group == standard


def test_but_cannot_move_into_one(alice, issue):
    with pytest.raises(InvalidInput) as refusal:
        edit_token(token=issue(alice).token, group=make_group("vip", is_public=False))
    assert set(refusal.value.details) == {"group"}


def test_a_token_deleted_meanwhile(alice, issue):
    token = issue(alice).token
    delete_token(token=Token.objects.get())
    for change in (lambda: edit_token(token=token, name="x"), lambda: set_enabled(token=token, enabled=True)):
        with pytest.raises(NotFound):
            change()
    assert not Token.objects.get().is_enabled
