"""A stranger with nothing but an e-mail address buys a key, pays at the gateway's own page and sees the key."""

import pytest
from playwright.sync_api import expect

from orders.models import PaymentAttempt
from tests.factories import make_group
from tokens.selectors import token_by_key

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(
    "slug", ["xunhupay", *(pytest.param(slug, marks=pytest.mark.soak) for slug in ("epay", "stripe"))]
)
def test_buying_a_key(till, new_page, live_server, slug):
    make_group("default", is_default=True)
    page = new_page(base_url=live_server.url)
    page.goto("/pricing/buy/starter")
    page.get_by_label("E-mail").fill("bob@example.com")
    page.get_by_role("button", name="Continue to payment").click()
    page.locator(f"input[name=provider][value={slug}]").check()
    page.get_by_role("button", name="Pay ¥20.00").click()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open the payment page").click()
    opened.value.get_by_role("button", name="Pay 20.00 CNY").click()
    till.wait_for_reports(1)
    page.bring_to_front()

    expect(page.get_by_role("heading", name="Paid. Thank you!")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Show my key").click()
    key = page.locator(".key-line code").inner_text()
    assert token_by_key(key).user_id == PaymentAttempt.objects.get().order.user_id
