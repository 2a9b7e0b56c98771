"""How requests leave, and what becomes of answers that are none."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from orders.providers.base import GatewayRefused, GatewayUnreachable
from tests.orders.providers.stripe.standin import KEY, Raw

HTML = ((b"content-type", b"text/html"),)


@pytest.fixture
def create(stripe, account, charge_of):
    return lambda **fields: stripe.create(replace(account, **fields), charge_of())


def error(message, **fields):
    return json.dumps({"error": {"message": message, **fields}}).encode()


def test_a_request_tells_stripe_only_what_it_needs(create, standin, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    create()
    create()
    headers = standin.asked[-1].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["stripe-version"] == "2026-10-28.endive"
    assert "x-stripe-client-telemetry" not in headers
    assert not {"platform", "telemetry_id"} & json.loads(headers["x-stripe-client-user-agent"]).keys()
    assert list(Path(tmp_path).iterdir()) == []


def test_a_proxy_of_the_environment_is_not_used(create, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert create()


def test_nothing_leaves_to_where_nothing_may_be_sent(create, settings):
    settings.EGRESS_ALLOW = []
    with pytest.raises(GatewayUnreachable, match="nothing is sent there"):
        create()


def test_nobody_there(create, account):
    with pytest.raises(GatewayUnreachable, match=r"127\.0\.0\.1 could not be asked"):
        create(options={**account.options, "api_base": "http://127.0.0.1:1"})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Raw(b"<html>Bad Gateway</html>", 502, HTML), GatewayUnreachable),
        (Raw(b"<html>Welcome</html>", 200, HTML), GatewayUnreachable),
        (Raw(b"", 200), GatewayUnreachable),
        (Raw(b"[]", 200), GatewayUnreachable),
        (Raw(b"null", 200), GatewayUnreachable),
        (Raw(b"\xff\xfe", 200), GatewayUnreachable),
        (Raw(b"[" * 100_000, 200), GatewayUnreachable),
        (Raw(b'{"object": ["session"]}', 200), (GatewayRefused, GatewayUnreachable)),
        (Raw(b'{"object": "list", "data": 5}', 200), (GatewayRefused, GatewayUnreachable)),
        (Raw(b'{"metadata": {"object": {}}}', 200), (GatewayRefused, GatewayUnreachable)),
        (Raw(b'{"error": "no"}', 400), GatewayUnreachable),
        (Raw(b"{}", 500), GatewayUnreachable),
        (Raw(error("try later"), 500), GatewayUnreachable),
        (Raw(error("slow down"), 429), GatewayUnreachable),
        (Raw(error("slow down", code="rate_limit"), 400), GatewayUnreachable),
        (Raw(error("in use", type="idempotency_error"), 409), GatewayUnreachable),
        (Raw(error("no such thing"), 400), GatewayRefused),
        (Raw(error("not with this key"), 401), GatewayRefused),
        (Raw(error("declined", code="card_declined"), 402), GatewayRefused),
        (Raw(error("not for you"), 403), GatewayRefused),
        (Raw(error("nowhere"), 404), GatewayRefused),
        (Raw(error(None), 400), GatewayRefused),
        (Raw(error({"a": 1}), 400), GatewayRefused),
        (Raw(error("odd", type=[], param={}, code=5), 400), GatewayRefused),
        (Raw(b"", 302, ((b"location", b"https://elsewhere.example/v1"),)), GatewayRefused),
        (Raw(b"", 307, ((b"location", b"/v1/elsewhere"),)), GatewayRefused),
    ],
)
def test_an_answer_that_is_none_becomes_an_error_of_ours(create, standin, answer, expected):
    standin.next_answer = answer
    with pytest.raises(expected):
        create()
    assert len(standin.asked) == 1


def test_an_answer_without_an_end_is_not_read_to_it(create, standin):
    proper = json.dumps(standin.sessions[create().provider_ref]).encode()
    standin.next_answer = Raw(proper + b" " * 2_000_000)
    with pytest.raises(GatewayUnreachable, match="too large"):
        create()


def test_a_notice_in_an_answer_warns_nobody(create, standin):
    proper = create()
    standin.next_answer = Raw(
        json.dumps(standin.sessions[proper.provider_ref]).encode(), headers=((b"stripe-notice", b"Look here!"),)
    )
    assert create() == proper


@pytest.mark.parametrize("status", [400, 401, 500])
def test_an_error_quotes_no_secret(create, standin, caplog, status):
    caplog.set_level(logging.INFO)
    said = f"Bad key {KEY}, \u202e or rk_live_abcDEF123 with whsec_abcdef;\nBearer {KEY}"
    standin.next_answer = Raw(error(said), status)
    with pytest.raises((GatewayRefused, GatewayUnreachable)) as caught:
        create()
    assert (
        str(caught.value) == f"Stripe answered {status}: Bad key sk_test_… or rk_live_… with whsec_… Bearer sk_test_…"
    )
    assert KEY not in repr(caught.value.__cause__)
    assert KEY not in caplog.text


@pytest.mark.parametrize("key", ["", "sk_test_\r\nHost: elsewhere", "sk_test_ключ"])
def test_a_key_that_is_none_is_not_sent(create, standin, key):
    with pytest.raises(GatewayRefused):
        create(secrets={"secret_key": key})
    assert standin.asked == []


def test_an_address_that_may_not_be_used_is_not_asked(create, standin):
    with pytest.raises(GatewayRefused, match="has to be https"):
        create(live=True)
    assert standin.asked == []
