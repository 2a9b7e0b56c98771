"""The profile, the address, the password and the second factor."""

import re
from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import hotp_value, yield_hotp_counters_from_time
from django.core import mail

from accounts.models import User

PASSWORD = "correct horse battery"


@pytest.fixture
def browser(client, alice):
    """alice, who has just repeated her password, as changes of address and second factor ask for."""
    client.post("/accounts/login/", {"login": alice.email, "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def test_what_a_stolen_session_must_not_change_asks_for_the_password(client_of, alice):
    browser = client_of(alice)
    factor = browser.get("/accounts/2fa/totp/activate/")
    address = browser.post("/accounts/email/", {"email": "thief@example.com", "action_add": ""})
    for response in (factor, address):
        assert urlsplit(response.url).path == "/accounts/reauthenticate/"
        assert 'class="entrance-card' in browser.get(response.url).content.decode()
    assert mail.outbox == []


@pytest.mark.parametrize(
    "address",
    [
        "/accounts/profile",
        "/accounts/email/",
        "/accounts/password/change/",
        "/accounts/2fa/",
        "/accounts/2fa/totp/activate/",
    ],
)
def test_account_pages_are_in_the_consoles_shell(browser, client_of, address):
    response = browser.get(address)
    page = response.content.decode()
    assert response.status_code == 200
    assert 'class="side-bar"' in page
    assert 'class="side-link" href="/accounts/profile" aria-current="page"' in page


@pytest.mark.parametrize("address", ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"])
def test_entrances_are_in_the_public_shell(client, db, address):
    page = client.get(address).content.decode()
    assert 'class="entrance-card' in page
    assert 'name="robots" content="noindex"' in page


def test_the_zone_in_force_is_chosen(browser, alice):
    User.objects.filter(pk=alice.pk).update(time_zone="Europe/Paris")
    page = browser.get("/accounts/profile").content.decode()
    assert re.findall(r'<option value="([^"]*)" selected>', page) == ["", "Europe/Paris"]
    (select,) = re.findall(r'<select[^>]*id="id_time_zone"[^>]*>', page)
    assert 'name="time_zone"' in select
    assert page.count("<option") > 300


def test_name_language_and_zone_are_saved(browser, alice):
    response = browser.post(
        "/accounts/profile", {"name": "Alice C.", "language": "zh-hans", "time_zone": "Asia/Shanghai"}
    )
    assert response.url == "/accounts/profile"
    alice.refresh_from_db()
    assert (alice.name, alice.language, alice.time_zone) == ("Alice C.", "zh-hans", "Asia/Shanghai")
    assert browser.cookies["django_language"].value == "zh-hans"
    assert 'lang="zh-Hans"' in browser.get("/accounts/profile").content.decode()


@pytest.mark.parametrize(("field", "value"), [("time_zone", "Mars/Olympus"), ("language", "tlh"), ("name", "x" * 81)])
def test_what_cannot_be_saved_is_kept_in_the_form_with_its_error(browser, alice, field, value):
    response = browser.post("/accounts/profile", {"name": "Alice", "language": "", "time_zone": "UTC", field: value})
    assert response.status_code == 200
    assert f'id="id_{field}_error"' in response.content.decode()
    alice.refresh_from_db()
    assert alice.name == "Alice"


def test_a_name_is_text_and_nothing_else(browser, alice):
    alice.name = '<img src=x onerror="alert(1)">'
    alice.save()
    page = browser.get("/accounts/profile").content.decode()
    assert "<img src=x" not in page


def test_an_address_is_said_to_be_verified_when_it_is(browser, alice):
    assert "Not verified" not in browser.get("/accounts/profile").content.decode()
    EmailAddress.objects.filter(user=alice).update(verified=False)
    assert "Not verified" in browser.get("/accounts/profile").content.decode()


def test_a_new_address_counts_from_its_verification_on(browser, alice):
    browser.post("/accounts/email/", {"email": "alice@new.example", "action_add": ""})
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"
    code = re.search(r"^\s+([A-Z0-9-]{6,})$", mail.outbox[-1].body, re.MULTILINE)[1]
    browser.post("/accounts/confirm-email/", {"code": code})
    alice.refresh_from_db()
    assert alice.email == "alice@new.example"
    assert [address.email for address in EmailAddress.objects.filter(user=alice)] == ["alice@new.example"]


def test_a_changed_password_is_mailed_to_the_owner(browser, alice):
    new = {"oldpassword": PASSWORD, "password1": "a quite new password", "password2": "a quite new password"}
    browser.post("/accounts/password/change/", new)
    alice.refresh_from_db()
    assert alice.check_password("a quite new password")
    assert mail.outbox[-1].to == ["alice@example.com"]


def test_the_second_factor_is_asked_for_after_the_password(browser, alice):
    page = browser.get("/accounts/2fa/totp/activate/").content.decode()
    assert '<img src="data:image/svg+xml' in page  # the policy lets images be data
    secret = re.search(r'data-copy="([A-Z2-7]+)"', page)[1]
    browser.post("/accounts/2fa/totp/activate/", {"code": totp(secret)})
    assert "On</span>" in browser.get("/accounts/profile").content.decode()
    assert browser.get("/accounts/2fa/recovery-codes/").status_code == 200

    browser.post("/accounts/logout/")
    response = browser.post("/accounts/login/", {"login": alice.email, "password": PASSWORD})
    assert urlsplit(response.url).path == "/accounts/2fa/authenticate/"
    assert 'class="entrance-card' in browser.get(response.url).content.decode()
    assert browser.get("/dashboard").status_code == 302


def totp(secret):
    counter = next(iter(yield_hotp_counters_from_time()))
    return f"{hotp_value(secret, counter):06d}"
