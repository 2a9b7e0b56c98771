"""Whatever is sent, the answer is in the envelope and never a 5xx."""

import json
import re
from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.test import Client

from orders.api.quota import QuotaQuery
from orders.models import Order
from tests.orders.api.refusals import refused

pytestmark = pytest.mark.django_db

EMAIL, LOOK_UP = "buyer@example.com", {"orderNo": "BUY2026010100002222", "contactEmail": "buyer@example.com"}
PROPER: dict[str, dict[str, Any]] = {
    "/api/purchase/orders": {"email": EMAIL, "planCode": "starter", "couponCode": "", "sourcePage": "pricing"},
    "/api/purchase/pay": LOOK_UP | {"provider": "scripted"},
    "/api/purchase/query": LOOK_UP,
    "/api/topup/preview": {"apiKey": "sk-x"},
    "/api/topup/orders": {"apiKey": "sk-x", "packageCode": "topup_100", "contactEmail": EMAIL, "couponCode": ""},
    "/api/topup/pay": LOOK_UP | {"provider": "scripted"},
    "/api/topup/query": LOOK_UP,
    "/api/quota/query": {"apiKey": "sk-x"},
    "/api/quota/logs": {"apiKey": "sk-x", "limit": 5, "before": "log_" + "0" * 32},
}
OPTIONAL = {"couponCode", "sourcePage", "provider", "limit", "before"}
FIELDS = [(path, field) for path, body in PROPER.items() for field in body]
WRONG = [None, 5, 5.5, True, [], ["x"], {}, {"x": 1}, "\x00", "a\x00b", "\ud800", "x" * 20_000]


def post(path, body, content_type="application/json"):
    response = Client(raise_request_exception=False).post(path, body, content_type=content_type)
    assert response.headers["X-Request-Id"]
    return response.status_code, response.json()


@pytest.mark.parametrize(("path", "field"), FIELDS)
def test_a_field_of_the_wrong_type(shop, path, field):
    for wrong in WRONG:
        if (field, wrong) == ("limit", 5):
            continue
        refused(post(path, PROPER[path] | {field: wrong}), 400, "invalid_payload", field)
    assert not Order.objects.exists()


@pytest.mark.parametrize(("path", "field"), [pair for pair in FIELDS if pair[1] not in OPTIONAL])
def test_a_missing_field(shop, path, field):
    body = {name: value for name, value in PROPER[path].items() if name != field}
    refused(post(path, body), 400, "invalid_payload", field)


@pytest.mark.parametrize("path", PROPER)
def test_every_complaint_at_once(shop, path):
    required = PROPER[path].keys() - OPTIONAL
    refused(post(path, {}), 400, "invalid_payload", *required)
    refused(post(path, ""), 400, "invalid_payload", *required)


@pytest.mark.parametrize("path", PROPER)
def test_unknown_fields_are_ignored(shop, path):
    odd = {"__proto__": {}, "isAdmin": True, "amountCents": 1, "status": "PAID", "\x00": "\ud800", "user": 1}
    assert post(path, PROPER[path] | odd)[0] == post(path, PROPER[path])[0]


NO_OBJECTS = ["{", "nul", "[]", "[1]", '"text"', "5", "null", "true", '{"a": NaN}', b"\xff\xfe", b"\x00", "[" * 50_000]


@pytest.mark.parametrize("path", PROPER)
def test_bodies_that_are_no_object(shop, path):
    for body in NO_OBJECTS:
        refused(post(path, body), 400, "invalid_payload", "body")
    refused(post(path, "apiKey=sk-x", content_type="application/x-www-form-urlencoded"), 400, "invalid_payload", "body")


@pytest.mark.parametrize("path", PROPER)
def test_bodies_that_are_too_long(shop, path):
    for size in (64 * 1024, 1_000_000, 10_000_000):
        body = json.dumps(PROPER[path] | {"more": "x" * size})
        refused(post(path, body), 413, "request_too_large")


def in_chunks(body):
    """What the server makes of a body whose length is not announced."""
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "client": ("127.0.0.1", 1)}
    headers = [(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]
    request = ASGIRequest(scope | {"headers": headers}, BytesIO(body))
    response = QuotaQuery.as_view()(request).render()
    return response.status_code, json.loads(response.content)


def test_bodies_in_chunks(key):
    status, answer = in_chunks(json.dumps({"apiKey": key}).encode())
    assert (status, answer["data"]["tokenName"]) == (200, "Production Key")
    refused(in_chunks(b"{}"), 400, "invalid_payload", "apiKey")
    refused(in_chunks(b" " * 10_000_000), 413, "request_too_large")


@pytest.mark.parametrize("path", PROPER)
def test_other_methods(shop, path):
    client = Client(raise_request_exception=False)
    for method in ("get", "put", "patch", "delete", "options"):
        response = getattr(client, method)(path)
        assert (response.status_code, response.json()["error"]["code"]) == (405, "method_not_allowed")
        assert response.headers["Allow"] == "POST"


def test_complaints_are_in_the_callers_language(db):
    for path, body in (("/api/quota/query", "{"), ("/api/quota/query", {}), ("/api/nothing", {}), ("/api/tokens", {})):
        answer = Client().post(path, body, content_type="application/json", headers={"accept-language": "zh-hans"})
        assert re.search(r"[\u4e00-\u9fff]", answer.json()["error"]["message"]), answer.json()


def test_addresses_there_are_not(db):
    for path in ("/api/purchase", "/api/purchase/orders/", "/api/topup/cancel", "/api/quota/query/1"):
        refused(post(path, {}), 404, "not_found")
