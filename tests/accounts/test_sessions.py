"""The list of browsers that are signed in: true, one's own only, and each can be signed out."""

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client

from accounts.devices import browser_of, system_of

PASSWORD = "correct horse battery"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"  # noqa: E501
LIST = "/accounts/sessions/"


def signed_in(user, agent, address):
    client = Client(headers={"User-Agent": agent}, REMOTE_ADDR=address)
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    return client


@pytest.fixture
def laptop(alice):
    return signed_in(alice, FIREFOX, "192.0.2.7")


@pytest.fixture
def phone(alice):
    return signed_in(alice, SAFARI, "198.51.100.9")


def is_in(client):
    return client.get("/accounts/profile").status_code == 200


def test_each_browser_is_named_with_its_address(laptop, phone):
    page = laptop.get(LIST).content.decode()
    assert "Firefox on Linux" in page
    assert "Safari on iPhone" in page
    assert "198.51.100.9" in page
    assert page.count("This browser") == 1


def test_one_browser_is_signed_out(laptop, phone, alice):
    other = UserSession.objects.get(user=alice, ip="198.51.100.9")
    assert laptop.post(f"/accounts/sessions/{other.pk}/end").url == LIST
    assert is_in(laptop)
    assert not is_in(phone)


def test_all_others_are_signed_out(laptop, phone):
    assert laptop.post(LIST).url == LIST
    assert is_in(laptop)
    assert not is_in(phone)


def test_nobody_ends_or_sees_what_is_anothers(client_of, bob, laptop, alice):
    browser = client_of(bob)
    row = UserSession.objects.get(user=alice)
    browser.post(f"/accounts/sessions/{row.pk}/end")
    browser.post(LIST)
    assert is_in(laptop)
    assert "192.0.2.7" not in browser.get(LIST).content.decode()


def test_looking_ends_nothing(laptop, phone, alice):
    row = UserSession.objects.get(user=alice, ip="198.51.100.9")
    assert laptop.get(f"/accounts/sessions/{row.pk}/end").status_code == 405
    assert is_in(phone)


def test_a_session_in_use_is_noted_once_in_a_while(laptop, alice, monkeypatch):
    noted = []
    monkeypatch.setattr(type(UserSession.objects), "create_from_request", lambda self, request: noted.append(1))
    for _ in range(3):
        laptop.get("/accounts/profile")
    assert noted == []
    session = laptop.session
    session["noted_at"] -= 601
    session.save()
    laptop.get("/accounts/profile")
    laptop.get("/accounts/profile")
    assert len(noted) == 1


def test_signing_out_takes_the_row_along(laptop, phone, alice):
    phone.post("/accounts/logout/")
    laptop.get(LIST)
    assert [row.ip for row in UserSession.objects.filter(user=alice)] == ["192.0.2.7"]


@pytest.mark.parametrize(
    ("agent", "named"),
    [
        (FIREFOX, ("Firefox", "Linux")),
        (SAFARI, ("Safari", "iPhone")),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/141.0 Safari/537.36 Edg/141.0", ("Edge", "Windows")),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/141.0 Safari/537.36", ("Chrome", "macOS")),
        ("curl/8.5.0", ("", "")),
    ],
)
def test_browsers_are_named_by_what_they_are(agent, named):
    assert (browser_of(agent), system_of(agent)) == named
