"""The key of a purchase is seen once on the pay page and once by the link in the mail."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.access import page_token
from orders.delivering import link_token
from orders.models import Delivery, Order
from tokens.models import Token
from tokens.selectors import token_by_key

pytestmark = pytest.mark.django_db


def show_on_page(client, order):
    return client.post(f"/pay/{page_token(order)}/key", follow=True)


def link_of(order):
    return f"/keys/reveal/{link_token(Delivery.objects.get(order=order))}"


def key_in(response):
    page = response.content.decode()
    return page.split("Bearer ")[1].split("&quot;")[0].split('"')[0]


def test_the_pay_page_shows_the_key_once(client, paid, page_of):
    assert "Show my key" in page_of(paid)
    response = show_on_page(client, paid)
    assert token_by_key(key_in(response)).user_id == paid.user_id
    assert "no-store" in response["Cache-Control"]
    again = show_on_page(client, paid)
    assert "has been shown here before" in again.content.decode()
    assert "Show my key" not in again.content.decode()
    assert "shows it once more" in page_of(paid)


def test_the_key_of_an_order_that_was_paid_back_in_part(client, paid, page_of):
    Order.objects.update(status=Order.Status.PARTIALLY_REFUNDED, refunded_minor=500)
    assert "Show my key" in page_of(paid)


def test_a_strangers_key_says_what_it_spends(client, paid):
    assert "It spends what this order has bought" in show_on_page(client, paid).content.decode()
    delivery = Delivery.objects.get()
    Token.objects.update(quota=None)
    assert "It spends what" not in client.post(f"/keys/reveal/{link_token(delivery)}").content.decode()


def test_a_get_shows_nothing(client, paid):
    assert client.get(f"/pay/{page_token(paid)}/key").status_code == 405
    assert Delivery.objects.get().shown_at is None


def test_before_the_payment_there_is_no_key(client, order):
    assert "sk-" not in show_on_page(client, order).content.decode()


def test_the_link_shows_a_button_and_then_the_key_once(client, delivered, page_of):
    link = link_of(delivered)
    for _ in range(2):
        page = client.get(link).content.decode()  # as a mail scanner does
        assert "Show my key" in page
        assert "sk-" not in page
    response = client.post(link)
    assert token_by_key(key_in(response)).user_id == delivered.user_id
    assert "no-store" in response["Cache-Control"]
    for answer in (client.get(link), client.post(link)):
        assert answer.status_code == 410
        assert "/accounts/password/reset/" in answer.content.decode()
    assert "The link in the mail has been opened" in page_of(delivered)


def test_page_and_link_do_not_use_each_other_up(client, delivered):
    key = key_in(show_on_page(client, delivered))
    assert key_in(client.post(link_of(delivered))) == key


def test_the_link_ends_the_page(client, delivered):
    client.post(link_of(delivered))
    assert "sk-" not in show_on_page(client, delivered).content.decode().replace("sk-*", "").replace(
        delivered.delivery.token.masked_key, ""
    )


def test_after_an_hour_only_the_link_shows_it(client, delivered, page_of):
    Delivery.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    page = page_of(delivered)
    assert "Show my key" not in page
    assert "That is over" in page
    assert client.get(link_of(delivered)).status_code == 200


def test_an_old_link_says_what_to_do(client, delivered, page_of):
    Delivery.objects.update(created_at=timezone.now() - timedelta(days=7, minutes=1))
    assert client.get(link_of(delivered)).status_code == 410
    Delivery.objects.update(key_sealed=None)
    assert "The link to the key has run out" in page_of(delivered)


@pytest.mark.parametrize("link", ["nothing", "1~forged"])
def test_a_forged_link_is_an_old_one(client, delivered, link):
    assert client.get(f"/keys/reveal/{link}").status_code == 410
