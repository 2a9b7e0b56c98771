"""One-time sign-in links: shown by GET, used by POST, good once, for a day, for one account."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from io import StringIO
from threading import Barrier

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from accounts import sign_in_links
from accounts.models import User

DASHBOARD = "/dashboard"


@pytest.fixture
def dora(db):
    """An operator as `serve` makes one: no password, never signed in."""
    return User.objects.create_superuser("dora@example.com")


def signed_in_as(client):
    return client.session.get("_auth_user_id")


def test_looking_at_the_link_neither_signs_in_nor_uses_it_up(client, dora):
    link = sign_in_links.path_for(dora)
    for _ in range(2):
        response = client.get(link)
        assert response.status_code == 200
        assert "dora@example.com" in response.content.decode()
    assert client.head(link).status_code == 200
    assert signed_in_as(client) is None


def test_the_button_signs_in_and_asks_for_a_password(client, dora):
    response = client.post(sign_in_links.path_for(dora))
    assert (response.status_code, response.url) == (302, f"/accounts/password/set/?next=%2F{DASHBOARD[1:]}")
    assert signed_in_as(client) == str(dora.pk)


def test_who_has_a_password_goes_straight_to_the_dashboard(client, alice):
    response = client.post(sign_in_links.path_for(alice))
    assert (response.status_code, response.url) == (302, DASHBOARD)


def test_a_link_works_once(client, dora):
    link = sign_in_links.path_for(dora)
    assert Client().post(link).status_code == 302
    response = client.post(link)
    assert response.status_code == 410
    assert signed_in_as(client) is None
    assert client.get(link).status_code == 410


@pytest.mark.django_db(transaction=True)
def test_of_many_who_use_a_link_at_once_one_gets_in(dora):
    *_, token = sign_in_links.path_for(dora).split("/")
    together = Barrier(4)

    def redeem(_):
        try:
            together.wait()
            return sign_in_links.redeem(user_id=dora.pk, token=token)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sorted(map(str, threads.map(redeem, range(4)))) == ["None", "None", "None", "dora@example.com"]


@pytest.mark.parametrize(("hours", "status"), [(23.9, 302), (24.1, 410)])
def test_a_link_works_for_a_day(client, dora, monkeypatch, hours, status):
    link = sign_in_links.path_for(dora)
    later = datetime.now() + timedelta(hours=hours)  # noqa: DTZ005 - as Django's generator counts
    monkeypatch.setattr(sign_in_links._tokens, "_now", lambda: later)
    assert client.post(link).status_code == status


def test_a_new_password_ends_a_link(client, dora):
    link = sign_in_links.path_for(dora)
    dora.set_password("correct horse battery")
    dora.save()
    assert client.post(link).status_code == 410


def test_a_link_signs_in_nobody_else(client, dora, alice):
    link = sign_in_links.path_for(alice).replace(f"/{alice.pk}/", f"/{dora.pk}/")
    assert client.post(link).status_code == 410
    assert signed_in_as(client) is None


def test_a_suspended_user_cannot_use_a_link(client, dora):
    link = sign_in_links.path_for(dora)
    User.objects.filter(pk=dora.pk).update(is_active=False)
    assert client.post(link).status_code == 410


@pytest.mark.parametrize("path", ["/accounts/link/1/", "/accounts/link/999999/abc-def", "/accounts/link/1/%E4%B8%AD"])
def test_made_up_links_open_nothing(client, db, path):
    assert client.post(path).status_code in (404, 410)


def test_the_address_is_neither_cached_nor_passed_on(client, dora):
    response = client.get(sign_in_links.path_for(dora))
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response.headers["Cache-Control"]


def test_a_browser_that_hides_its_origin_may_use_the_button_and_another_site_may_not(dora):
    link = sign_in_links.path_for(dora)
    browser = Client(enforce_csrf_checks=True)
    foreign = browser.post(link, headers={"Origin": "null", "Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 200
    assert signed_in_as(browser) is None
    own = browser.post(link, headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"})
    assert own.status_code == 302
    assert signed_in_as(browser) == str(dora.pk)


def test_a_link_does_not_replace_the_second_factor(client, alice):
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    assert Authenticator.objects.filter(user=alice).exists()
    response = client.post(sign_in_links.path_for(alice))
    assert (response.status_code, response.url) == (302, "/accounts/2fa/authenticate/")
    assert signed_in_as(client) is None


def test_the_command_prints_a_link_that_works(client, dora, settings):
    settings.SITE_URL = "https://api.example.com"
    printed = StringIO()
    call_command("sign_in_link", "Dora@example.com", stdout=printed)
    link = printed.getvalue().strip()
    assert link.startswith("https://api.example.com/accounts/link/")
    assert client.post(link.removeprefix(settings.SITE_URL)).status_code == 302


def test_the_command_knows_no_strangers(db):
    with pytest.raises(CommandError, match="no active user mallory"):
        call_command("sign_in_link", "mallory@example.com")
