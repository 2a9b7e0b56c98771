"""The pay page in Chromium: narrow and wide, light and dark, without scripts."""

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_it_fits_and_reads_well(calls, new_page, scheme, width):
    page = new_page(color_scheme=scheme, viewport={"width": width, "height": 720}, bypass_csp=True)

    page.goto(calls.xunhupay_create(title="20 元首购套餐" + "x" * 60).json()["url"])

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert Axe().run(page).response["violations"] == []


def test_a_click_pays_and_leads_back(calls, new_page, gateway, shop):
    page = new_page(java_script_enabled=False)
    page.goto(calls.xunhupay_create("TOP1").json()["url"])

    page.get_by_role("button", name="Decline").click()
    assert page.get_by_role("alert").is_visible()
    page.get_by_role("button", name="Pay 299.00 CNY").click()

    assert page.url == shop.return_url
    assert gateway.payment("TOP1")["status"] == "paid"
