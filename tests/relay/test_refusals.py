"""What the relay refuses before any upstream is asked: the contract's statuses and codes, and no usage is invented."""

from datetime import timedelta

import pytest
import requests
from django.urls import resolve
from django.utils import timezone

from config.kernel.money import usd
from relay.models import Channel
from tests.factories import make_channel, make_group, make_price
from tests.relay.conftest import chat
from tokens.keys import make_key
from tokens.models import Site

pytestmark = pytest.mark.live


def refused(response, status, kind, code, *, param=None):
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["X-Request-Id"]
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["code"], error["param"]) == (kind, code, param)
    return error["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic abc"},
        {"Authorization": "Bearer sk-short"},
        {"Authorization": f"Bearer {make_key()}"},
        {"x-api-key": "sk-" + "é" * 48},
    ],
)
def test_a_missing_or_unknown_key(caller_of, headers):
    alice = caller_of()
    encoded = {name: value.encode() for name, value in headers.items()}
    response = alice.post(chat(), headers=encoded)
    refused(response, 401, "authentication_error", "invalid_api_key")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert alice.records == []


@pytest.mark.parametrize(
    ("fields", "status", "kind", "code"),
    [
        ({"is_enabled": False}, 401, "authentication_error", "key_disabled"),
        ({"expires_at": timezone.now() - timedelta(hours=1)}, 401, "authentication_error", "key_expired"),
        ({"deleted_at": timezone.now()}, 401, "authentication_error", "invalid_api_key"),
        ({"quota": 0}, 402, "insufficient_quota", "key_quota_exhausted"),
        ({"ips_allowed": ["203.0.113.0/24"]}, 403, "permission_error", "ip_not_allowed"),
    ],
)
def test_a_key_that_may_not_call(caller_of, fields, status, kind, code):
    alice = caller_of()
    for name, value in fields.items():
        setattr(alice.token, name, value)
    alice.token.save()
    refused(alice.post(chat()), status, kind, code)
    assert alice.records == []
    assert alice.wallet.held == 0


def test_a_suspended_account(caller_of):
    alice = caller_of()
    alice.user.is_active = False
    alice.user.save()
    refused(alice.post(chat()), 403, "permission_error", "account_suspended")


def test_an_address_on_the_list_may_call(caller_of):
    alice = caller_of()
    alice.token.ips_allowed = ["127.0.0.0/8"]
    alice.token.save()
    assert alice.post(chat()).status_code == 200


def test_a_forged_forwarding_header_is_not_believed(caller_of):
    alice = caller_of()
    alice.token.ips_allowed = ["203.0.113.0/24"]
    alice.token.save()
    headers = {"Authorization": f"Bearer {alice.key}", "X-Forwarded-For": "203.0.113.9"}
    refused(alice.post(chat(), headers=headers), 403, "permission_error", "ip_not_allowed")


def test_an_empty_wallet_with_a_way_out(caller_of, settings):
    alice = caller_of(balance="0")
    message = refused(alice.post(chat()), 402, "insufficient_quota", "insufficient_quota")
    address = message.rpartition(" ")[2]
    assert address.startswith(settings.SITE_URL)
    assert resolve(address.removeprefix(settings.SITE_URL)).url_name == "top-up"  # where the key is all one needs
    assert alice.records == []


def test_a_brand_sends_callers_to_its_own_pages(caller_of):
    Site.objects.create(host="ai.example.com", name="Acme AI")
    alice = caller_of(balance="0")
    at_brand = {"Authorization": f"Bearer {alice.key}", "Host": "ai.example.com"}
    message = refused(alice.post(chat(), headers=at_brand), 402, "insufficient_quota", "insufficient_quota")
    assert message.endswith(" top up at http://ai.example.com:8000/topup")


def test_a_model_the_key_may_not_call(caller_of):
    alice = caller_of()
    alice.token.models_allowed = ["sandbox-pro"]
    alice.token.save()
    refused(alice.post(chat()), 403, "permission_error", "model_not_allowed", param="model")
    assert [m["id"] for m in alice.get("/models").json()["data"]] == ["sandbox-pro"]


def test_an_unknown_model(caller_of):
    refused(caller_of().post(chat("gpt-nine")), 404, "invalid_request_error", "model_not_found", param="model")


def test_a_model_of_another_group(caller_of, sandbox):
    make_price("secret-model")
    make_channel(sandbox, models=["secret-model"], groups=[make_group("vip")])
    refused(caller_of().post(chat("secret-model")), 404, "invalid_request_error", "model_not_found", param="model")


def test_a_model_without_a_price_is_never_free(caller_of):
    alice = caller_of(models=["sandbox-mini"], channels=[{"models": ["sandbox-mini", "sandbox-pro"]}])
    refused(alice.post(chat("sandbox-pro")), 404, "invalid_request_error", "model_not_found", param="model")
    assert [m["id"] for m in alice.get("/models").json()["data"]] == ["sandbox-mini"]


def test_a_model_whose_channel_is_off(caller_of):
    alice = caller_of(channels=[{"status": Channel.Status.DISABLED}])
    response = alice.post(chat())
    refused(response, 503, "upstream_error", "no_available_channel")
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("raw", "code", "param"),
    [
        (b"{not json", "invalid_json", None),
        (b"", "invalid_json", None),
        (b"[]", "invalid_json", None),
        (b"\xff\xfe", "invalid_json", None),
        (b"[" * 100_000, "invalid_json", None),
        (b'{"messages":[{"role":"user","content":"x"}]}', "invalid_request", "model"),
        (b'{"model":"","messages":[{"role":"user","content":"x"}]}', "invalid_request", "model"),
        (b'{"model":7,"messages":[{"role":"user","content":"x"}]}', "invalid_request", "model"),
        (b'{"model":"sandbox-mini"}', "invalid_request", "messages"),
        (b'{"model":"sandbox-mini","messages":[]}', "invalid_request", "messages"),
        (b'{"model":"sandbox-mini","messages":"hi"}', "invalid_request", "messages"),
        (b'{"model":"sandbox-mini","messages":["hi"]}', "invalid_request", "messages[0]"),
        (b'{"model":"sandbox-mini","messages":[{"role":"user"}],"stream":"yes"}', "invalid_request", "stream"),
        (b'{"model":"sandbox-mini","messages":[{"role":"user"}],"max_tokens":-1}', "invalid_request", "max_tokens"),
        (b'{"model":"sandbox-mini","messages":[{"role":"user"}],"max_tokens":1e3}', "invalid_request", "max_tokens"),
        (b'{"model":"sandbox-mini","messages":[{"role":"user"}],"n":100000}', "invalid_request", "n"),
        (
            b'{"model":"sandbox-mini","messages":[{"role":"user"}],"stream_options":1}',
            "invalid_request",
            "stream_options",
        ),
    ],
)
def test_malformed_requests_name_the_field(caller_of, raw, code, param):
    alice = caller_of()
    response = requests.post(
        f"{alice.base_url}/chat/completions", data=raw, headers={"Authorization": f"Bearer {alice.key}"}, timeout=10
    )
    refused(response, 400, "invalid_request_error", code, param=param)
    assert alice.records == []


def test_a_body_beyond_the_limit(caller_of, settings):
    settings.RELAY_MAX_BODY_BYTES = 10_000
    refused(caller_of().post(chat(content="x" * 20_000)), 413, "invalid_request_error", "request_too_large")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/nothing", "/chat"])
def test_a_wrong_address_names_the_right_one(caller_of, path):
    message = refused(caller_of().post(chat(), path=path), 404, "invalid_request_error", "unknown_url")
    assert "/v1" in message


def test_a_base_url_without_v1(caller_of):
    alice = caller_of()
    response = requests.post(f"{alice.base_url.removesuffix('/v1')}/chat/completions", json=chat(), timeout=10)
    assert "/v1/chat/completions" in refused(response, 404, "invalid_request_error", "unknown_url")


def test_a_wrong_method(caller_of):
    refused(caller_of().get("/chat/completions"), 405, "invalid_request_error", "method_not_allowed")


def test_a_browser_may_ask_first(caller_of):
    alice = caller_of()
    response = requests.options(
        f"{alice.base_url}/chat/completions",
        headers={"Origin": "https://app.example", "Access-Control-Request-Method": "POST"},
        timeout=10,
    )
    assert response.status_code == 204
    assert "Authorization" in response.headers["Access-Control-Allow-Headers"]


def test_a_key_disabled_between_look_up_and_hold_is_stopped(caller_of):
    """The caller's snapshot may be a second old; the hold reads the row."""
    alice = caller_of()
    assert alice.post(chat()).status_code == 200
    alice.token.refresh_from_db()
    alice.token.is_enabled = False
    alice.token.save()
    refused(alice.post(chat()), 401, "authentication_error", "key_disabled")
    assert len(alice.records) == 1


def test_concurrent_calls_with_money_for_three(caller_of):
    from concurrent.futures import ThreadPoolExecutor

    alice = caller_of(
        models=["sandbox-mini"], balance="0.0035"
    )  # a hold of 500 answer tokens and the prompt is $0.00106
    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda _: alice.post(chat(max_tokens=500)).status_code, range(12)))
    assert set(statuses) <= {200, 402}
    spent = sum(record.charge for record in alice.records)
    assert alice.wallet.balance == usd("0.0035") - spent >= 0
    assert alice.wallet.held == 0
