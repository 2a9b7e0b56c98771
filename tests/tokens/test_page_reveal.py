"""Copying an existing key: the owner, just now, over a POST, and in no cache."""

import pytest
from django.test import Client

from tokens.models import Token

PASSWORD = "correct horse battery"


@pytest.fixture
def reveal(client_of):
    """Ask for keys in a browser in which the user has, or has not, confirmed the password just now."""

    def reveal(user, *tokens, confirmed=True, accept="text/html"):
        client = client_of(user)
        if confirmed:
            client.post("/accounts/reauthenticate/", {"password": PASSWORD})
        return client.post("/tokens/reveal", {"token": [t.public_id for t in tokens]}, headers={"Accept": accept})

    return reveal


def test_the_key_is_shown_after_the_password(alice, issue, reveal):
    issued = issue(alice)
    response = reveal(alice, issued.token)
    assert issued.plain_key in response.content.decode()
    assert "no-store" in response.headers["Cache-Control"]


def test_a_session_alone_is_not_enough(alice, issue, reveal):
    issued = issue(alice)
    response = reveal(alice, issued.token, confirmed=False)
    assert response.status_code == 302
    assert response.url.startswith("/accounts/reauthenticate/")
    assert issued.plain_key not in response.content.decode()


def test_the_password_leads_on_to_the_key(alice, issue, client_of):
    issued, client = issue(alice), client_of(alice)
    asked = client.post("/tokens/reveal", {"token": issued.token.public_id})
    response = client.post(asked.url, {"password": PASSWORD})
    assert issued.plain_key in response.content.decode()
    assert "no-store" in response.headers["Cache-Control"]


def test_a_wrong_password_does_not(alice, issue, client_of):
    issued, client = issue(alice), client_of(alice)
    asked = client.post("/tokens/reveal", {"token": issued.token.public_id})
    client.post(asked.url, {"password": "wrong"})
    response = client.post("/tokens/reveal", {"token": issued.token.public_id}, follow=True)
    assert issued.plain_key not in response.content.decode()


def test_a_confirmation_grows_old(alice, issue, reveal, settings):
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    response = reveal(alice, issue(alice).token)
    assert response.url.startswith("/accounts/reauthenticate/")


def test_copy_buttons_get_the_key_alone(alice, issue, reveal):
    issued = issue(alice)
    response = reveal(alice, issued.token, accept="text/plain")
    assert response.content.decode() == issued.plain_key
    assert response.headers["Content-Type"].startswith("text/plain")
    assert "no-store" in response.headers["Cache-Control"]


def test_several_keys_come_with_their_names(alice, issue, reveal):
    first, second = issue(alice, name="one"), issue(alice, name="two")
    response = reveal(alice, first.token, second.token, accept="text/plain")
    assert response.content.decode() == f"two\t{second.plain_key}\none\t{first.plain_key}"


def test_somebody_elses_key_is_not_there(alice, bob, issue, reveal):
    issued = issue(alice)
    assert reveal(bob, issued.token, accept="text/plain").status_code == 409
    assert reveal(bob, issued.token).status_code == 302


def test_a_swapped_ciphertext_is_refused_in_words(alice, issue, reveal, client_of):
    first, second = issue(alice, name="one"), issue(alice, name="two")
    Token.objects.filter(pk=first.token.pk).update(key_sealed=second.token.key_sealed)
    assert reveal(alice, first.token, second.token, accept="text/plain").status_code == 409
    page = reveal(alice, first.token, second.token).content.decode()
    assert page.count(second.plain_key) > 0
    assert "“one” can&#x27;t be opened" in page


def test_no_copy_button_where_there_is_no_copy(alice, issue, client_of, settings):
    settings.KEYS_REVEALABLE = False
    issue(alice)
    page = client_of(alice).get("/tokens").content.decode()
    assert 'aria-label="Copy the key of' not in page


def test_nobody_signed_in(alice, issue):
    response = Client().post("/tokens/reveal", {"token": issue(alice).token.public_id})
    assert "/accounts/login/" in response.url
