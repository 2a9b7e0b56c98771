"""The API keeps to its own OpenAPI document, whatever is sent: never a 5xx, every answer in the shape it promises."""

import re

import pytest
import requests
import schemathesis
from django.conf import settings as django_settings
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from relay import v1_urls
from relay.openapi import PATHS, document
from tests.factories import make_price

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 6  # of each operation and kind: with all of them less than a minute
MODEL = "sandbox-mini"
MODELS = {
    "/embeddings": "sandbox-embed",
    "/rerank": "sandbox-rerank",
    "/moderations": "sandbox-moderation",
    "/images/generations": "sandbox-image",
    "/audio/speech": "sandbox-speech",
    "/images/edits": "sandbox-image",
    "/images/variations": "sandbox-image",
    "/audio/transcriptions": "sandbox-transcribe",
    "/audio/translations": "sandbox-transcribe",
}
CONVERSATION = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}
PROPER = {
    "/chat/completions": CONVERSATION,
    "/ai/{provider}/chat/completions": CONVERSATION,
    "/completions": {"prompt": "Hello"},
    "/responses": {"input": "Hello"},
    "/messages": CONVERSATION,
    "/messages/count_tokens": CONVERSATION,
    "/embeddings": {"input": "Hello"},
    "/rerank": {"query": "Hello", "documents": ["Hello", "Goodbye"]},
    "/moderations": {"input": "Hello"},
    "/images/generations": {"prompt": "Hello"},
    "/audio/speech": {"input": "Hello", "voice": "alloy"},
    "/images/edits": {"prompt": "Hello", "image": b"\0" * 80},
    "/images/variations": {"image": b"\0" * 80},
    "/audio/transcriptions": {"file": b"\0" * 8000},
    "/audio/translations": {"file": b"\0" * 8000},
}
STREAMED = ("/chat/completions", "/completions", "/responses", "/messages")
ALL = [(path, method) for path, methods in PATHS.items() for method in methods]
WITH_INPUT = [(path, method) for path, method in ALL if path in PROPER or "{" in path]


@pytest.fixture(scope="module")
def schema():
    return schemathesis.openapi.from_dict(document(title="Tollbooth", url="http://127.0.0.1/v1"))


@pytest.fixture
def caller(caller_of):
    served = sorted({MODEL, *MODELS.values()})
    for model in served:
        make_price(model, input="1", output="2")
    return caller_of(models=(), channels=[{"provider": "sandbox", "models": served}], balance="1000000")


def ask(caller, case):
    """Send it and check the answer against the document."""
    response = case.call(base_url=caller.base_url, headers={"Authorization": f"Bearer {caller.key}"}, timeout=20)
    case.validate_response(response, checks=CHECKS)
    return response


def asks(caller, operation, mode, path):
    """A property: cases of one mode are answered as documented."""

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    def check(case):
        # A model and a provider that there are, or nothing beyond the first checks would ever be reached.
        if isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
            case.body["model"] = MODELS.get(path, MODEL)
        if "provider" in case.path_parameters:
            case.path_parameters["provider"] = "sandbox"
        ask(caller, case)

    return check


@pytest.mark.parametrize(("path", "method"), ALL)
def test_what_the_document_allows_is_answered_as_documented(caller, schema, path, method):
    asks(caller, schema[path][method], GenerationMode.POSITIVE, path)()


@pytest.mark.parametrize(("path", "method"), WITH_INPUT)
def test_what_the_document_does_not_allow_is_answered_as_documented(caller, schema, path, method):
    asks(caller, schema[path][method], GenerationMode.NEGATIVE, path)()


@pytest.mark.parametrize(("path", "method"), ALL)
def test_a_proper_request_succeeds_as_documented(caller, schema, path, method):
    chosen = {"provider": "sandbox", "model": MODEL}
    parameters = {name: value for name, value in chosen.items() if f"{{{name}}}" in path}
    body = {"model": MODELS.get(path, MODEL), **PROPER[path]} if path in PROPER else None
    values = {} if body is None else {"body": body, "media_type": media_type(path)}
    assert ask(caller, schema[path][method].Case(path_parameters=parameters, **values)).status_code == 200


@pytest.mark.parametrize("path", STREAMED)
def test_a_stream_is_one_of_documented_events(caller, schema, path):
    body = {"model": MODEL, "stream": True, **PROPER[path]}
    response = ask(caller, schema[path]["post"].Case(body=body, media_type="application/json"))
    assert response.headers["content-type"][0].startswith("text/event-stream")


def media_type(path):
    (only,) = PATHS[path]["post"]["requestBody"]["content"]
    return only


def test_anybody_may_read_the_document(relay):
    response = requests.get(f"{relay}/openapi.json", timeout=20)
    assert response.status_code == 200
    written = response.json()
    schemathesis.openapi.from_dict(written).validate()
    assert written["servers"] == [{"url": django_settings.API_BASE_URL}]
    assert requests.post(f"{relay}/openapi.json", timeout=20).status_code == 405


def test_every_address_is_in_the_document():
    *served, _anything_else = (str(pattern.pattern) for pattern in v1_urls.urlpatterns)
    assert {"/" + re.sub(r"<\w+:(\w+)>", r"{\1}", path) for path in served} == set(PATHS)
