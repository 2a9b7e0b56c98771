"""Sign-in by another provider, over real HTTP: who gets in, as whom, and who does not."""

import html
import re

import pytest
import requests
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.core import mail

from accounts.models import User
from billing.models import LedgerEntry
from tests.accounts.oidc_provider import CLIENT_ID, SECRET, running

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def served():
    with running() as provider:
        yield provider


@pytest.fixture
def provider(served, settings, db):
    server = {"server_url": served.url}
    app = {"provider_id": "sso", "name": "Acme", "client_id": CLIENT_ID, "secret": SECRET, "settings": server}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
    settings.EGRESS_ALLOW = ["127.0.0.1/32"]
    served.claims = {"sub": "7", "email": "dora@example.com", "email_verified": True, "name": "Dora"}
    served.is_down = False
    served.requests.clear()
    return served


def go(client, **form):
    """Press the button, follow the browser to the provider and back."""
    page = client.post("/accounts/with/sso", form).content.decode()
    there = html.unescape(re.search(r'content="0;url=([^"]+)"', page)[1])
    back = requests.get(there, allow_redirects=False, timeout=10).headers["Location"]
    return client.get(back.removeprefix("http://testserver"))


def signed_in_as(client):
    user_id = client.session.get("_auth_user_id")
    return User.objects.get(pk=user_id) if user_id else None


def test_a_stranger_with_a_verified_address_gets_an_account(client, provider, settings):
    settings.TRIAL_CREDIT_USD = "1"
    response = go(client, next="/usage?range=7d")
    assert response.url == "/usage?range=7d"
    user = signed_in_as(client)
    assert (user.email, user.name, user.has_usable_password()) == ("dora@example.com", "Dora", False)
    assert EmailAddress.objects.get(user=user).verified
    assert LedgerEntry.objects.filter(wallet__user=user, kind="grant").count() == 1


def test_the_second_time_it_is_the_same_account_whatever_the_address_is_now(client, provider):
    go(client)
    first = signed_in_as(client)
    client.cookies.clear()
    provider.claims |= {"email": "dora@new.example"}
    go(client)
    assert signed_in_as(client) == first
    assert User.objects.count() == 1


@pytest.mark.parametrize("verified", [False, "false", None, "", 0])
def test_an_unverified_address_makes_no_account_and_takes_none_over(client, provider, alice, verified):
    provider.claims |= {"email": alice.email, "email_verified": verified}
    assert go(client).url == "/accounts/signup/"
    assert signed_in_as(client) is None
    assert not SocialAccount.objects.exists()
    assert "has not verified your email address" in client.get("/accounts/signup/").content.decode()
    provider.claims |= {"email": "nobody@example.com"}
    go(client)
    assert User.objects.count() == 1


def test_a_verified_address_leads_to_the_account_that_has_it(client, provider, alice):
    provider.claims |= {"email": "Alice@Example.com"}
    go(client)
    assert signed_in_as(client) == alice
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_the_second_factor_is_asked_for_all_the_same(client, provider, alice):
    from allauth.mfa.totp.internal.auth import TOTP

    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    provider.claims |= {"email": alice.email}
    assert go(client).url == "/accounts/2fa/authenticate/"
    assert signed_in_as(client) is None


def test_who_signed_up_with_a_foreign_address_loses_its_password(client, provider):
    squatter = User.objects.create_user("dora@example.com", PASSWORD)
    EmailAddress.objects.create(user=squatter, email=squatter.email, primary=True, verified=False)
    go(client)
    squatter.refresh_from_db()
    assert not squatter.has_usable_password()


def test_an_address_somebody_is_only_changing_to_leads_nowhere(client, provider, bob):
    EmailAddress.objects.create(user=bob, email="dora@example.com", primary=False, verified=False)
    go(client)
    assert signed_in_as(client) is None
    assert "dora@example.com" in mail.outbox[-1].to


def test_connecting_asks_for_the_password_and_serves_one_account_only(client_of, client, provider, alice):
    browser = client_of(alice)
    provider.claims |= {"email": "other@example.com"}
    assert go(browser, process="connect").url == "/accounts/reauthenticate/"
    assert not SocialAccount.objects.exists()
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert SocialAccount.objects.get().user == alice
    page = browser.get("/accounts/3rdparty/").content.decode()
    assert "Acme" in page
    go(client)
    assert signed_in_as(client) == alice


def test_a_suspended_account_stays_out(client, provider, alice):
    alice.is_active = False
    alice.save()
    provider.claims |= {"email": alice.email}
    go(client)
    assert client.get("/accounts/profile").status_code == 302


def test_a_provider_that_is_away_is_a_page(client, provider):
    provider.is_down = True
    response = client.post("/accounts/with/sso")
    assert "That did not work" in response.content.decode()
    assert response.status_code < 500


def test_an_address_the_way_out_refuses_is_a_page(client, provider, settings):
    settings.EGRESS_ALLOW = []
    assert "That did not work" in client.post("/accounts/with/sso").content.decode()
    assert provider.requests == []


def test_an_answer_nobody_asked_for_signs_nobody_in(client, provider):
    client.get("/accounts/oidc/sso/login/callback/?code=c0de&state=made-up")
    assert signed_in_as(client) is None


def test_the_button_is_there_when_it_is_configured(client, provider, settings):
    assert "Continue with Acme" in client.get("/accounts/login/").content.decode()
    settings.SOCIALACCOUNT_PROVIDERS = {}
    assert "Continue with" not in client.get("/accounts/login/").content.decode()
    for address in ("/accounts/with/sso", "/accounts/with/google", "/accounts/google/login/"):
        assert client.post(address).status_code == 404


def test_another_sites_form_does_not_start_it(provider):
    from django.test import Client

    assert Client(enforce_csrf_checks=True).post("/accounts/with/sso").status_code == 403
    assert Client().get("/accounts/with/sso").status_code == 405
