"""Wallet and orders in a real browser: nothing for axe to find, nothing wider than a phone, usable without scripts."""

import csv

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import expect

from billing.models import Wallet
from orders.codes import export, make_batch
from tests.factories import give
from tests.orders.shop import order_top_up, pay, report

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LOOKS = {
    "phone": {"viewport": {"width": 360, "height": 780}},
    "dark": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
}


@pytest.fixture
def paid(alice, shop, gateway):
    """A paid order of alice's."""
    order = order_top_up(alice)
    attempt = pay(order)
    gateway.pays(attempt)
    report(shop, attempt)
    return order


def sign_in(page, client):
    """Hand the session of a test client to the browser."""
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "domain": "localhost", "path": "/"}])


@pytest.mark.parametrize(
    "look", [look if look == "phone" else pytest.param(look, marks=pytest.mark.soak) for look in LOOKS]
)
def test_every_page_is_accessible_and_fits(new_page, live_server, client_of, alice, paid, look):
    waiting = order_top_up(alice)
    Wallet.objects.filter(user=alice).update(debt=1)
    page = new_page(base_url=live_server.url, **LOOKS[look])
    sign_in(page, client_of(alice))
    of_orders = [f"/orders/{paid.number}", f"/orders/{paid.number}/receipt"]
    of_orders += [f"/orders/{waiting.number}", f"/orders/{waiting.number}/cancel"]
    for address in ("/wallet", "/orders", *of_orders):
        page.goto(address)
        found = Axe().run(page).response["violations"]
        assert [(rule["id"], rule["nodes"][0]["target"]) for rule in found] == [], address
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address


def test_the_kind_is_filtered_in_place(new_page, live_server, client_of, alice, paid):
    give(alice, "7")
    page = new_page(base_url=live_server.url)
    sign_in(page, client_of(alice))
    page.goto("/wallet")
    expect(page.get_by_role("row", name="Bonus")).to_be_visible()
    page.get_by_role("combobox", name="Kind").select_option("grant")
    expect(page.get_by_role("row", name="Bonus")).to_have_count(0)
    expect(page.get_by_role("row", name="+$7.00")).to_be_visible()
    assert "kind=grant" in page.url


def test_a_code_and_a_package_without_scripts(new_page, live_server, client_of, alice, shop):
    batch = make_batch(name="fair", quota=settings.QUOTA_PER_USD * 3, count=1)
    (row,) = csv.DictReader("".join(export(batch)).lstrip("\ufeff").splitlines())
    page = new_page(base_url=live_server.url, java_script_enabled=False)
    sign_in(page, client_of(alice))
    page.goto("/wallet")
    page.get_by_label("Redemption code").fill(row["code"].lower())
    page.get_by_role("button", name="Redeem").click()
    expect(page.get_by_text("$3.00 added to your balance.")).to_be_visible()
    page.get_by_role("button", name="Continue to payment").click()
    assert "/topup/pay/" in page.url
