"""Passkeys, with Chromium's own virtual authenticator: added, used alone and as a second factor, removed."""

import json

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator

from tests.factories import make_user
from tests.journeys.conftest import site  # noqa: F401 - a fixture
from tests.relay.conftest import sandbox  # noqa: F401 - a fixture of that fixture

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]
PASSWORD = "correct horse battery"


@pytest.fixture
def home(site):  # noqa: F811
    """The product by a host name: an address in numbers can own no passkey."""
    return site.replace("127.0.0.1", "localhost")


@pytest.fixture
def dora(home):
    user = make_user("dora@example.com", name="Dora")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@pytest.fixture
def device(page):
    """A device that keeps passkeys and always recognises its owner."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return lambda command, **more: session.send(
        f"WebAuthn.{command}", {"authenticatorId": made["authenticatorId"], **more}
    )


def sign_in(page, home):
    page.goto(f"{home}/accounts/login/")
    page.get_by_label("Email").fill("dora@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def add_passkey(page, home, *, name="Laptop", alone=True):
    page.goto(f"{home}/accounts/2fa/webauthn/add/")
    if "reauthenticate" in page.url:
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("switch").set_checked(alone)
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_url("**/recovery-codes/")


def sign_out(page):
    page.context.clear_cookies()


def test_a_passkey_signs_in_alone_and_leads_back(page, home, dora, device):
    sign_in(page, home)
    add_passkey(page, home)
    assert [row.wrap().name for row in Authenticator.objects.filter(user=dora, type="webauthn")] == ["Laptop"]
    sign_out(page)
    page.goto(f"{home}/usage?range=7d")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/usage?range=7d")
    assert page.get_by_text("dora@example.com").count()


def test_after_the_password_a_passkey_is_the_second_factor(page, home, dora, device):
    sign_in(page, home)
    add_passkey(page, home, alone=False)
    sign_out(page)
    sign_in(page, home)
    page.wait_for_url("**/2fa/authenticate/")
    assert page.request.get(f"{home}/dashboard", max_redirects=0).status == 302
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/dashboard")


def test_a_device_that_does_not_know_its_owner_gets_nobody_in(page, home, dora, device):
    sign_in(page, home)
    add_passkey(page, home)
    sign_out(page)
    device("setUserVerified", isUserVerified=False)
    page.goto(f"{home}/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_text("No passkey was used.").wait_for()
    assert page.url.endswith("/accounts/login/")


def test_a_copied_answer_is_no_use_a_second_time(page, home, dora, device):
    sign_in(page, home)
    add_passkey(page, home)
    sign_out(page)
    sent = []
    page.on("request", lambda request: sent.append(request.post_data) if request.method == "POST" else None)
    page.goto(f"{home}/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/dashboard")
    answer = json.loads(next(part for part in form_values(sent) if part.startswith("{")))
    sign_out(page)
    page.goto(f"{home}/accounts/login/")
    page.evaluate(
        """answer => {
            const form = document.querySelector("form[data-passkey]");
            form.elements.credential.value = JSON.stringify(answer);
            form.submit();
        }""",
        answer,
    )
    page.wait_for_load_state()
    assert page.request.get(f"{home}/dashboard", max_redirects=0).status == 302


def form_values(bodies):
    from urllib.parse import parse_qs

    return [value for body in bodies if body for values in parse_qs(body).values() for value in values]


def test_a_removed_passkey_opens_nothing(page, home, dora, device):
    sign_in(page, home)
    add_passkey(page, home)
    page.goto(f"{home}/accounts/2fa/webauthn/")
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove").click()
    page.get_by_text("No passkey yet").wait_for()
    sign_out(page)
    page.goto(f"{home}/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_load_state("networkidle")
    assert page.request.get(f"{home}/dashboard", max_redirects=0).status == 302


def test_where_no_passkey_can_live_none_is_offered(page, home, dora):
    page.goto(f"{home.replace('localhost', '127.0.0.1')}/accounts/login/")
    assert page.get_by_role("button", name="Sign in", exact=True).is_visible()
    assert not page.get_by_role("button", name="Sign in with a passkey").is_visible()
