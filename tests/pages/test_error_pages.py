"""Error pages in the site's design; the last of them without anything that could fail again."""

import pytest
from django.db import connection
from django.test import Client, RequestFactory

from config.error_pages import server_error
from tokens import sites
from tokens.models import Site


def test_an_unknown_address(client, db):
    response = client.get("/no-such-page")
    assert response.status_code == 404
    assert "This road ends here" in response.content.decode()


def test_a_form_without_its_token(db):
    response = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "a@example.com", "password": "x"})
    assert response.status_code == 403
    assert "This form is out of date" in response.content.decode()


def test_the_500_page_asks_no_database():
    request = RequestFactory().get("/")
    request.COOKIES["theme"] = "dark"

    def refuse(*args):
        pytest.fail("the 500 page touched the database")

    with connection.execute_wrapper(refuse):
        response = server_error(request)
    page = response.content.decode()
    assert response.status_code == 500
    assert 'data-theme="dark"' in page
    assert request.request_id in page


def test_the_500_page_runs_no_context_processor(client, monkeypatch, settings, db):
    client.raise_request_exception = False
    monkeypatch.setattr("config.context.announcements_for", lambda request: 1 / 0)
    monkeypatch.setattr("config.context.api_base_url", lambda request: 1 / 0)
    response = client.get("/about")
    assert response.status_code == 500
    assert "Something broke on our side" in response.content.decode()


def test_what_cannot_be_read_and_a_host_that_is_not_ours(client, settings, db):
    settings.ALLOWED_HOSTS = ["testserver"]
    response = client.get("/", headers={"host": "elsewhere.example"})
    assert response.status_code == 400
    assert "We could not read that" in response.content.decode()
    assert "elsewhere.example" not in response.content.decode()


def test_an_address_for_forms_alone(client, db):
    response = client.get("/theme")
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert "Nothing to see here" in response.content.decode()
    assert "script-src" not in response.headers["Content-Security-Policy"]  # the pages' own policy: 'self' and no more


def test_the_site_api_keeps_its_own_refusal(client, db):
    response = client.get("/api/quota/query")
    assert response.status_code == 405
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(("status", "path"), [(503, "/about"), (405, "/theme")])
def test_a_page_has_the_face_of_its_host(status, path, client, settings, db):
    settings.ALLOWED_HOSTS = ["*"]
    settings.MAINTENANCE = "pages"
    Site.objects.create(host="ai.example.com", name="Acme AI", accent="violet")
    sites.load()
    response = client.get(path, headers={"host": "ai.example.com", "accept-language": "zh-hans"})
    page = response.content.decode()
    assert response.status_code == status
    assert "Acme AI" in page
    assert settings.SITE_NAME not in page
    assert 'lang="zh-Hans"' in page
    assert 'data-accent="violet"' in page


def test_an_exception_ends_in_the_500_page(client, monkeypatch, db):
    client.raise_request_exception = False
    monkeypatch.setattr("relay.views.price_groups", lambda user: 1 / 0)
    response = client.get("/pricing")
    assert response.status_code == 500
    assert "Something broke on our side" in response.content.decode()
