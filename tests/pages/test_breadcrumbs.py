"""Breadcrumbs lead to the page they stand on, also on the pages of accounts that share one layout."""

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.urls import reverse

from tests.journeys.rooms import recently_signed_in

pytestmark = pytest.mark.django_db
FACTORS = "Second factors and passkeys"


def crumbs(page):
    """The names in the breadcrumbs, and where each leads; the last leads nowhere."""
    (trail,) = re.findall(r'<nav class="crumbs".*?</nav>', page, re.S)
    found = re.findall(r"<li>(.*?)</li>", trail, re.S)
    return [(re.sub("<[^>]*>", "", each).strip(), "".join(re.findall('href="([^"]*)"', each))) for each in found]


@pytest.mark.parametrize(
    ("name", "trail"),
    [
        ("account_email", ["Email address"]),
        ("account_change_password", ["Password"]),
        ("usersessions_list", ["Sessions"]),
        ("close_account", ["Close your account"]),
        ("mfa_index", [FACTORS]),
        ("mfa_activate_totp", [FACTORS, "Authenticator app"]),
        ("mfa_view_recovery_codes", [FACTORS, "Recovery codes"]),
        ("mfa_list_webauthn", [FACTORS, "Passkeys"]),
        ("mfa_add_webauthn", [FACTORS, "Add a passkey"]),
        ("mfa_edit_webauthn", [FACTORS, "Rename the passkey"]),
        ("mfa_remove_webauthn", [FACTORS, "Remove the passkey"]),
    ],
)
def test_the_last_names_the_page_itself(alice, name, trail):
    arguments = []
    if name in ("mfa_edit_webauthn", "mfa_remove_webauthn"):
        data = {"name": "Laptop", "credential": {}}
        arguments = [Authenticator.objects.create(user=alice, type="webauthn", data=data).pk]
    if name == "mfa_view_recovery_codes":
        RecoveryCodes.activate(alice)
    found = crumbs(recently_signed_in(alice).get(reverse(name, args=arguments)).content.decode())
    assert [words for words, _href in found] == ["Profile", *trail]
    assert [bool(href) for _words, href in found] == [True] * len(trail) + [False]
