"""A fresh key for a token: the one before works for a day more, or stops at once; never is more than one replaced."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.credit import account_by_key
from config.kernel.errors import Conflict
from tokens.config_version import current_versions
from tokens.models import Token
from tokens.selectors import token_by_key
from tokens.services import delete_token, reveal_key, rotate_key, stop_former_key

pytestmark = pytest.mark.django_db


def refusal_of(key):
    """Why the relay refuses a key; empty for one that works, `unknown` for one that is none."""
    found = token_by_key(key)
    refusal = found.refusal() if found else None
    return "unknown" if found is None else refusal.code if refusal else ""


def test_both_keys_work_and_spend_from_the_same_token(alice, issue):
    old = issue(alice)
    new = rotate_key(token=Token.objects.get())
    assert new.plain_key != old.plain_key
    assert [refusal_of(key) for key in (old.plain_key, new.plain_key)] == ["", ""]
    assert {token_by_key(key).id for key in (old.plain_key, new.plain_key)} == {old.token.pk}
    assert {account_by_key(key).token.pk for key in (old.plain_key, new.plain_key)} == {old.token.pk}
    assert reveal_key(token=Token.objects.get()) == new.plain_key
    assert Token.objects.get().masked_key == new.token.masked_key


def test_the_key_before_stops_after_a_day_also_where_its_token_is_remembered(alice, issue):
    old = issue(alice)
    rotate_key(token=old.token)
    remembered = token_by_key(old.plain_key)
    assert timedelta(hours=23, minutes=59) < remembered.expires_at - timezone.now() <= timedelta(hours=24)
    Token.objects.update(former_until=timezone.now())
    assert refusal_of(old.plain_key) == "unknown"
    assert account_by_key(old.plain_key) is None


def test_a_key_before_outlives_its_token_in_no_case(alice, issue):
    soon = timezone.now() + timedelta(hours=1)
    old = issue(alice, expires_at=soon)
    new = rotate_key(token=old.token)
    assert [token_by_key(key).expires_at for key in (old.plain_key, new.plain_key)] == [soon, soon]
    delete_token(token=new.token)
    assert [token_by_key(key).is_deleted for key in (old.plain_key, new.plain_key)] == [True, True]


def test_what_leaked_stops_at_once(alice, issue):
    old = issue(alice)
    new = rotate_key(token=old.token, at_once=True)
    assert [refusal_of(key) for key in (old.plain_key, new.plain_key)] == ["unknown", ""]


def test_a_second_rotation_stops_the_oldest_key(alice, issue):
    first = issue(alice)
    second = rotate_key(token=Token.objects.get())
    third = rotate_key(token=Token.objects.get())
    assert [refusal_of(each.plain_key) for each in (first, second, third)] == ["unknown", "", ""]


def test_the_key_before_is_stopped_within_its_day(alice, issue):
    old = issue(alice)
    new = rotate_key(token=old.token)
    before = current_versions()["tokens"]
    stop_former_key(token=Token.objects.get())
    assert [refusal_of(key) for key in (old.plain_key, new.plain_key)] == ["unknown", ""]
    assert current_versions()["tokens"] > before  # or processes that remember it would let it in
    stop_former_key(token=Token.objects.get())
    assert refusal_of(new.plain_key) == ""


def test_a_key_that_was_replaced_meanwhile_works_on(alice, issue):
    issue(alice)
    second = rotate_key(token=Token.objects.get())
    stale = Token.objects.get()
    third = rotate_key(token=Token.objects.get())
    stop_former_key(token=stale)
    assert [refusal_of(each.plain_key) for each in (second, third)] == ["", ""]


def test_of_two_who_read_the_same_key_one_is_refused(alice, issue):
    issue(alice)
    mine, theirs = Token.objects.get(), Token.objects.get()
    issued = rotate_key(token=mine)
    with pytest.raises(Conflict):
        rotate_key(token=theirs)
    assert reveal_key(token=Token.objects.get()) == issued.plain_key


def test_one_query_finds_either_key(alice, issue, django_assert_num_queries):
    old = issue(alice)
    new = rotate_key(token=old.token)
    for key in (old.plain_key, new.plain_key):
        with django_assert_num_queries(1):
            token_by_key(key)


def test_the_page_shows_the_new_key_and_a_second_click_replaces_nothing(alice, issue, client_of):
    old, browser = issue(alice), client_of(alice)
    path = f"/tokens/{old.token.public_id}/rotate"
    assert path in browser.get(f"/tokens/{old.token.public_id}/edit").content.decode()
    assert old.token.masked_key in browser.get(path).content.decode()
    sent = {"key": old.token.masked_key}
    shown = browser.post(path, sent, follow=True).content.decode()
    token = Token.objects.get()
    assert reveal_key(token=token) in shown
    assert "stops" in browser.get(f"/tokens/{token.public_id}/edit").content.decode()
    browser.post(path, sent)
    assert Token.objects.get().masked_key == token.masked_key
    browser.post(path, {"key": token.masked_key, "at_once": "on"})
    assert Token.objects.get().former_hash is None


def test_the_page_stops_the_old_key_and_no_other(alice, issue, client_of):
    old, browser = issue(alice), client_of(alice)
    path = f"/tokens/{old.token.public_id}/former-key"
    edit = f"/tokens/{old.token.public_id}/edit"
    assert path not in browser.get("/tokens").content.decode()
    assert browser.get(path).headers["Location"] == edit
    rotate_key(token=Token.objects.get())
    for page in ("/tokens", edit):
        assert path in browser.get(page).content.decode()
    shown = Token.objects.get().masked_key
    assert shown in browser.get(path).content.decode()
    browser.post(path, {"key": old.token.masked_key})
    assert refusal_of(old.plain_key) == ""
    said = browser.post(path, {"key": shown}, follow=True).content.decode()
    assert "only the present key works now" in said
    assert refusal_of(old.plain_key) == "unknown"
