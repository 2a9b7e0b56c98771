"""The sealed copy opens for its own row and owner only."""

import pytest

from tokens.models import Token
from tokens.services import KeyNotReadable, delete_token, reveal_key


def test_the_key_comes_back(alice, issue):
    issued = issue(alice)
    assert reveal_key(token=Token.objects.get()) == issued.plain_key


def test_a_copy_of_another_row_does_not_open(alice, issue, caplog):
    first, second = issue(alice), issue(alice)
    Token.objects.filter(pk=first.token.pk).update(key_sealed=second.token.key_sealed)
    with pytest.raises(KeyNotReadable) as refusal:
        reveal_key(token=Token.objects.get(pk=first.token.pk))
    assert refusal.value.status == 409
    assert first.token.public_id in caplog.text
    assert second.plain_key not in caplog.text


def test_a_row_given_to_another_owner_does_not_open(alice, bob, issue):
    issue(alice)
    Token.objects.update(user=bob)
    with pytest.raises(KeyNotReadable):
        reveal_key(token=Token.objects.get())


def test_an_altered_copy_does_not_open(alice, issue):
    sealed = bytearray(issue(alice).token.key_sealed)
    sealed[-1] ^= 1
    Token.objects.update(key_sealed=bytes(sealed))
    with pytest.raises(KeyNotReadable):
        reveal_key(token=Token.objects.get())


def test_nothing_opens_where_keys_are_not_revealable(alice, issue, settings):
    token = issue(alice).token
    settings.KEYS_REVEALABLE = False
    with pytest.raises(KeyNotReadable):
        reveal_key(token=token)


def test_a_deleted_token_has_no_copy_left(alice, issue):
    issue(alice)
    delete_token(token=Token.objects.get())
    token = Token.objects.get()
    assert token.key_sealed is None
    with pytest.raises(KeyNotReadable):
        reveal_key(token=token)


def test_showing_a_key_is_noted_without_the_key(alice, issue, caplog):
    caplog.set_level("INFO")
    issued = issue(alice)
    reveal_key(token=issued.token)
    assert issued.token.public_id in caplog.text
    assert issued.plain_key not in caplog.text
