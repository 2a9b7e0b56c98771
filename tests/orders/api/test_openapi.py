"""The OpenAPI document is valid, lists every address of the site API, and the API keeps to it."""

import json

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.urls import URLPattern, URLResolver
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, given, settings
from rest_framework.views import APIView
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from config import api_urls
from config.api_urls import UnknownPath
from config.openapi import document
from orders.delivering import deliver
from orders.models import Delivery, Order
from tests.orders.shop import pay, report
from tokens.models import Token

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 4  # of each operation and kind
PATHS = {
    ("get", "/api/tokens"),
    ("post", "/api/tokens"),
    ("patch", "/api/tokens/{public_id}"),
    ("delete", "/api/tokens/{public_id}"),
    ("patch", "/api/tokens/{public_id}/disable"),
    ("patch", "/api/tokens/{public_id}/enable"),
    ("post", "/api/tokens/{public_id}/rotate"),
    ("delete", "/api/tokens/{public_id}/former-key"),
    ("get", "/api/topup/packages"),
    ("post", "/api/topup/preview"),
    ("post", "/api/topup/orders"),
    ("post", "/api/topup/pay"),
    ("post", "/api/topup/query"),
    ("get", "/api/purchase/plans"),
    ("post", "/api/purchase/orders"),
    ("post", "/api/purchase/pay"),
    ("post", "/api/purchase/query"),
    ("post", "/api/quota/query"),
    ("post", "/api/quota/logs"),
}
OPERATIONS = sorted(PATHS)


def test_it_is_valid_and_nothing_in_it_was_guessed():
    document.cache_clear()
    validate_schema(document())
    assert (dict(GENERATOR_STATS._warn_cache), dict(GENERATOR_STATS._error_cache)) == ({}, {})


def test_every_path_is_listed():
    listed = {(method, path) for path, methods in document()["paths"].items() for method in methods}
    assert listed == PATHS


def test_no_view_is_forgotten():
    views = {view for view in _views(api_urls.urlpatterns) if view is not UnknownPath}
    assert len(views) == len({path for _method, path in PATHS})


def _views(patterns):
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and issubclass(getattr(pattern.callback, "cls", object), APIView):
            yield pattern.callback.cls


def test_it_is_served(client):
    response = client.get("/api/schema")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
    served = response.json()
    assert served["info"].pop("title") == "Tollbooth site API"
    told = json.loads(json.dumps(document()))
    del told["info"]["title"]
    assert served == told


def test_its_headings_speak_the_readers_language(client):
    told = client.get("/api/schema", headers={"accept-language": "zh-CN"}).json()
    plain = client.get("/api/schema").json()
    assert "站点 API" in told["info"]["title"]
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            english = plain["paths"][path][method]
            said = (operation["summary"], *operation["tags"])
            assert not any(words.isascii() for words in said), said
            assert (english["summary"], *english["tags"]) != said


@pytest.fixture
def ask(settings, client_of, alice):
    """`ask(case)`: alice's browser, whose page has a CSRF token, sends it; checks the answer against the document."""
    settings.API_RATE_LIMITS = dict.fromkeys(settings.API_RATE_LIMITS, 10**6)
    settings.ALLOWED_HOSTS = ["*"]
    session = client_of(alice).cookies["sessionid"].value
    cookies = {"sessionid": session, "csrftoken": "t" * 32}
    headers = {"X-CSRFToken": "t" * 32, "Accept-Encoding": "identity"}
    application = get_wsgi_application()
    for signal in (request_started, request_finished):  # as Django's own test client does: the test is a transaction
        signal.disconnect(close_old_connections)

    def ask(case):
        response = case.call(app=application, base_url="http://localhost", headers=headers, cookies=cookies)
        case.validate_response(response, checks=CHECKS)
        return response

    yield ask
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.django_db
@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_whatever_is_sent_is_answered_as_documented(shop, ask, method, path, mode):
    operation = schemathesis.openapi.from_dict(document())[path][method.upper()]
    if mode is GenerationMode.NEGATIVE and method == "get":
        pytest.skip("takes nothing that could be wrong")

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    def check(case):
        ask(case)

    check()


@pytest.fixture
def proper(purchase, top_up, key, alice, shop, gateway):
    """A body for each operation that succeeds, of orders that are paid but for those to be paid."""
    bought, topped = purchase(), top_up()
    for number in (bought, topped):
        attempt = pay(Order.objects.get(number=number))
        gateway.pays(attempt)
        report(shop, attempt)
    for delivery in Delivery.objects.all():
        deliver(delivery)
    email = {"contactEmail": "buyer@example.com"}
    return {
        "/api/tokens": {"displayName": "another"},
        "/api/tokens/{public_id}": {"displayName": "another", "quota": None},
        "/api/tokens/{public_id}/rotate": {"atOnce": True},
        "/api/topup/preview": {"apiKey": key},
        "/api/topup/orders": {"apiKey": key, "packageCode": "topup_100", **email},
        "/api/topup/pay": {"orderNo": top_up(), **email},
        "/api/topup/query": {"orderNo": topped, **email},
        "/api/purchase/orders": {"email": "alice@example.com", "planCode": "starter"},
        "/api/purchase/pay": {"orderNo": purchase(), **email},
        "/api/purchase/query": {"orderNo": bought, **email},
        "/api/quota/query": {"apiKey": key},
        "/api/quota/logs": {"apiKey": key},
    }


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_a_proper_request_succeeds_as_documented(proper, ask, alice, method, path):
    operation = schemathesis.openapi.from_dict(document())[path][method.upper()]
    values = {"path_parameters": {"public_id": Token.objects.get(user=alice).public_id}} if "{" in path else {}
    if operation.body:
        values |= {"body": proper[path], "media_type": "application/json"}
    assert ask(operation.Case(**values)).status_code == (201 if (method, path) == ("post", "/api/tokens") else 200)
