"""Whoever is signed in buys for their own account, if the address is theirs; only then does CSRF matter."""

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from orders.models import Order
from tests.orders.shop import make_coupon

pytestmark = pytest.mark.django_db
PATH = "/api/purchase/orders"


@pytest.fixture
def order(shop, alice):
    """`order(email)`: alice's browser orders, with or without the CSRF token; returns the response."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")

    def order(email, *, with_token=True, **fields):
        client.cookies["csrftoken"] = "t" * 32
        headers = {"x-csrftoken": "t" * 32} if with_token else {}
        body = {"email": email, "planCode": "starter"} | fields
        return client.post(PATH, body, content_type="application/json", headers=headers)

    return order


def test_the_account_of_a_verified_address(order, alice):
    assert order("Alice@example.com").status_code == 200
    assert Order.objects.get().user == alice


def test_the_owner_of_an_account_may_use_a_coupon_for_all_of_it(order, alice):
    make_coupon("FREE", off_bps=10_000)
    response = order("alice@example.com", couponCode="FREE")
    assert response.json()["data"]["amountCents"] == 0


def test_another_site_cannot_order_for_the_account(order):
    response = order("alice@example.com", with_token=False)
    assert (response.status_code, response.json()["error"]["code"]) == (403, "FORBIDDEN")
    assert not Order.objects.exists()


def test_for_another_address_the_session_means_nothing(order):
    assert order("bob@example.com", with_token=False).status_code == 200
    assert Order.objects.get().user is None


def test_an_address_that_is_not_verified_yet_is_a_strangers(order, alice):
    EmailAddress.objects.update(verified=False)
    assert order("alice@example.com", with_token=False).status_code == 200
    assert Order.objects.get().user is None
