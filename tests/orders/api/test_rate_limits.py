"""Who asks too often waits: by address, by order, by key."""

import pytest
from redis.exceptions import ConnectionError as RedisAway

from config import rate_limits
from tests.orders.api.refusals import refused
from tokens.keys import make_key

pytestmark = pytest.mark.django_db
LOOK_UP = {"orderNo": "BUY2026010100002222", "contactEmail": "buyer@example.com"}


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Time stands ten seconds after a full minute; `clock(s)` moves it on."""
    now = [1_800_000_010.0]
    monkeypatch.setattr(rate_limits, "time", lambda: now[0])

    def move(seconds):
        now[0] += seconds

    return move


@pytest.fixture
def limits(settings):
    """`limits(guess=2)`: others out of reach."""

    def limits(**few):
        settings.API_RATE_LIMITS = dict.fromkeys(settings.API_RATE_LIMITS, 1000) | few

    return limits


def test_an_address_that_asks_too_often(shop, limits, call, client, clock):
    limits(address=2)
    for _ in range(2):
        assert call("/api/topup/packages")[0] == 200
    refused(call("/api/topup/packages"), 429, "RATE_LIMIT")
    response = client.get("/api/purchase/plans")
    assert (response.status_code, response.headers["Retry-After"]) == (429, "51")
    assert call("/api/topup/packages")[0] == 429
    clock(50)
    assert call("/api/topup/packages")[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("/api/purchase/query", LOOK_UP, "guess"),
        ("/api/topup/query", LOOK_UP, "guess"),
        ("/api/purchase/pay", LOOK_UP, "guess"),
        ("/api/topup/preview", {"apiKey": "x"}, "guess"),
        ("/api/topup/orders", {"apiKey": "x", "packageCode": "p", "contactEmail": "a@example.com"}, "guess"),
        ("/api/quota/query", {"apiKey": "x"}, "guess"),
        ("/api/quota/logs", {"apiKey": "x"}, "guess"),
        ("/api/purchase/orders", {"email": "a@example.com", "planCode": "p"}, "place"),
        ("/api/purchase/query", LOOK_UP, "order"),
        ("/api/topup/pay", LOOK_UP, "order"),
        ("/api/topup/preview", {"apiKey": "x"}, "key"),
        ("/api/quota/query", {"apiKey": "x"}, "key"),
    ],
)
def test_limits_of_their_own(shop, limits, call, path, body, name):
    limits(**{name: 1})
    assert call(path, body)[0] in (400, 404)
    refused(call(path, body), 429, "RATE_LIMIT")
    assert call("/api/topup/packages")[0] == 200


def test_malformed_bodies_count(shop, limits, call):
    limits(guess=1)
    assert call("/api/topup/preview", "{")[0] == 400
    assert call("/api/topup/preview", "{")[0] == 429


def test_one_order_and_one_key_do_not_block_another(shop, limits, call):
    limits(order=1, key=1)
    for number in ("BUY2026010100002222", "BUY2026010100003333"):
        assert call("/api/purchase/query", LOOK_UP | {"orderNo": number})[0] == 404
    for key in (make_key(), make_key()):
        assert call("/api/quota/query", {"apiKey": key})[0] == 400


def test_an_order_is_limited_whatever_address_and_spelling(shop, limits, client):
    limits(order=1)
    statuses = [
        client.post(
            "/api/purchase/query",
            LOOK_UP | {"orderNo": number, "contactEmail": f"{number}@example.com"},
            content_type="application/json",
            REMOTE_ADDR=address,
        ).status_code
        for number, address in (("BUY2026010100002222", "192.0.2.1"), (" buy2026010100002222", "192.0.2.2"))
    ]
    assert statuses == [404, 429]


@pytest.mark.parametrize(
    ("one", "other", "second"),
    [
        ("192.0.2.1", "192.0.2.2", 200),
        ("2001:db8::1", "2001:db8::ffff", 429),  # the same customer's network
        ("2001:db8::1", "2001:db8:0:1::1", 200),
        ("::ffff:192.0.2.1", "192.0.2.1", 429),
    ],
)
def test_what_is_one_address(shop, limits, client, one, other, second):
    limits(address=1)
    assert client.get("/api/topup/packages", REMOTE_ADDR=one).status_code == 200
    assert client.get("/api/topup/packages", REMOTE_ADDR=other).status_code == second


def test_a_client_cannot_choose_its_address(shop, limits, client, settings):
    limits(address=1)
    settings.TRUSTED_PROXY_COUNT = 1
    statuses = [
        client.get("/api/topup/packages", headers={"x-forwarded-for": f"{lie}, 192.0.2.9"}).status_code
        for lie in ("192.0.2.1", "192.0.2.2")
    ]
    assert statuses == [200, 429]


def test_a_cache_that_is_away_limits_nobody(shop, limits, call, monkeypatch, caplog):
    def away(*_arguments, **_options):
        raise RedisAway

    limits(address=1)
    monkeypatch.setattr(rate_limits.cache, "add", away)
    assert [call("/api/topup/packages")[0] for _ in range(3)] == [200, 200, 200]
    assert "not limited" in caplog.text
