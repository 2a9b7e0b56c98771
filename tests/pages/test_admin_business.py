"""The page "Business": its figures are those of payments, refunds and usage, whoever may not see these sees nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from billing.earnings import Earned, earned_by_day
from billing.rollups import roll_up_usage
from billing.spans import Span
from config.kernel.money import usd
from orders.business import business
from orders.payments.polling import take_in
from orders.payments.refunding import request_refund
from tests.billing.usage_rows import make_record
from tests.factories import make_token, make_user
from tests.orders.shop import CREDIT, order_top_up, pay, report

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)


@pytest.fixture
def staff(carol, client_of):
    return client_of(carol)


def now_business(days=7):
    return business(days=days, now=timezone.now(), zone=UTC)


def test_revenue_is_what_arrived_less_what_went_back_and_credit_is_what_was_granted(shop, gateway, carol):
    gateway.confirms = True
    kept, returned = order_top_up(), order_top_up()
    for order in (kept, returned):
        report(shop, pay(order))
    payment = returned.payments.get()
    request_refund(payment=payment, amount_minor=4_000, reason="", actor_id=carol.pk, key="k", by_hand=True)
    found = now_business()
    taken = found.whole.taken["CNY"]
    assert (taken.paid, taken.refunded, taken.kept) == (20_000, 4_000, 16_000)
    assert (found.whole.credit, found.currencies) == (2 * CREDIT, ["CNY"])
    assert [day.taken["CNY"].kept for day in found.days] == [0] * 6 + [16_000]
    assert found.statuses == {"credited": 1, "partially_refunded": 1}


def test_the_share_of_payments_that_no_message_told_of_first(shop, gateway):
    gateway.confirms = True
    assert now_business().polled_ppm is None
    report(shop, pay(order_top_up()))
    assert now_business().polled_ppm == 0
    attempt = pay(order_top_up())
    gateway.pays(attempt)
    take_in(attempt)
    assert now_business().polled_ppm == 500_000


def test_usage_is_the_same_before_and_after_the_roll_up(alice):
    token = make_token(alice)
    for hours in (1, 2, 30):
        make_record(token, at=NOON - timedelta(hours=hours), cost=usd("0.25"))
    unknown = make_record(token, at=NOON - timedelta(hours=2))
    span = Span(NOON - timedelta(days=2), NOON + timedelta(hours=1))
    before = earned_by_day(span, UTC)
    roll_up_usage(now=NOON)
    today, yesterday = NOON.date(), NOON.date() - timedelta(days=1)
    assert earned_by_day(span, UTC) == before
    assert before[today] == Earned(3 * unknown.charge, 2 * usd("0.25"), 2 * unknown.charge)
    assert before[yesterday].margin == unknown.charge - usd("0.25")


def test_the_page_shows_them_in_a_number_of_statements_that_does_not_grow(staff, shop, gateway, alice):
    gateway.confirms = True

    def opened(query=""):
        with CaptureQueriesContext(connection) as captured:
            answer = staff.get(reverse("staff-business") + query)
        assert answer.status_code == 200
        return answer.content.decode(), len(captured)

    report(shop, pay(order_top_up()))
    make_record(make_token(alice), at=timezone.now())
    html, before = opened()
    assert "¥100.00" in html
    for _ in range(4):
        report(shop, pay(order_top_up()))
    html, after = opened("?days=90")
    assert "¥500.00" in html
    assert after == before < 30


def test_an_empty_shop_has_a_page_too(staff):
    assert staff.get(reverse("staff-business") + "?days=nonsense").status_code == 200


def test_it_needs_both_permissions(alice, client_of):
    dave = make_user("dave@example.com", is_staff=True)
    for codename in ("view_payment", "view_usagerollup"):
        assert client_of(dave).get(reverse("staff-business")).status_code == 403
        assert reverse("staff-business") not in client_of(dave).get(reverse("admin:index")).content.decode()
        dave.user_permissions.add(Permission.objects.get(codename=codename))
    assert client_of(dave).get(reverse("staff-business")).status_code == 200
    assert client_of(alice).get(reverse("staff-business")).status_code == 302
