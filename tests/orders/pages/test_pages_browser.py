"""A stranger in a real browser, under the real policies: no console error, and nothing that axe finds."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from orders.access import page_url
from orders.models import Order, PaymentAttempt
from orders.payments.polling import take_in
from orders.providers.base import Checkout
from tests.factories import make_group
from tests.orders.shop import order_purchase, pay
from tokens.selectors import token_by_key

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def browsing(shop, gateway, new_page, live_server):
    """An empty browser at a shop whose gateway gives codes to scan."""
    make_group("default", is_default=True)
    gateway.checkout = Checkout("https://pay.example/x", qrcode="weixin://wxpay/bizpayurl?pr=abc")
    return new_page(base_url=live_server.url)


def is_accessible(page):
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], rule["nodes"][0]["target"]) for rule in found] == []


def money_arrives(gateway):
    attempt = PaymentAttempt.objects.select_related("order", "account").get()
    gateway.pays(attempt)
    take_in(attempt)


def test_a_stranger_buys_a_key(browsing, gateway):
    page = browsing
    page.goto("/pricing")
    page.get_by_role("link", name="Buy starter").click()
    page.get_by_label("Email").fill("bob@example.com")
    is_accessible(page)
    page.get_by_role("button", name="Continue to payment").click()
    expect(page.get_by_text("How would you like to pay?")).to_be_visible()
    is_accessible(page)
    page.get_by_role("button", name="Pay ¥20.00").click()
    expect(page.get_by_role("img", name="QR code of the payment")).to_be_visible()
    expect(page.locator(".pay-expiry time")).to_have_text(re.compile(r"^\d+:\d\d$"))
    is_accessible(page)

    money_arrives(gateway)  # the page notices by itself
    expect(page.get_by_role("heading", name="Paid. Thank you!")).to_be_visible(timeout=20_000)
    expect(page.locator("[data-pay-news]")).to_have_text("Paid. Thank you!")
    is_accessible(page)
    page.get_by_role("button", name="Show my key").click()
    key = page.locator(".key-line code").inner_text()
    assert token_by_key(key).user_id == Order.objects.get().user_id
    is_accessible(page)


def test_forms_work_though_no_other_site_learns_the_address(browsing):
    # Under `no-referrer` a form is sent with `Origin: null`, which Django takes for a forgery.
    page, order = browsing, order_purchase()
    page.goto(page_url(order))
    page.get_by_text("Cancel this order").click()
    page.get_by_role("button", name="Yes, cancel it").click()
    expect(page.get_by_role("heading", name="This order was cancelled")).to_be_visible()


def test_without_scripts_one_checks_by_hand(browsing, new_page, live_server, gateway):
    page, order = new_page(base_url=live_server.url, java_script_enabled=False), order_purchase()
    page.goto(page_url(order))
    page.get_by_role("button", name="Pay ¥20.00").click()
    gateway.pays(PaymentAttempt.objects.get())
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_role("heading", name="Paid. Thank you!")).to_be_visible()


def test_a_phone_shows_the_page_without_scrolling_sideways(new_page, browsing, live_server):
    page, order = new_page(base_url=live_server.url, viewport={"width": 360, "height": 740}), order_purchase()
    pay(order)
    page.goto(page_url(order))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
