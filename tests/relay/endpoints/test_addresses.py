"""Every address of the relay: wrong ones and wrong methods are told the right ones, and browsers may ask everywhere."""

import pytest
import requests
from django.conf import settings

from relay.endpoints import Endpoint
from tests.factories import make_user

pytestmark = [pytest.mark.live]

POSTED = [endpoint.path for endpoint in Endpoint] + ["/messages/count_tokens"]
READ = ["/models", "/dashboard/billing/subscription", "/dashboard/billing/usage"]
AT_THE_ROOT = ["/dashboard/billing/subscription", "/dashboard/billing/usage", "/api/usage/token", "/api/usage/token/"]
ADDRESSES = [
    *((f"/v1{path}", "POST") for path in POSTED),
    *((f"/v1{path}", "GET, HEAD") for path in READ),
    *((path, "GET, HEAD") for path in AT_THE_ROOT),
]
KNOWN = [*POSTED, *READ]
WRONG = [
    *((f"/v1/v1{path}", path) for path in KNOWN),
    *((f"/v1{path}/", path) for path in KNOWN),
    *((f"/v1/chat/completions{path}", path) for path in KNOWN),
    *((path, path) for path in KNOWN if path not in AT_THE_ROOT),
    *((f"{path}/", path) for path in KNOWN),
    ("/v1/engines/gpt-4/completions", "/completions"),
    ("/v1/nothing", ""),
    ("/v1", ""),
    ("/v1/", ""),
    ("/dashboard/billing", ""),
    ("/api/usage/token/x", ""),
    ("/chat/completions/x", ""),
]


@pytest.fixture
def root(relay):
    """Where the relay listens; nobody has a key."""
    make_user()
    return relay.removesuffix("/v1")


def error_of(response, status, code):
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/json"), response.text
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["X-Request-Id"]
    error = response.json()["error"]
    assert error["type"] in ("invalid_request_error", "authentication_error", "not_found_error")
    assert error.get("code", code) == code
    return error["message"]


def test_a_wrong_address_names_the_right_one(root):
    for path, meant in WRONG:
        for method in ("POST", "GET"):
            message = error_of(requests.request(method, f"{root}{path}", timeout=20), 404, "unknown_url")
            assert message.endswith(f"{settings.API_BASE_URL}{meant}"), path


def test_a_wrong_method_is_told_the_right_ones(root):
    for path, allowed in ADDRESSES:
        methods = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - set(allowed.split(", "))
        for method in methods:
            response = requests.request(method, f"{root}{path}", timeout=20)
            error_of(response, 405, "method_not_allowed")
            assert response.headers["Allow"] == allowed


def test_every_address_wants_a_key(root):
    for path, allowed in ADDRESSES:
        response = requests.request(allowed.split(",")[0], f"{root}{path}", timeout=20)
        error_of(response, 401, "invalid_api_key")
        assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_browser_may_ask_first_everywhere(root):
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    for path in [*(path for path, _ in ADDRESSES), *(path for path, _ in WRONG)]:
        response = requests.options(f"{root}{path}", headers=headers, timeout=20)
        assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (204, "*"), path
        assert "POST" in response.headers["Access-Control-Allow-Methods"]


def test_pages_stay_pages(root):
    for path in ("/dashboard", "/usage", "/tokens"):
        response = requests.get(f"{root}{path}", allow_redirects=False, timeout=20)
        assert response.status_code == 302
        assert "Access-Control-Allow-Origin" not in response.headers
