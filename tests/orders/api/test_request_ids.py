"""The id in an answer is the one in the server's log, and nothing that opens anything is there."""

import logging

import pytest
from django.db import DatabaseError
from django.test import Client

from orders import keys

pytestmark = pytest.mark.django_db


@pytest.fixture
def logged(caplog):
    """`logged()`: the levels and lines about requests so far."""
    caplog.set_level(logging.INFO, logger="tollbooth.requests")

    def logged():
        records = [record for record in caplog.records if record.name == "tollbooth.requests"]
        return [(record.levelname, record.getMessage()) for record in records]

    return logged


def test_every_answer_is_in_the_log(logged, key):
    answer = Client().post("/api/quota/query", {"apiKey": key}, content_type="application/json")
    number = answer.headers["X-Request-Id"]
    assert logged() == [("INFO", f"POST api/quota/query 200 {number}")]
    number = Client().get("/api/payments/qr/BUY2026~secret.svg").headers["X-Request-Id"]
    assert logged()[1:] == [("INFO", f"GET api/payments/qr/<str:token>.svg 404 {number}")]


def test_a_callers_own_id_is_kept_when_it_is_harmless(logged):
    for sent, kept in (("trace-7", True), ("a\nb", False), ("x" * 65, False)):
        answer = Client().get("/api/purchase/plans", headers={"x-request-id": sent})
        assert (answer.headers["X-Request-Id"] == sent) is kept
        assert logged()[-1][1].endswith(answer.headers["X-Request-Id"])


def test_a_failure_is_an_error(logged, key, monkeypatch):
    def away(_key):
        raise DatabaseError

    monkeypatch.setattr(keys, "account_by_key", away)
    client = Client(raise_request_exception=False)
    number = client.post("/api/quota/query", {"apiKey": key}, content_type="application/json").headers["X-Request-Id"]
    assert logged() == [("ERROR", f"POST api/quota/query 500 {number}")]


def test_pages_that_succeed_are_not_logged(logged):
    assert Client().get("/orders/find").status_code == 200
    assert logged() == []
