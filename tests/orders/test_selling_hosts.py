"""An order remembers by which site it came: mails, links, receipt and payments have that site's name and addresses."""

import pytest
from django.core import mail
from django.test import Client

from config.hosts import KnownHosts
from orders import delivering
from orders.models import Order
from orders.payments.paying import charge_of
from orders.qr import checkout_url, qrcode_url
from tests.factories import make_group
from tests.orders.shop import order_top_up, pay, report
from tokens import sites
from tokens.models import Site

pytestmark = pytest.mark.django_db
AI = "ai.example.com"


@pytest.fixture(autouse=True)
def acme(settings):
    """A brand of its own beside the console's host."""
    settings.ALLOWED_HOSTS = KnownHosts(["testserver"])
    settings.SITE_URL, settings.API_BASE_URL = "https://console.example.com", "https://console.example.com/v1"
    settings.DEFAULT_FROM_EMAIL = "Tollbooth <mail@example.com>"
    make_group("default", is_default=True)
    site = Site.objects.create(host=AI, name="Acme AI")
    sites.load()
    return site


@pytest.fixture
def order(shop, gateway):
    """A stranger's first purchase on the brand's pricing page."""
    gateway.confirms = True
    return bought_at(AI)


def bought_at(host):
    form = {"email": "bob@example.com", "coupon": ""}
    answer = Client().post("/pricing/buy/starter", form, headers={"host": host})
    assert answer.status_code == 303
    return Order.objects.latest("pk")


def test_the_mail_is_the_brands_and_so_are_its_links(order, shop, settings):
    report(shop, pay(order))
    delivering.deliver_due()
    (message,) = mail.outbox
    assert message.subject.startswith("Acme AI: ")
    assert message.from_email == "Acme AI <mail@example.com>"
    assert "https://ai.example.com/keys/reveal/" in message.body
    assert "https://ai.example.com/v1" in message.body
    assert settings.SITE_URL not in message.body
    assert settings.SITE_NAME not in message.body


def test_a_payment_leads_back_to_the_brand_and_is_reported_to_one_address(order):
    attempt = pay(order)
    charge = charge_of(attempt)
    assert charge.title.startswith("Acme AI ")
    assert charge.return_url == f"https://ai.example.com/pay/return/{order.number}"
    assert charge.notify_url.startswith("https://console.example.com/api/payments/")
    assert qrcode_url(attempt).startswith("https://ai.example.com/")
    attempt.checkout_url = ""
    assert checkout_url(attempt).startswith("https://ai.example.com/pricing/pay/")


def test_without_a_site_the_settings_speak(shop, gateway, settings):
    gateway.confirms = True
    order = bought_at("testserver")
    report(shop, pay(order))
    delivering.deliver_due()
    (message,) = mail.outbox
    assert order.host == ""
    assert "https://console.example.com/keys/reveal/" in message.body
    assert message.from_email == "Tollbooth <mail@example.com>"


def test_after_its_site_is_switched_off_an_order_falls_back_to_the_settings(order, acme):
    Site.objects.filter(pk=acme.pk).update(is_active=False)
    assert charge_of(pay(order)).return_url.startswith("https://console.example.com/")


def test_the_site_api_and_the_wallet_remember_the_host_too(shop, alice, client_of):
    body = {"email": "bob@example.com", "planCode": "starter"}
    Client().post("/api/purchase/orders", body, content_type="application/json", headers={"host": AI})
    client_of(alice).post("/wallet/top-up", {"package": "topup_100", "coupon": ""}, headers={"host": AI})
    assert list(Order.objects.values_list("kind", "host")) == [("TOP", AI), ("BUY", AI)]


def test_a_receipt_names_the_seller_wherever_it_is_opened(shop, alice, client_of, gateway):
    order = order_top_up(alice)
    Order.objects.filter(pk=order.pk).update(host=AI)
    attempt = pay(order)
    gateway.pays(attempt)
    report(shop, attempt)
    page = client_of(alice).get(f"/orders/{order.number}/receipt").content.decode()
    assert "<strong>Acme AI</strong>" in page
    assert "https://ai.example.com" in page
