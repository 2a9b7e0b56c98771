"""English and Chinese: by the browser's wish, the menu, or the profile, in this order from weak to strong."""

import pytest
from django.utils import timezone, translation

from accounts.middleware import preferences


@pytest.fixture(autouse=True)
def english():
    """The test client leaves the last request's language active."""
    with translation.override("en"):
        yield


def language_of(response):
    return response.content.decode().split('<html lang="', 1)[1].split('"', 1)[0]


def test_the_browser_is_listened_to(client, db):
    assert language_of(client.get("/")) == "en"
    assert language_of(client.get("/", headers={"accept-language": "zh-CN,zh;q=0.9"})) == "zh-Hans"


def test_the_menu_works_without_a_script(client, db):
    response = client.post("/i18n/setlang/", {"language": "zh-hans", "next": "/pricing"})
    assert (response.status_code, response.url) == (302, "/pricing")
    page = client.get("/pricing").content.decode()
    assert '<html lang="zh-Hans"' in page
    assert "价格" in page
    assert int(client.cookies["django_language"]["max-age"]) > 30 * 24 * 3600


def test_the_profile_speaks_where_the_menu_was_not_used(client_of, alice):
    alice.language = "zh-hans"
    alice.save()
    browser = client_of(alice)
    assert language_of(browser.get("/accounts/profile")) == "zh-Hans"
    browser.post("/i18n/setlang/", {"language": "en"})
    assert language_of(browser.get("/accounts/profile")) == "en"


def test_times_are_in_the_profiles_zone(client_of, alice, rf):
    alice.time_zone = "Asia/Shanghai"
    request = rf.get("/")
    request.user = alice
    assert preferences(lambda request: timezone.get_current_timezone_name())(request) == "Asia/Shanghai"
    assert timezone.get_current_timezone_name() == "UTC"


def test_a_zone_that_vanished_from_the_database_is_utc(alice, rf):
    alice.time_zone = "Mars/Olympus"
    request = rf.get("/")
    request.user = alice
    assert preferences(lambda request: timezone.get_current_timezone_name())(request) == "UTC"
