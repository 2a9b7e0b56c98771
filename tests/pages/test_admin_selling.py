"""Packages, coupons, codes, gateway messages and reconciliations in the admin."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from billing.proof import check_books
from orders.codes import redeem
from orders.coupons import discount
from orders.models import CodeBatch, Coupon, Order, Package, RedemptionCode, Statement, WebhookEvent
from tests.factories import make_group, make_user
from tests.orders.shop import CREDIT, balance_of, make_account, make_coupon, notify, order_top_up, pay, report
from tests.pages.admin_rows import list_url, page_url

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(carol, client_of):
    return client_of(carol)


# ── Packages ─────────────────────────────────────────────────────────────────

PACKAGE = {
    "kind": "first_purchase",
    "code": "starter",
    "name": "Starter",
    "currency": "cny",
    "price": "20.5",
    "base_quota": "500000",
    "bonus_quota": "0",
    "is_active": "on",
    "sort_order": "1",
}


def test_a_package_is_typed_as_people_write_prices(staff):
    group = make_group("vip")
    typed = PACKAGE | {"group": group.pk, "valid_days": "30", "per_customer": "2"}
    assert staff.post(reverse("admin:orders_package_add"), typed).status_code == 302
    package = Package.objects.get()
    assert (package.price_minor, package.currency, package.group) == (2_050, "CNY", group)
    assert (package.valid_days, package.per_customer) == (30, 2)
    assert 'value="20.50"' in staff.get(page_url("orders_package", package)).content.decode()


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"price": "1,5"}, "such as 9.90"),
        ({"price": "9.999"}, "such as 9.90"),
        ({"price": "9999999999999"}, "too much"),
        ({"currency": "XXX"}, "three letters"),
        ({"currency": "JPY", "price": "9.90"}, "such as 9.90"),
        ({"kind": "top_up", "valid_days": "3"}, "delivers no key"),
        ({"base_quota": "0"}, "package_has_quota"),
    ],
)
def test_what_a_package_can_not_be(staff, typed, complaint):
    assert complaint in staff.post(reverse("admin:orders_package_add"), PACKAGE | typed).content.decode()
    assert not Package.objects.exists()


# ── Coupons ──────────────────────────────────────────────────────────────────

COUPON = {
    "code": "spring",
    "kind": "percent",
    "percent": "12.5",
    "currency": "CNY",
    "starts_at_0": "2026-01-01",
    "starts_at_1": "00:00:00",
    "per_customer": "1",
    "is_active": "on",
}


def test_ten_per_cent_are_typed_as_ten(staff):
    staff.post(reverse("admin:orders_coupon_add"), COUPON)
    coupon = Coupon.objects.get()
    assert (coupon.code, coupon.off_bps, coupon.off_minor) == ("SPRING", 1_250, 0)
    assert discount(coupon, 10_000) == 1_250
    assert 'value="12.5"' in staff.get(page_url("orders_coupon", coupon)).content.decode()
    assert "12.5 %" in staff.get(list_url("orders_coupon")).content.decode()


def test_an_amount_is_typed_in_the_coupons_currency(staff):
    staff.post(reverse("admin:orders_coupon_add"), COUPON | {"kind": "fixed", "off": "5"})
    coupon = Coupon.objects.get()
    assert (coupon.off_bps, coupon.off_minor) == (0, 500)


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"percent": ""}, "how much it takes off"),
        ({"percent": "0"}, "up to 100"),
        ({"percent": "100.01"}, "up to 100"),
        ({"percent": "1000"}, "up to 100"),
        ({"kind": "fixed"}, "how much it takes off"),
        ({"code": "a b"}, "capital letters"),
    ],
)
def test_what_a_coupon_can_not_be(staff, typed, complaint):
    assert complaint in staff.post(reverse("admin:orders_coupon_add"), COUPON | typed).content.decode()
    assert not Coupon.objects.exists()


def test_a_coupon_says_how_it_stands_and_one_on_an_order_is_not_deleted(staff, shop):
    used, now = make_coupon("USED"), timezone.now()
    order_top_up(coupon="USED")
    make_coupon("OVER", ends_at=now - timedelta(days=1), starts_at=now - timedelta(days=2))
    make_coupon("SOON", starts_at=now + timedelta(days=1))
    html = staff.get(list_url("orders_coupon")).content.decode()
    assert [word for word in ("Running", "Over", "Planned") if word not in html] == []
    assert staff.post(reverse("admin:orders_coupon_delete", args=[used.pk]), {"post": "yes"}).status_code == 403


# ── Codes ────────────────────────────────────────────────────────────────────


def test_a_batch_is_made_with_its_codes_downloaded_and_redeemed(staff, carol, bob):
    typed = {"name": "Fair in May", "quota": "500000", "count": "3", "per_customer": "1"}
    assert staff.post(reverse("admin:orders_codebatch_add"), typed).status_code == 302
    batch = CodeBatch.objects.get()
    assert (batch.codes.count(), batch.created_by) == (3, carol)
    answer = staff.get(reverse("admin:orders_codebatch_download", args=[batch.pk]))
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert answer["Content-Disposition"] == 'attachment; filename="codes-fair-in-may.csv"'
    assert len(lines) == 4
    code = lines[1].split(",")[0].strip('"')
    redeem(user=bob, code=code)
    html = staff.get(list_url("orders_redemptioncode", f"?batch__id__exact={batch.pk}&redeemed=yes")).content.decode()
    assert "bob@example.com" in html
    assert code not in html
    assert "1 / 3" in staff.get(list_url("orders_codebatch")).content.decode()
    assert check_books() == []


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"count": "10001"}, "less than or equal to 10000"),
        ({"quota": "0"}, "greater than or equal to 1"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}, "lies ahead"),
    ],
)
def test_what_a_batch_can_not_be(staff, typed, complaint):
    form = {"name": "Fair", "quota": "500000", "count": "3"} | typed
    assert complaint in staff.post(reverse("admin:orders_codebatch_add"), form).content.decode()
    assert not RedemptionCode.objects.exists()


def test_the_terms_of_a_batch_stay_and_it_can_be_switched_off(staff):
    staff.post(reverse("admin:orders_codebatch_add"), {"name": "Fair", "quota": "500000", "count": "1"})
    batch = CodeBatch.objects.get()
    staff.post(page_url("orders_codebatch", batch), {"name": "Renamed", "quota": "9", "count": "9"})
    batch.refresh_from_db()
    assert (batch.name, batch.quota, batch.count, batch.is_active) == ("Renamed", 500_000, 1, False)


def test_codes_are_downloaded_by_staff_with_the_permission_alone(staff, alice, client_of):
    staff.post(reverse("admin:orders_codebatch_add"), {"name": "Fair", "quota": "500000", "count": "1"})
    url = reverse("admin:orders_codebatch_download", args=[CodeBatch.objects.get().pk])
    assert client_of(make_user("dave@example.com", is_staff=True)).get(url).status_code == 403
    assert client_of(alice).get(url).status_code == 302


# ── Messages ─────────────────────────────────────────────────────────────────


def test_a_message_left_over_is_processed_again_and_credits_once(staff, shop, gateway):
    attempt = pay(order_top_up())
    gateway.is_away(attempt)
    report(shop, attempt)
    WebhookEvent.objects.update(state="review")
    assert len(staff.get(list_url("orders_webhookevent", "?attention=any")).context["cl"].result_list) == 1
    gateway.pays(attempt)
    event = WebhookEvent.objects.get()
    url = reverse("admin:orders_webhookevent_process_one", args=[event.pk])
    assert staff.get(url).status_code == 200
    assert Order.objects.get().status == "pending"
    for _ in range(2):
        staff.post(url)
    event.refresh_from_db()
    assert (event.state, event.note) == ("done", "credited")
    assert balance_of(Order.objects.get()) == CREDIT
    assert check_books() == []


def test_a_message_that_is_done_is_not_done_again(staff, shop, gateway):
    """Without a query a refund's message would give back a second part."""
    gateway.confirms, gateway.can_query = True, False
    attempt = pay(order_top_up())
    report(shop, attempt)
    report(shop, attempt, kind="refunded", minor=2_500)
    ids = list(WebhookEvent.objects.values_list("pk", flat=True))
    staff.post(list_url("orders_webhookevent"), {"action": "process_again", "_selected_action": ids})
    assert Order.objects.get().refunded_minor == 2_500


def test_a_message_about_no_order_is_dismissed_and_one_that_is_done_is_not(staff, shop, gateway):
    gateway.confirms = True
    report(shop, pay(order_top_up()))
    _reply, (orphan,) = notify(shop, kind="paid", reference="UNKNOWN", minor=1, txn_id="T-9")
    WebhookEvent.objects.filter(pk=orphan).update(state="orphan")
    ids = list(WebhookEvent.objects.values_list("pk", flat=True))
    staff.post(list_url("orders_webhookevent"), {"action": "dismiss", "_selected_action": ids})
    found = dict(WebhookEvent.objects.values_list("reference", "state"))
    assert found.pop("UNKNOWN") == "ignored"
    assert set(found.values()) == {"done"}
    assert "carol@example.com" in WebhookEvent.objects.get(pk=orphan).note


def test_a_message_leads_to_its_order_and_is_found_by_its_numbers(staff, shop, gateway):
    gateway.confirms = True
    attempt = pay(order_top_up())
    report(shop, attempt, txn_id="T-77")
    notify(shop, kind="paid", reference="UNKNOWN", minor=1, txn_id="T-78")
    html = staff.get(list_url("orders_webhookevent", "?q=T-77")).content.decode()
    assert attempt.number in html
    assert "UNKNOWN" not in html
    page = staff.get(page_url("orders_webhookevent", WebhookEvent.objects.get(txn_id="T-77"))).content.decode()
    assert attempt.order.number in page


# ── Statements ───────────────────────────────────────────────────────────────


def test_a_day_is_compared_at_once_and_the_report_names_what_differed(staff, shop, gateway):
    attempt = pay(order_top_up())
    gateway.pays(attempt)
    typed = {"account": shop.pk, "day": f"{datetime.now(UTC):%Y-%m-%d}"}
    html = staff.post(reverse("admin:orders_statement_compare_now"), typed, follow=True).content.decode()
    statement = Statement.objects.get()
    assert (statement.checked, len(statement.differences)) == (1, 1)
    assert "unknown here until now" in html
    assert page_url("orders_order", attempt.order) in html
    staff.post(reverse("admin:orders_statement_compare_now"), typed)
    assert Statement.objects.get().differences == []
    assert balance_of(attempt.order) == CREDIT


def test_only_days_that_have_come_and_accounts_that_can_be_asked_are_compared(staff, shop):
    bank = make_account("bank", provider="manual", secret="", options={"instructions": "IBAN"})
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    for typed in ({"account": shop.pk, "day": tomorrow}, {"account": bank.pk, "day": "2026-03-01"}):
        assert staff.post(reverse("admin:orders_statement_compare_now"), typed).status_code == 200
    assert not Statement.objects.exists()
