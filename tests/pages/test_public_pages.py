"""Home and Pricing, as a stranger sees them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models import PriceOverride
from config.kernel.money import usd
from orders.models import Package
from tests.factories import make_channel, make_group, make_price
from tokens.models import GroupAccess

HERE = "http://127.0.0.1:9/v1"


@pytest.fixture
def shop(db):
    """Two models in `default`, one of them also at 0.28x; one model by the call."""
    default, cheap = make_group(), make_group("28%", ratio_ppm=280_000, description="Special offer")
    make_group("auto", is_auto=True)
    make_price("gpt-5.1", input="1.25", output="10", cache_read=usd("0.125"), provider="openai")
    make_price("glm-4.6", input="0.60", output="2.20", provider="zhipu")
    make_price("image-1", input="0", output="0", per_call=usd("0.04"), provider="openai")
    make_channel(HERE, models=("gpt-5.1", "glm-4.6", "image-1"), groups=[default])
    make_channel(HERE, models=("gpt-5.1",), groups=[cheap])


def models_of(response):
    return [offer.model for offer in response.context["offers"]]


def offer_of(response, model):
    return next(offer for offer in response.context["offers"] if offer.model == model)


def test_home_says_what_is_sold(client, shop, settings):
    page = client.get("/").content.decode()
    assert "http://testserver/v1" in page
    assert 'href="/accounts/signup/"' in page
    assert "<dd>3</dd>" in page  # callable models
    assert "$0.35" in page  # the cheapest input: 1.25 × 0.28
    assert "from</span> openai" in page


def test_home_prints_the_receipt_of_a_call_that_adds_up(client, shop):
    offer = client.get("/").context["showcase"]
    assert (offer.model, offer.group.code) == ("gpt-5.1", "28%")
    # 1,200 × 1.25 + 800 × 0.125 + 450 × 10 dollars per million, × 0.28
    assert offer.sample.total == 1_708_000


def test_home_before_anything_is_configured(client, db):
    response = client.get("/")
    assert response.status_code == 200
    assert response.context["showcase"] is None


def test_pricing_takes_each_model_from_its_cheapest_group(client, shop):
    response = client.get("/pricing")
    assert models_of(response) == ["glm-4.6", "gpt-5.1", "image-1"]
    assert offer_of(response, "gpt-5.1").group.code == "28%"
    assert offer_of(response, "glm-4.6").group.code == "default"


def test_a_group_reprices_the_table_beside_the_list_price(client, shop):
    response = client.get("/pricing", {"group": "28%"})
    page = response.content.decode()
    assert models_of(response) == ["gpt-5.1"]
    assert "<strong>$0.35</strong>" in page
    assert "$1.25</s>" in page
    assert "<strong>$0.035</strong>" in page  # cached input
    assert "0.28x" in page


def test_the_list_price_is_not_struck_out_in_its_own_group(client, shop):
    assert "</s>" not in client.get("/pricing", {"group": "default"}).content.decode()


def test_cached_input_without_a_price_of_its_own_costs_as_input(client, shop):
    assert offer_of(client.get("/pricing"), "glm-4.6").prices.cache_read == usd("0.60")


def test_a_model_sold_by_the_call_says_so(client, shop):
    response = client.get("/pricing")
    assert offer_of(response, "image-1").is_per_call
    assert "per call" in response.content.decode()


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"q": "GPT"}, ["gpt-5.1"]),
        ({"provider": "zhipu"}, ["glm-4.6"]),
        ({"q": "gpt", "provider": "zhipu"}, []),
        ({"group": "no such group"}, ["glm-4.6", "gpt-5.1", "image-1"]),
    ],
)
def test_search_and_provider_filter_by_address_alone(client, shop, asked, shown):
    assert models_of(client.get("/pricing", asked)) == shown


def test_what_no_enabled_channel_serves_is_not_on_sale(client, shop):
    make_price("gone", input="1", output="1")
    make_channel(HERE, models=("gone",), status="disabled")
    assert "gone" not in models_of(client.get("/pricing"))


def test_what_has_no_price_is_not_on_sale(client, shop):
    make_channel(HERE, models=("unpriced",))
    assert "unpriced" not in models_of(client.get("/pricing"))


def test_the_newest_price_in_force_counts(client, shop):
    make_price("glm-4.6", input="0.50", output="2", effective_from=timezone.now() - timedelta(hours=1))
    make_price("glm-4.6", input="0.10", output="1", effective_from=timezone.now() + timedelta(hours=1))
    assert offer_of(client.get("/pricing"), "glm-4.6").listed.input == usd("0.50")


def test_a_closed_group_is_seen_by_those_it_is_open_to_only(client, shop, client_of, alice, bob):
    vip = make_group("vip", ratio_ppm=100_000, is_public=False)
    make_channel(HERE, models=("gpt-5.1",), groups=[vip])
    GroupAccess.objects.create(user=alice, group=vip)
    assert offer_of(client_of(alice).get("/pricing"), "gpt-5.1").group == vip
    for browser in (client, client_of(bob)):
        response = browser.get("/pricing", {"group": "vip"})
        assert "vip" not in [group.code for group in response.context["groups"]]
        assert offer_of(response, "gpt-5.1").group.code == "28%"


def test_a_customer_sees_the_prices_agreed_with_them(shop, client_of, alice, bob):
    PriceOverride.objects.create(user=alice, group=make_group("28%"), ratio_ppm=200_000)
    PriceOverride.objects.create(user=alice, model="glm-4.6", input=usd("0.30"), output=usd("1"))
    hers, his = (client_of(person).get("/pricing") for person in (alice, bob))
    assert offer_of(hers, "gpt-5.1").prices.input == usd("0.25")
    assert offer_of(his, "gpt-5.1").prices.input == usd("0.35")
    assert offer_of(hers, "glm-4.6").prices.input == usd("0.30")
    assert "<strong>$0.30</strong>" in hers.content.decode()
    assert "$0.60</s>" in hers.content.decode()  # the list price beside it
    assert offer_of(his, "glm-4.6").is_list_price


def test_her_own_ratio_decides_which_group_is_cheapest(shop, client_of, alice):
    PriceOverride.objects.create(user=alice, group=make_group("28%"), ratio_ppm=2_000_000)
    assert offer_of(client_of(alice).get("/pricing"), "gpt-5.1").group.code == "default"


def test_long_prompts_are_priced_in_sight(shop, client):
    make_price("long", input="2", output="8", tiers=[{"above": 200_000, "input": usd("4"), "output": usd("16")}])
    make_channel(HERE, models=("long",))
    assert "Prompts above 200,000 tokens: $4.00 in, $16.00 out" in client.get("/pricing").content.decode()


def test_packages_on_sale_with_bonus(client, shop):
    terms = {"kind": Package.Kind.TOP_UP, "price_minor": 5_000, "base_quota": 3_500_000, "bonus_quota": 175_000}
    Package.objects.create(code="t50", name="Regular", **terms)
    Package.objects.create(code="old", name="Withdrawn", is_active=False, **terms)
    page = client.get("/pricing").content.decode()
    assert "¥50.00" in page
    assert "$7.35 of credit" in page
    assert "$0.35 bonus<" in page
    assert "Withdrawn" not in page


def test_pages_are_served_under_the_strict_policy(client, db):
    policy = client.get("/").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/", "/pricing", "/docs", "/about", "/status"])
def test_what_is_shown_where_a_page_is_shared(client, db, settings, path):
    page = client.get(path).content.decode()
    assert page.count('property="og:title"') == 1
    assert f'property="og:image" content="{settings.SITE_URL}/static/img/share.png"' in page


def test_the_old_address_of_the_icon(client, db):
    assert client.get("/favicon.ico").url == "/static/img/logo.svg"


@pytest.mark.parametrize("path", ["/", "/pricing", "/docs/errors", "/about", "/status"])
def test_top_bar_and_foot(client, db, path):
    page = client.get(path).content.decode()
    bar, foot = page.split("</header>", 1)[0], page.rsplit("<footer", 1)[1]
    assert all(f'href="{address}"' in bar for address in ("/", "/dashboard", "/pricing", "/docs", "/about"))
    assert 'href="/status"' in foot
