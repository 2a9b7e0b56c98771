"""The page that shows the document, in a real browser under the real policy: any refusal by it fails the test."""

import pytest
from playwright.sync_api import expect

from tests.orders.shop import make_package

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_reading_and_trying(new_page, live_server):
    make_package("topup_100")
    page = new_page(base_url=live_server.url, viewport={"width": 1280, "height": 900})
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/api/docs")
    expect(page.get_by_role("heading", name="Site API", exact=True)).to_be_visible()
    page.get_by_text("/api/topup/packages", exact=True).click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table")).to_contain_text("topup_100")
    assert all(url.startswith((live_server.url, "data:")) for url in asked)
