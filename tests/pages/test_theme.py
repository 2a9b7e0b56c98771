"""Light and dark without a script: a form, a cookie, and `data-theme` written by the server."""

import pytest


def theme_of(response):
    return response.content.decode().split('data-theme="', 1)[1].split('"', 1)[0]


def test_without_a_choice_the_device_decides(client, db):
    assert theme_of(client.get("/")) == "system"


def test_a_choice_is_kept_and_leads_back(client, db):
    response = client.post("/theme", {"theme": "dark", "next": "/pricing?q=gpt"})
    assert (response.status_code, response.url) == (302, "/pricing?q=gpt")
    assert theme_of(client.get("/")) == "dark"


def test_an_unknown_theme_changes_nothing(client, db):
    client.post("/theme", {"theme": '"><script>'})
    assert theme_of(client.get("/")) == "system"
    client.cookies["theme"] = '"><script>'
    assert theme_of(client.get("/")) == "system"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", ""])
def test_it_leads_nowhere_else(client, db, elsewhere):
    assert client.post("/theme", {"theme": "light", "next": elsewhere}).url == "/"


def test_a_link_cannot_change_it(client, db):
    assert client.get("/theme").status_code == 405
