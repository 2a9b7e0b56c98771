"""Error pages in the site's design; the last of them without anything that could fail again."""

import pytest
from django.db import connection
from django.test import Client, RequestFactory

from config.error_pages import server_error


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


def test_an_exception_ends_in_the_500_page(client, monkeypatch, db):
    client.raise_request_exception = False
    monkeypatch.setattr("relay.views.price_groups", lambda user: 1 / 0)
    response = client.get("/pricing")
    assert response.status_code == 500
    assert "Something broke on our side" in response.content.decode()
