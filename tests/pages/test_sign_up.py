"""From a stranger to a signed-in customer, and back in without the password. Answers never tell who has an account."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail

from accounts.models import User
from config.kernel.money import usd

PASSWORD = "correct horse battery"


@pytest.fixture
def sign_up(client, db):
    def sign_up(email, password=PASSWORD):
        return client.post("/accounts/signup/", {"email": email, "password1": password})

    return sign_up


def code_in(message):
    """The code stands alone on its line."""
    return re.search(r"^\s+([A-Z0-9-]{6,})$", message.body, re.MULTILINE)[1]


def body_of(response):
    return re.sub(r"name=\"csrfmiddlewaretoken\" value=\"[^\"]+\"|hx-headers='[^']+'", "", response.content.decode())


def test_sign_up_by_code_ends_on_the_dashboard(client, sign_up):
    response = sign_up("dora@example.com")
    assert response.url == "/accounts/confirm-email/"
    assert "dora@example.com" in client.get(response.url).content.decode()
    assert client.get("/dashboard").status_code == 302  # nobody is signed in yet

    response = client.post("/accounts/confirm-email/", {"code": code_in(mail.outbox[0])})
    assert response.url == "/dashboard"
    assert client.get("/accounts/profile").context["user"].email == "dora@example.com"
    assert EmailAddress.objects.get(email="dora@example.com").verified


def test_the_mail_names_this_site(sign_up, settings):
    sign_up("dora@example.com")
    assert settings.SITE_NAME in mail.outbox[0].body
    assert settings.SITE_URL in mail.outbox[0].body
    assert "testserver" not in mail.outbox[0].body


def test_a_wrong_code_verifies_nothing(client, sign_up):
    sign_up("dora@example.com")
    response = client.post("/accounts/confirm-email/", {"code": "WRONG1"})
    assert response.status_code == 200
    assert "field-error" in response.content.decode()
    assert not EmailAddress.objects.get(email="dora@example.com").verified


def test_a_new_code_can_be_asked_for(client, sign_up):
    sign_up("dora@example.com")
    assert client.post("/accounts/confirm-email/", {"action": "resend"}).status_code == 302
    assert len(mail.outbox) == 2
    assert client.post("/accounts/confirm-email/", {"code": code_in(mail.outbox[1])}).url == "/dashboard"


def test_one_address_is_mailed_three_codes_at_most(client, sign_up):
    sign_up("dora@example.com")
    for _ in range(4):
        client.post("/accounts/confirm-email/", {"action": "resend"})
    client.cookies.clear()
    sign_up("dora@example.com")
    assert len([message for message in mail.outbox if "\n    " in message.body]) == 3


def test_a_taken_address_gets_the_same_answer_and_other_mail(client, alice, sign_up):
    taken = sign_up("alice@example.com", "another long password")
    taken_page = body_of(client.get(taken.url))
    client.cookies.clear()
    free = sign_up("dora1@example.com", "another long password")
    free_page = body_of(client.get(free.url))

    assert (taken.status_code, taken.url) == (free.status_code, free.url)
    assert taken_page.replace("alice@example.com", "X") == free_page.replace("dora1@example.com", "X")
    assert not re.search(r"^\s+[A-Z0-9-]{6,}$", mail.outbox[0].body, re.MULTILINE)  # a pointer to sign-in, no code
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
    assert User.objects.filter(email="alice@example.com").count() == 1


@pytest.mark.parametrize(("password", "why"), [("short", "10"), ("password123", "common")])
def test_a_weak_password_is_refused_beside_its_field(sign_up, password, why):
    response = sign_up("dora@example.com", password)
    page = response.content.decode()
    assert response.status_code == 200
    assert why in page[page.index('id="id_password1_error"') :]
    assert 'value="dora@example.com"' in page
    assert not User.objects.exists()


def test_sign_in_and_back_to_where_one_was(client, alice):
    asked = client.get("/usage?model=gpt")
    assert asked.url == "/accounts/login/?next=/usage%3Fmodel%3Dgpt"
    response = client.post(asked.url, {"login": "Alice@Example.com", "password": PASSWORD, "next": "/usage?model=gpt"})
    assert response.url == "/usage?model=gpt"


def test_a_wrong_password_and_an_unknown_address_answer_alike(client, alice):
    known = client.post("/accounts/login/", {"login": "alice@example.com", "password": "wrong wrong wrong"})
    unknown = client.post("/accounts/login/", {"login": "nobody@example.com", "password": "wrong wrong wrong"})
    assert known.status_code == unknown.status_code == 200
    assert body_of(known).replace("alice", "X") == body_of(unknown).replace("nobody", "X")


def test_sign_out_takes_a_post(client_of, alice):
    browser = client_of(alice)
    assert browser.get("/accounts/logout/").status_code == 200
    assert browser.get("/accounts/profile").status_code == 200
    assert browser.post("/accounts/logout/").url == "/"
    assert browser.get("/accounts/profile").status_code == 302


def test_reset_answers_alike_and_mails_the_owner_only(client, alice):
    known = client.post("/accounts/password/reset/", {"email": "alice@example.com"})
    unknown = client.post("/accounts/password/reset/", {"email": "nobody@example.com"})
    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
    assert body_of(client.get(known.url)) == body_of(client.get(unknown.url))
    links = [message for message in mail.outbox if "/password/reset/key/" in message.body]
    assert [message.to for message in links] == [["alice@example.com"]]


def reset(client, email, password="a quite new password"):
    """The link in the mail, after a new password was set by it."""
    client.post("/accounts/password/reset/", {"email": email})
    link = re.search(r"/accounts/password/reset/key/\S+", mail.outbox[-1].body)[0]
    assert client.post(client.get(link).url, {"password1": password, "password2": password}).status_code == 302
    return link


def test_the_link_sets_a_new_password_once(client, alice):
    link = reset(client, "alice@example.com")
    alice.refresh_from_db()
    assert alice.check_password("a quite new password")

    client.cookies.clear()
    assert "button-primary" not in client.get(link).content.decode().split("<main", 1)[1]


def test_a_reset_by_mail_proves_the_address(client, sign_up, settings):
    settings.TRIAL_CREDIT_USD = "1"
    sign_up("dora@example.com")
    client.cookies.clear()
    reset(client, "dora@example.com")
    answer = client.post("/accounts/login/", {"login": "dora@example.com", "password": "a quite new password"})
    assert answer.url == "/dashboard"  # and not to the page that asks for a code
    dora = User.objects.get()
    assert EmailAddress.objects.get(user=dora).verified
    assert dora.wallet.balance == usd("1")


def test_a_reset_proves_nothing_where_there_are_two_addresses(client, alice):
    for email, primary in ((alice.email, True), ("other@example.com", False)):
        EmailAddress.objects.update_or_create(user=alice, email=email, defaults={"primary": primary, "verified": False})
    reset(client, "other@example.com")
    assert not EmailAddress.objects.filter(user=alice, verified=True).exists()
