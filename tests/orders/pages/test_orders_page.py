"""Orders as they are served: the list, one order in words, cancelling, the receipt; one's own alone."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from orders.access import page_url
from orders.models import Order, OrderEvent, Payment
from orders.pages.wording import SENTENCES, sentence_of
from orders.payments.refunding import request_refund, submit_due
from tests.factories import make_user
from tests.orders.shop import make_coupon, order_top_up, pay, report

pytestmark = pytest.mark.django_db
ROW = re.compile(r'<a class="mono" href="/orders/([A-Z0-9]+)"')
BADGE = re.compile(r'<span class="badge badge-dot [^"]*">([^<]*)</span>')
LINK = re.compile(r'href="(/orders\?[^"]*)"[^>]*rel="(next|prev)"')


@pytest.fixture
def browser_of_alice(alice, client_of):
    return client_of(alice)


@pytest.fixture
def paid(alice, shop, gateway):
    """A paid order of alice's."""
    order = order_top_up(alice)
    attempt = pay(order)
    gateway.pays(attempt)
    report(shop, attempt)
    order.refresh_from_db()
    return order


def text_of(client, address="/orders"):
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def links_of(page):
    return {rel: address.replace("&amp;", "&") for address, rel in LINK.findall(page)}


# ── The list ─────────────────────────────────────────────────────────────────


def test_an_order_with_everything_that_matters(paid, browser_of_alice):
    page = text_of(browser_of_alice)
    assert ROW.findall(page) == [paid.number]
    for shown in ("Top-up", "topup_100", "¥100.00", "Scripted", "Credited"):
        assert shown in page
    assert page_url(paid) not in page


def test_an_unpaid_order_can_be_paid(alice, browser_of_alice, shop):
    order = order_top_up(alice)
    for address in ("/orders", f"/orders/{order.number}"):
        page = text_of(browser_of_alice, address)
        assert page_url(order) in page
        assert BADGE.findall(page) == ["Awaiting payment"]


def test_an_order_whose_time_is_over_says_so_before_it_is_ended(alice, browser_of_alice, shop):
    order = order_top_up(alice)
    Order.objects.update(expires_at=timezone.now())
    for address in ("/orders", f"/orders/{order.number}"):
        page = text_of(browser_of_alice, address)
        assert page_url(order) not in page
        assert BADGE.findall(page) == ["Time is over"]
    assert "The time for this order is over" in text_of(browser_of_alice, page_url(order))
    order.refresh_from_db()
    assert order.status == "pending"


def test_the_filter_is_a_word_in_the_address(alice, paid, browser_of_alice):
    waiting = order_top_up(alice)
    assert ROW.findall(text_of(browser_of_alice)) == [waiting.number, paid.number]
    assert ROW.findall(text_of(browser_of_alice, "/orders?status=pending")) == [waiting.number]
    assert ROW.findall(text_of(browser_of_alice, "/orders?status=nonsense")) == [waiting.number, paid.number]
    assert "No order has this status" in text_of(browser_of_alice, "/orders?status=refunded")


def test_pages_lead_both_ways_in_few_statements(alice, browser_of_alice, shop, django_assert_max_num_queries):
    template = order_top_up(alice)
    Order.objects.bulk_create(_copy_of(template, number) for number in range(74))
    numbers = list(Order.objects.order_by("-pk").values_list("number", flat=True))
    with django_assert_max_num_queries(12):
        page = first = text_of(browser_of_alice)
    walked = ROW.findall(page)
    while "next" in links_of(page):
        page = text_of(browser_of_alice, links_of(page)["next"])
        walked += ROW.findall(page)
    assert walked == numbers
    while "prev" in links_of(page):
        page = text_of(browser_of_alice, links_of(page)["prev"])
    assert ROW.findall(page) == ROW.findall(first)


def _copy_of(order, number):
    copy = Order.objects.get(pk=order.pk)
    copy.pk, copy.number = None, f"TOP2026010100{number:02d}ABCD"
    return copy


def test_an_empty_list_says_what_to_do(browser_of_alice):
    assert "No orders yet" in text_of(browser_of_alice)


# ── One order ────────────────────────────────────────────────────────────────


def test_its_story_is_told_in_words(paid, browser_of_alice):
    page = text_of(browser_of_alice, f"/orders/{paid.number}")
    for shown in ("The order was made.", "The payment arrived.", "The credit is on the account.", f"t-{paid.number}"):
        assert shown in page
    for shown in ("$10,000.00", "+$2,000.00", "¥100.00", "test key"):
        assert shown in page


def test_every_event_that_is_written_has_words():
    written = set()
    for path in Path(settings.BASE_DIR / "orders").rglob("*.py"):
        source = path.read_text()
        written |= set(re.findall(r'\brecord\([^"()]*(?:\([^)]*\))?[^"()]*"([^"]+)"', source))
        written |= set(re.findall(r'\bwhat="([^"]+)"', source))
    assert {"created", "paid", "gateway failed", "key disabled"} <= written
    assert written <= SENTENCES.keys()


def test_notes_for_the_operator_stay_with_them(paid, browser_of_alice):
    OrderEvent.objects.create(order=paid, what="something new", note="the gateway's secret words")
    page = text_of(browser_of_alice, f"/orders/{paid.number}")
    assert "secret words" not in page
    assert sentence_of(OrderEvent(what="something new")) in page


def test_a_discount_is_worked_out(alice, browser_of_alice, shop):
    make_coupon("SPRING10")
    order = order_top_up(alice, coupon="SPRING10")
    page = text_of(browser_of_alice, f"/orders/{order.number}")
    for shown in ("¥100.00", "SPRING10", "−¥10.00", "¥90.00"):
        assert shown in page


def test_a_refund_is_listed(paid, browser_of_alice, carol):
    request_refund(payment=Payment.objects.get(), amount_minor=2_500, reason="private", actor_id=carol.pk, key="r1")
    submit_due()
    page = text_of(browser_of_alice, f"/orders/{paid.number}")
    for shown in ("Refunds", "¥25.00", "Paid back", "Partially refunded", "$3,000.00"):
        assert shown in page
    assert "private" not in page


# ── Cancelling ───────────────────────────────────────────────────────────────


def test_cancelling_asks_first(alice, browser_of_alice, shop):
    order = order_top_up(alice)
    assert f"/orders/{order.number}/cancel" in text_of(browser_of_alice, f"/orders/{order.number}")
    assert "for ¥100.00?" in text_of(browser_of_alice, f"/orders/{order.number}/cancel")
    order.refresh_from_db()
    assert order.status == "pending"
    page = browser_of_alice.post(f"/orders/{order.number}/cancel", follow=True).content.decode()
    assert f"Order {order.number} is cancelled." in page
    assert order.events.get(what="cancelled").actor == alice
    order.refresh_from_db()
    assert order.status == "cancelled"


def test_what_is_paid_is_not_cancelled(paid, browser_of_alice):
    assert "Cancel order" not in text_of(browser_of_alice, f"/orders/{paid.number}")
    page = browser_of_alice.post(f"/orders/{paid.number}/cancel", follow=True).content.decode()
    assert "This order can&#x27;t be cancelled any more." in page
    paid.refresh_from_db()
    assert paid.status == "credited"


# ── The receipt ──────────────────────────────────────────────────────────────


def test_the_receipt_adds_up(paid, browser_of_alice):
    page = text_of(browser_of_alice, f"/orders/{paid.number}/receipt")
    for shown in (paid.number, "¥100.00", "Total paid", "alice@example.com", f"t-{paid.number}", "$12,000.00"):
        assert shown in page


def test_what_is_not_paid_has_no_receipt(alice, browser_of_alice, shop):
    order = order_top_up(alice)
    assert browser_of_alice.get(f"/orders/{order.number}/receipt").status_code == 404


# ── One's own ────────────────────────────────────────────────────────────────


def test_bob_sees_nothing_of_alices(paid, bob, client_of, shop):
    waiting = order_top_up(paid.user)
    own = order_top_up(bob)
    client = client_of(bob)
    for number in (paid.number, waiting.number, paid.number.lower(), str(paid.pk), "TOP0", "x" * 300, "%00"):
        for page in ("", "/receipt", "/cancel"):
            assert client.get(f"/orders/{number}{page}").status_code == 404
        assert client.post(f"/orders/{number}/cancel").status_code == 404
    for query in (f"older={paid.number}", f"newer={paid.number}", f"older={waiting.number}", "older=%00", "newer=x"):
        assert ROW.findall(text_of(client, f"/orders?{query}")) == [own.number]
    waiting.refresh_from_db()
    assert waiting.status == "pending"


def test_staff_have_no_other_way_in(paid, carol, client_of):
    assert client_of(carol).get(f"/orders/{paid.number}").status_code == 404


def test_a_first_purchase_belongs_to_its_account(alice, browser_of_alice, shop, gateway):
    from tests.orders.shop import order_purchase

    order = order_purchase(alice.email)
    assert ROW.findall(text_of(browser_of_alice)) == []
    attempt = pay(order)
    gateway.pays(attempt)
    report(shop, attempt)
    assert ROW.findall(text_of(browser_of_alice)) == [order.number]
    assert "First purchase" in text_of(browser_of_alice, f"/orders/{order.number}")


def test_the_pages_speak_chinese(paid, browser_of_alice):
    make_user()
    type(paid.user).objects.update(language="zh-hans")
    assert "已到账" in text_of(browser_of_alice)
    page = text_of(browser_of_alice, f"/orders/{paid.number}")
    assert "付款已到达。" in page
    assert "收据" in text_of(browser_of_alice, f"/orders/{paid.number}/receipt")
