"""A pasted key shows its money and is topped up; nobody need sign in, and the key is nowhere afterwards."""

from time import time

import pytest

from config.kernel.money import usd
from orders.access import page_url
from orders.models import Order
from tests.billing.usage_rows import build_record
from tests.orders.shop import make_coupon
from tokens.models import Token

pytestmark = pytest.mark.django_db


def paste(client, key, address="/topup"):
    return client.post(address, {"api_key": key}, follow=True)


def test_the_key_shows_name_and_money(client, alices_key):
    page = paste(client, f" {alices_key.plain_key}\n").content.decode()
    assert "laptop" in page
    assert "$10.00" in page
    assert "alice@" not in page


def test_the_key_is_in_no_page_address_or_session(client, alices_key):
    response = paste(client, alices_key.plain_key)
    assert response.redirect_chain == [("/topup", 303)]
    assert alices_key.plain_key not in response.content.decode()
    assert alices_key.plain_key not in str(dict(client.session))
    wrong = client.post("/topup", {"api_key": alices_key.plain_key[:-1]})
    assert alices_key.plain_key[:-1] not in wrong.content.decode()


def test_a_top_up_is_ordered_for_the_owner(client, alices_key):
    make_coupon()
    paste(client, alices_key.plain_key)
    typed = {"package": "topup_100", "email": "bob@example.com", "coupon": "SPRING10"}
    assert "you pay ¥90.00" in client.post("/topup", typed | {"preview": "yes", "email": ""}).content.decode()
    response = client.post("/topup", typed)
    order = Order.objects.get()
    assert (response.status_code, response["Location"]) == (303, page_url(order))
    assert (order.user.email, order.token, order.contact_email) == (
        "alice@example.com",
        alices_key.token,
        "bob@example.com",
    )
    assert order.amount_minor == 9_000


def test_a_package_can_be_chosen_beforehand(client, alices_key):
    response = client.post("/topup?package=topup_100", {"api_key": alices_key.plain_key}, follow=True)
    assert response.redirect_chain == [("/topup?package=topup_100", 303)]
    assert 'value="topup_100" checked' in response.content.decode()


@pytest.mark.parametrize("package", ["starter", "none", ""])
def test_only_top_ups_top_up(client, alices_key, package):
    paste(client, alices_key.plain_key)
    client.post("/topup", {"package": package, "email": "bob@example.com"})
    assert not Order.objects.exists()


def test_without_a_key_nothing_is_ordered(client, shop):
    page = client.post("/topup", {"package": "topup_100", "email": "bob@example.com"}).content.decode()
    assert "Paste the key" in page
    assert not Order.objects.exists()


@pytest.mark.parametrize("address", ["/topup", "/usage/key"])
def test_a_key_that_does_not_work_says_why(client, alices_key, address):
    assert "key is not known" in paste(client, alices_key.plain_key[:-1], address).content.decode()
    Token.objects.update(is_enabled=False)
    assert "key is disabled" in paste(client, alices_key.plain_key, address).content.decode()


def test_the_browser_forgets_the_key(client, alices_key):
    paste(client, alices_key.plain_key)
    assert "laptop" in client.get("/usage/key").content.decode()
    client.post("/usage/key/other")
    assert "laptop" not in client.get("/topup").content.decode()


def test_the_browser_forgets_the_key_by_itself(client, alices_key):
    paste(client, alices_key.plain_key)
    session = client.session
    session["proved_key"] = [alices_key.token.pk, int(time()) - 1801]
    session.save()
    assert "laptop" not in client.get("/topup").content.decode()


def test_a_key_that_was_disabled_meanwhile_is_forgotten(client, alices_key):
    paste(client, alices_key.plain_key)
    Token.objects.update(is_enabled=False)
    assert "laptop" not in client.get("/usage/key").content.decode()


def test_usage_shows_limits_and_last_calls_of_this_key_alone(client, alices_key):
    token = alices_key.token
    Token.objects.filter(pk=token.pk).update(quota=usd("5"), daily_cap=usd("2"))
    build_record(token, model="gpt-mine").save()
    other = Token.objects.get(pk=token.pk)
    other.pk, other.public_id, other.key_hash = None, "key_other", b"o" * 32
    other.save()
    build_record(other, model="gpt-other").save()
    page = paste(client, alices_key.plain_key, "/usage/key").content.decode()
    assert "gpt-mine" in page
    assert "gpt-other" not in page
    assert "$2.00" in page
    assert "own quota" in page


def test_keys_cannot_be_tried_without_end(client, shop, settings):
    settings.API_RATE_LIMITS = settings.API_RATE_LIMITS | {"guess": 3}
    statuses = [client.post("/topup", {"api_key": "sk-nothing"}).status_code for _ in range(4)]
    assert statuses == [200] * 3 + [429]
