"""Pricing's plans can be bought by anybody; who is signed in buys for their account."""

import pytest

from orders.access import page_url
from orders.models import Coupon, Order, Package
from tests.orders.shop import make_coupon

pytestmark = pytest.mark.django_db


def test_tiles_lead_to_buying(client, shop):
    page = client.get("/pricing").content.decode()
    assert 'href="/pricing/buy/starter"' in page
    assert 'href="/topup?package=topup_100"' in page


def test_who_is_signed_in_tops_up_in_the_wallet(client_of, alice, shop):
    assert 'href="/wallet?package=topup_100"' in client_of(alice).get("/pricing").content.decode()


def test_a_stranger_orders_and_is_led_to_the_pay_page(client, shop):
    response = client.post("/pricing/buy/starter", {"email": " Bob@Example.com ", "coupon": ""})
    order = Order.objects.get()
    assert (response.status_code, response["Location"]) == (303, page_url(order))
    assert (order.kind, order.contact_email, order.user) == ("BUY", "bob@example.com", None)
    assert client.get(response["Location"]).status_code == 200


def test_who_is_signed_in_buys_for_their_account(client_of, alice, shop):
    client = client_of(alice)
    assert 'value="alice@example.com"' in client.get("/pricing/buy/starter").content.decode()
    client.post("/pricing/buy/starter", {"email": "office@example.com", "coupon": ""})
    order = Order.objects.get()
    assert (order.user, order.contact_email) == (alice, "office@example.com")


def test_a_coupon_is_shown_before_it_is_taken(client, shop):
    make_coupon()
    page = client.post("/pricing/buy/starter", {"email": "", "coupon": "spring10", "preview": "yes"}).content.decode()
    assert "¥18.00" in page
    assert "field-error" not in page
    assert Order.objects.count() == Coupon.objects.get().uses == 0
    client.post("/pricing/buy/starter", {"email": "bob@example.com", "coupon": "spring10"})
    assert Order.objects.get().amount_minor == 1800


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"email": "bob", "coupon": ""}, "Enter a valid email address"),
        ({"email": "", "coupon": ""}, "This field is required"),
        ({"email": "bob@example.com", "coupon": "NOPE"}, "There is no such coupon"),
        ({"email": "bob@example.com", "coupon": "NO\0PE"}, "Null characters"),
    ],
)
def test_complaints_stand_beside_their_field_and_keep_what_was_typed(client, shop, typed, complaint):
    page = client.post("/pricing/buy/starter", typed).content.decode()
    assert complaint in page
    assert f'value="{typed["email"]}"' in page or not typed["email"]
    assert not Order.objects.exists()


def test_what_is_not_on_sale_cannot_be_bought(client, shop):
    Package.objects.filter(code="starter").update(is_active=False)
    gone = client.post("/pricing/buy/starter", {"email": "bob@example.com"})
    assert gone.status_code == 404
    assert "This plan is not on sale" in gone.content.decode()
    assert client.get("/pricing/buy/topup_100").status_code == 404


def test_an_order_of_nothing_needs_an_account(default_group, client, client_of, alice, shop):
    make_coupon("GIFT", off_bps=10_000)
    typed = {"email": "bob@example.com", "coupon": "GIFT"}
    assert "Sign in first" in client.post("/pricing/buy/starter", typed).content.decode()
    page = client_of(alice).post("/pricing/buy/starter", typed, follow=True)
    assert "Nothing to pay" in page.content.decode()
    done = client.post(page.redirect_chain[0][0], follow=True).content.decode()
    assert "Show my key" in done


def test_orders_are_limited_by_address(client, shop, settings):
    settings.API_RATE_LIMITS = settings.API_RATE_LIMITS | {"place": 3}
    statuses = [client.post("/pricing/buy/starter", {"email": "bob@example.com"}).status_code for _ in range(4)]
    assert statuses == [303] * 3 + [429]
