"""What tests of the public buying pages share."""

import pytest

from orders.access import page_url
from orders.delivering import deliver
from orders.models import Delivery, Order
from orders.payments.polling import take_in
from tests.factories import make_group, make_user
from tests.orders.shop import order_purchase, pay
from tokens.services import issue_token


@pytest.fixture
def default_group(db):
    return make_group("default", is_default=True)


@pytest.fixture
def order(shop):
    """Bob's pending first purchase."""
    return order_purchase("bob@example.com")


@pytest.fixture
def paid(order, gateway):
    """The same order, paid; its mail is not sent yet."""
    attempt = pay(order)
    gateway.pays(attempt)
    take_in(attempt)
    return Order.objects.get(pk=order.pk)


@pytest.fixture
def delivered(paid):
    """The same order with its mail sent."""
    deliver(Delivery.objects.select_related("order", "token").get(order=paid))
    return Order.objects.get(pk=paid.pk)


@pytest.fixture
def alices_key(shop, default_group):
    """A key of alice's, who has ten dollars: the token and its plain key."""
    return issue_token(user=make_user("alice@example.com", balance="10"), name="laptop")


@pytest.fixture
def page_of(client):
    """`page_of(order)`: its pay page as text."""

    def page_of(order):
        response = client.get(page_url(order))
        assert response.status_code == 200
        return response.content.decode()

    return page_of
