"""A stranger with nothing but an e-mail address buys a key, pays at the gateway's own page, uses it and tops it up."""

import re

import openai
import pytest
from playwright.sync_api import expect

from config.kernel.money import nano_to_quota
from orders.delivering import deliver_due
from orders.models import PaymentAttempt
from tests.factories import make_channel, make_group, make_price
from tests.live import serving
from tests.orders.shop import CREDIT, make_coupon
from tests.relay.conftest import sandbox  # noqa: F401 - a fixture
from tokens.selectors import token_by_key

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def pay(page, till, slug, price):
    """From the choice of a provider to the news that the payment has arrived, on the page that stayed open."""
    reports = PaymentAttempt.objects.count() + 1
    page.locator(f"input[name=provider][value={slug}]").check()
    page.get_by_role("button", name=f"Pay ¥{price}").click()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open the payment page").click()
    opened.value.get_by_role("button", name=f"Pay {price} CNY", exact=True).click()
    till.wait_for_reports(reports)
    page.bring_to_front()
    expect(page.get_by_role("heading", name="Paid. Thank you!")).to_be_visible(timeout=30_000)


def buy_key(page, till, slug):
    """Bob's new key, as the pay page shows it."""
    page.goto("/pricing/buy/starter")
    page.get_by_label("Email").fill("bob@example.com")
    page.get_by_role("button", name="Continue to payment").click()
    pay(page, till, slug, "20.00")
    return show_key(page)


def show_key(page):
    page.get_by_role("button", name="Show my key").click()
    return page.locator(".key-line code").inner_text()


def paste_key(page, key):
    page.get_by_label("API key").fill(key)
    page.get_by_role("main").locator("button[type=submit]").click()


def say_hello(key):
    """A call of the sandbox model through the relay."""
    from config.asgi import application

    with serving(application) as site, openai.OpenAI(base_url=f"{site}/v1", api_key=key) as client:
        hello = [{"role": "user", "content": "Hello"}]
        assert client.chat.completions.create(model="sandbox-mini", messages=hello).choices[0].message.content


@pytest.mark.soak
@pytest.mark.parametrize("slug", ["epay", "stripe"])
def test_buying_a_key(till, new_page, live_server, slug):
    make_group("default", is_default=True)
    key = buy_key(new_page(base_url=live_server.url), till, slug)
    assert token_by_key(key).user_id == PaymentAttempt.objects.get().order.user_id


def test_the_whole_way(till, new_page, live_server, mailoutbox, sandbox):  # noqa: F811
    make_price("sandbox-mini", input="1", output="2")
    make_channel(sandbox, models=["sandbox-mini"], groups=[make_group("default", is_default=True)])
    make_coupon("SPRING10")
    page = new_page(base_url=live_server.url)
    key = buy_key(page, till, "xunhupay")
    deliver_due()
    page.goto(re.search(r"http\S+/keys/reveal/\S+", mailoutbox[0].body)[0])
    assert show_key(page) == key
    say_hello(key)

    page.goto("/topup?package=topup_100")
    paste_key(page, key)
    page.get_by_label("Email").fill("bob@example.com")
    page.get_by_label("Coupon").fill("spring10")
    page.get_by_role("button", name="Continue to payment").click()
    pay(page, till, "xunhupay", "90.00")

    token = token_by_key(key)
    assert (token.quota, token.used > 0) == (2 * CREDIT, True)
    page.goto("/usage/key")
    expect(page.get_by_role("main")).to_contain_text("sandbox-mini")
    asked = {
        name: page.request.post(f"/api/quota/{name}", data={"apiKey": key}).json()["data"] for name in ("query", "logs")
    }
    assert asked["query"]["totalTokens"] == nano_to_quota(2 * CREDIT, quota_per_usd=500_000)
    [entry] = asked["logs"]["items"]
    assert entry["modelName"] == "sandbox-mini"
    assert 0 <= asked["query"]["usedTokens"] - entry["quota"] <= 1
