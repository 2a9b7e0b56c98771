"""The wallet as it is served: figures, statement, topping up, redeeming, the notice; one's own alone."""

import csv
import re
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import AsyncClient
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.models import LedgerEntry, Wallet
from config.kernel.money import usd
from orders.access import page_url
from orders.codes import export, make_batch
from orders.models import Order
from tests.billing.usage_rows import make_record
from tests.factories import give, make_token
from tests.orders.shop import make_coupon, make_package, order_top_up, pay, report

pytestmark = pytest.mark.django_db
LINK = re.compile(r'href="(/wallet\?[^"]*)"[^>]*rel="(next|prev)"')


@pytest.fixture
def browser_of_alice(alice, client_of):
    return client_of(alice)


def text_of(client, address="/wallet"):
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def links_of(page):
    return {rel: address.replace("&amp;", "&") for address, rel in LINK.findall(page)}


def a_code(**terms):
    batch = make_batch(**({"name": "fair", "quota": 5_000_000, "count": 1} | terms))
    return next(iter(csv.DictReader("".join(export(batch)).lstrip("\ufeff").splitlines())))["code"]


@pytest.mark.parametrize(
    "address", ["/wallet", "/wallet/statement.csv", "/orders", "/orders/TOP1", "/orders/TOP1/receipt"]
)
def test_strangers_are_asked_to_sign_in(client, address):
    assert client.get(address).headers["Location"].startswith("/accounts/login/")


# ── Figures ──────────────────────────────────────────────────────────────────


def test_balance_and_what_is_held(alice, browser_of_alice):
    give(alice, "12.50")
    Wallet.objects.update(held=usd("2.25"))
    page = text_of(browser_of_alice)
    for shown in ("$10.25", "$12.50", "$2.25", "Set aside for requests that are running"):
        assert shown in page
    assert "You owe" not in page


def test_a_debt_is_explained(alice, browser_of_alice):
    Wallet.objects.update(debt=usd("3"))
    page = text_of(browser_of_alice)
    assert "You owe $3.00." in page
    assert "What you add next pays this first." in page


def test_the_ways_to_the_wallet(alice, browser_of_alice):
    page = text_of(browser_of_alice, "/dashboard")
    assert page.count('href="/wallet"') >= 4  # side bar, account menu, balance tile, the notice
    assert 'href="/orders"' in page


# ── Statement ────────────────────────────────────────────────────────────────


def test_entries_and_usage_with_exact_amounts(alice, browser_of_alice):
    give(alice, "5")
    record = make_record(make_token(alice), at=timezone.now())
    page = text_of(browser_of_alice)
    assert "+$5.00" in page
    assert "1 request" in page
    assert f'title="−$0.{record.charge:09d}'[:-1].rstrip("0") in page
    assert "range=custom&amp;since=" in page


def test_an_order_is_named_and_linked(alice, browser_of_alice, shop, gateway):
    order = order_top_up(alice)
    attempt = pay(order)
    gateway.pays(attempt)
    report(shop, attempt)
    page = text_of(browser_of_alice)
    assert f'href="/orders/{order.number}"' in page
    assert "Bonus" in page


def test_pages_lead_both_ways_and_keep_the_kind(alice, browser_of_alice):
    for _ in range(120):
        give(alice, "1")
    page = first = text_of(browser_of_alice, "/wallet?kind=grant")
    seen = [page.count("+$1.00")]
    while "next" in links_of(page):
        assert "kind=grant" in links_of(page)["next"]
        page = text_of(browser_of_alice, links_of(page)["next"])
        seen.append(page.count("+$1.00"))
    assert seen == [50, 50, 20]
    while "prev" in links_of(page):
        page = text_of(browser_of_alice, links_of(page)["prev"])
    assert page.count("+$1.00") == 50
    assert links_of(page) == links_of(first)


@pytest.mark.parametrize("query", ["kind=nonsense", "older=x", "newer=1.2.3", "older=%00", "newer=9.99999999"])
def test_a_malformed_address_shows_the_newest_page(alice, browser_of_alice, query):
    give(alice, "5")
    assert "+$5.00" in text_of(browser_of_alice, f"/wallet?{query}")


def test_an_empty_statement_says_so(browser_of_alice):
    assert "Nothing has moved yet" in text_of(browser_of_alice)
    assert "No movement of this kind" in text_of(browser_of_alice, "/wallet?kind=refund")


def test_nothing_of_another_is_there(alice, bob, client_of):
    give(alice, "7.77")
    assert "7.77" not in text_of(client_of(bob))


def test_the_number_of_statements_does_not_grow(alice, browser_of_alice):
    def count():
        with CaptureQueriesContext(connection) as captured:
            text_of(browser_of_alice)
        return len(captured)

    for _ in range(60):
        give(alice, "1")
    few = count()
    LedgerEntry.objects.bulk_create(
        LedgerEntry(wallet=alice.wallet, kind="grant", amount=1, balance_after=1, idempotency_key=f"many:{number}")
        for number in range(3_000)
    )
    assert count() <= few


def test_the_export_is_the_whole_statement(alice):
    for _ in range(60):
        give(alice, "1")
    make_record(make_token(alice), at=timezone.now())
    client = AsyncClient()
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")

    async def read(address):
        response = await client.get(address)
        assert response.status_code == 200
        assert response.headers["Content-Disposition"].startswith('attachment; filename="statement-')
        return b"".join([piece async for piece in response.streaming_content]).decode("utf-8-sig")

    def rows(address):
        return list(csv.DictReader(async_to_sync(read)(address).splitlines()))

    assert [row["kind"] for row in rows("/wallet/statement.csv")] == ["usage"] + ["grant"] * 60
    assert [row["kind"] for row in rows("/wallet/statement.csv?kind=usage")] == ["usage"]


# ── Topping up ───────────────────────────────────────────────────────────────


def test_tiles_show_what_is_on_sale(browser_of_alice, shop):
    make_package("retired", is_active=False)
    page = text_of(browser_of_alice)
    assert 'value="topup_100"' in page
    assert "¥100.00" in page
    assert "$2,000.00 bonus" in page
    assert "starter" not in page
    assert "retired" not in page


def test_a_tile_becomes_an_order_and_leads_to_its_page(alice, browser_of_alice, shop):
    response = browser_of_alice.post("/wallet/top-up", {"package": "topup_100", "coupon": ""})
    order = Order.objects.get()
    assert (response.status_code, response.headers["Location"]) == (303, page_url(order))
    assert (order.user, order.kind, order.contact_email, order.token) == (alice, "TOP", alice.email, None)
    assert order.source_page == "wallet"


def test_a_coupon_comes_with_the_order(browser_of_alice, shop):
    make_coupon("SPRING10")
    browser_of_alice.post("/wallet/top-up", {"package": "topup_100", "coupon": " spring10 "})
    assert Order.objects.get().amount_minor == 9_000


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"package": "topup_100", "coupon": "NOPE"}, "There is no such coupon."),
        ({"package": "starter"}, "This package is not on sale any more."),
        ({"package": "x\x00"}, "This package is not on sale any more."),
        ({}, "This field is required."),
    ],
)
def test_a_refusal_stands_beside_its_field_and_keeps_what_was_typed(browser_of_alice, shop, sent, said):
    response = browser_of_alice.post("/wallet/top-up", sent)
    page = response.content.decode()
    assert response.status_code == 400
    assert said in page
    assert f'value="{sent.get("coupon", "")}"' in page or not sent.get("coupon")
    assert not Order.objects.exists()


def test_without_a_provider_it_says_so(browser_of_alice, shop):
    shop.is_enabled = False
    shop.save()
    response = browser_of_alice.post("/wallet/top-up", {"package": "topup_100"})
    assert "There is no way to pay this amount at the moment." in response.content.decode()


# ── Redeeming ────────────────────────────────────────────────────────────────


def test_a_code_is_credited_and_said_so(alice, browser_of_alice):
    response = browser_of_alice.post("/wallet/redeem", {"code": a_code()}, follow=True)
    assert "$10.00 added to your balance." in response.content.decode()
    assert Wallet.objects.get(user=alice).balance == usd("10")


def test_a_wrong_code_stays_in_the_field(alice, browser_of_alice):
    response = browser_of_alice.post("/wallet/redeem", {"code": "abcd-efgh"})
    page = response.content.decode()
    assert response.status_code == 400
    assert 'value="abcd-efgh"' in page
    assert "There is no such code." in page


def test_whoever_guesses_has_to_wait(browser_of_alice):
    for _ in range(10):
        assert browser_of_alice.post("/wallet/redeem", {"code": "guess"}).status_code == 400
    response = browser_of_alice.post("/wallet/redeem", {"code": a_code()})
    assert response.status_code == 429
    assert "Too many wrong tries." in response.content.decode()


def test_guesses_are_counted_by_address(alice, bob, client_of):
    for client in (client_of(alice), client_of(bob), client_of(alice)):
        for _ in range(10):
            client.post("/wallet/redeem", {"code": "guess"}, REMOTE_ADDR="203.0.113.9")
    carol = client_of(type(alice).objects.create_user("dave@example.com"))
    assert carol.post("/wallet/redeem", {"code": "guess"}, REMOTE_ADDR="203.0.113.9").status_code == 429
    assert carol.post("/wallet/redeem", {"code": "guess"}, REMOTE_ADDR="203.0.113.10").status_code == 400


# ── The notice ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("typed", "kept"), [("5", usd("5")), ("$2.50", usd("2.5")), ("", None)])
def test_the_notice_is_kept_and_shown(alice, browser_of_alice, typed, kept):
    Wallet.objects.update(notify_below=1)
    assert "Notice saved." in browser_of_alice.post("/wallet/notice", {"below": typed}, follow=True).content.decode()
    assert Wallet.objects.get(user=alice).notify_below == kept


@pytest.mark.parametrize("typed", ["0", "-1", "much", "0.0000000001", "1e30"])
def test_an_impossible_amount_is_refused(alice, browser_of_alice, typed):
    response = browser_of_alice.post("/wallet/notice", {"below": typed})
    assert response.status_code == 400
    assert "id_below_error" in response.content.decode()
    assert Wallet.objects.get(user=alice).notify_below is None


def test_forms_of_other_sites_are_refused(alice):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    for address in ("/wallet/top-up", "/wallet/redeem", "/wallet/notice"):
        assert client.post(address, {}).status_code == 403
        assert client.get(address).status_code == 405


def test_the_page_speaks_chinese(alice, browser_of_alice, shop):
    type(alice).objects.update(language="zh-hans")
    page = text_of(browser_of_alice)
    for word in ("钱包", "充值", "使用兑换码", "余额不足提醒", "账单明细"):
        assert word in page


def test_a_far_day_does_not_upset_the_page(alice, browser_of_alice):
    make_record(make_token(alice), at=timezone.now() - timedelta(days=3000))
    assert "1 request" in text_of(browser_of_alice)


def test_orders_are_limited_as_those_of_strangers_are(browser_of_alice, shop, settings):
    settings.API_RATE_LIMITS = settings.API_RATE_LIMITS | {"place": 2}
    form = {"package": "topup_100", "coupon": ""}
    assert [browser_of_alice.post("/wallet/top-up", form).status_code for _ in range(3)] == [303, 303, 429]
