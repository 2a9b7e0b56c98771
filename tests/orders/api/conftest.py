"""The site API as a stranger calls it, and a key of alice's."""

import pytest
from django.test import Client

from tests.factories import make_group
from tokens.services import issue_token

PLACE = {"purchase": "/api/purchase/orders", "topup": "/api/topup/orders"}


@pytest.fixture
def call():
    """`call("/api/purchase/query", {...})` → (status, JSON); without a body a GET."""
    client = Client()

    def call(path, body=None, **headers):
        if body is None:
            response = client.get(path, headers=headers)
        else:
            response = client.post(path, body, content_type="application/json", headers=headers)
        return response.status_code, response.json()

    return call


@pytest.fixture
def data(call):
    """`data(path, body)`: the data of a success."""

    def data(path, body=None):
        status, answer = call(path, body)
        assert (status, set(answer), answer["ok"]) == (200, {"ok", "data"}, True), answer
        return answer["data"]

    return data


@pytest.fixture
def issue():
    """`issue(alice, quota=…)`: an issued token with its key."""

    def issue(user, **terms):
        make_group("default", is_default=True)
        return issue_token(user=user, **({"name": "Production Key"} | terms))

    return issue


@pytest.fixture
def key(alice, issue):
    """A key of alice's without limits."""
    return issue(alice).plain_key


@pytest.fixture
def purchase(shop, data):
    """`purchase(email)`: the number of a new first-purchase order."""

    def purchase(email="buyer@example.com", **fields):
        make_group("default", is_default=True)
        return data(PLACE["purchase"], {"email": email, "planCode": "starter"} | fields)["orderNo"]

    return purchase


@pytest.fixture
def top_up(shop, data, key):
    """`top_up()`: the number of a new top-up of alice's key."""

    def top_up(**fields):
        body = {"apiKey": key, "packageCode": "topup_100", "contactEmail": "buyer@example.com"} | fields
        return data(PLACE["topup"], body)["orderNo"]

    return top_up
