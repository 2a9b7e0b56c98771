"""Orders in the admin: found, narrowed down and summed; every action once, with a reason, and the books agree after."""

import re

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing.proof import check_books
from orders.models import Delivery, Order, OrderEvent, Payment, Refund, WebhookEvent
from orders.payments.polling import poll
from orders.providers.base import (
    GatewayRefused,
    GatewayUnreachable,
    Money,
    PaymentState,
    PaymentStatus,
    RefundState,
    RefundStatus,
    RefundSupport,
)
from tests.factories import make_user
from tests.orders.shop import (
    CREDIT,
    balance_of,
    make_account,
    order_purchase,
    order_top_up,
    pay,
    report,
)
from tests.pages.admin_rows import list_url, page_url

pytestmark = pytest.mark.django_db
NAME = "orders_order"


@pytest.fixture
def staff(carol, client_of):
    return client_of(carol)


@pytest.fixture(autouse=True)
def books_agree(db):
    """After every test: nothing that staff do leaves the books wrong."""
    yield
    assert check_books() == []


def action_url(name, order, query=""):
    return reverse(f"admin:orders_order_{name}", args=[order.pk]) + query


def paid_top_up(account, **terms):
    """An order that the gateway reported as paid."""
    order = order_top_up(**terms)
    report(account, pay(order))
    order.refresh_from_db()
    return order


def in_review(account, *, minor=9_000):
    """An order that a wrong amount was paid for."""
    order = order_top_up()
    report(account, pay(order), minor=minor)
    order.refresh_from_db()
    return order


def do(staff, name, order, *, query="", **typed):
    """Open the page of an action and send its form; returns the page that follows."""
    url = action_url(name, order, query)
    html = staff.get(url).content.decode()
    hidden = dict(re.findall(r'name="(key|amount|payment|account)"[^>]*? value="([^"]*)"', html))
    chosen = dict(re.findall(r'<select name="(\w+)".*?<option value="(\d+)"', html, re.DOTALL))
    return staff.post(url, {"reason": "Asked for", **hidden, **chosen, **typed}, follow=True)


def last_event(order):
    return OrderEvent.objects.filter(order=order).last()


def untold_of(account):
    """An order that a message names which came to nothing."""
    order = order_top_up()
    attempt = pay(order)
    WebhookEvent.objects.create(
        account=account, dedupe_key=order.number, kind="paid", reference=attempt.number, state="review"
    )
    return order


# ── The list ─────────────────────────────────────────────────────────────────


def shown(staff, query=""):
    return {order.number for order in staff.get(list_url(NAME, query)).context["cl"].result_list}


@pytest.fixture
def orders(shop, gateway):
    """One of each that the filters tell apart."""
    gateway.confirms = True
    found = {
        "pending": untold_of(shop),
        "paid": paid_top_up(shop),
        "review": in_review(shop),
        "purchase": order_purchase("stranger@example.com"),
    }
    twice = paid_top_up(shop)
    report(shop, twice.attempts.get(), txn_id="second")
    unsent = paid_top_up(shop)
    Delivery.objects.filter(order=unsent).update(state="failed")
    return found | {"overpaid": twice, "unsent": unsent}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?status__exact=review", {"review"}),
        ("?kind__exact=BUY", {"purchase"}),
        ("?attention=any", {"pending", "review", "overpaid", "unsent"}),
        ("?attention=review", {"review"}),
        ("?attention=overpaid", {"review", "overpaid"}),
        ("?attention=mail", {"unsent"}),
        ("?attention=messages", {"pending"}),
        ("?made=yesterday", set()),
        ("?is_disputed__exact=1", set()),
        ("?q=STRANGER@example.com", {"purchase"}),
        ("?q=stranger@", {"purchase"}),
        ("?q=second", {"overpaid"}),
        ("?q=nobody@example.com", set()),
    ],
)
def test_orders_are_narrowed_down_and_found(staff, orders, query, names):
    assert shown(staff, query) == {orders[name].number for name in names}


def test_orders_are_found_by_number_and_by_the_number_of_an_attempt(staff, orders):
    assert shown(staff, f"?q={orders['paid'].number.lower()}") == {orders["paid"].number}
    assert shown(staff, f"?q={orders['paid'].attempts.get().number}") == {orders["paid"].number}


def test_orders_are_narrowed_down_to_an_account_and_to_today(staff, orders, shop):
    begun = {orders[name].number for name in ("pending", "paid", "review", "overpaid", "unsent")}
    assert shown(staff, f"?account={shop.pk}") == begun
    assert shown(staff, "?made=today") == {order.number for order in orders.values()}
    assert shown(staff, "?made=never&account=x&attention=x") == {order.number for order in orders.values()}


def test_the_sums_are_those_of_the_filtered_orders_and_of_all_their_payments(staff, orders):
    sums = staff.get(list_url(NAME)).context["order_sums"]
    assert [(one["currency"], one["paid"], one["payments"]) for one in sums] == [("CNY", "¥490.00", 5)]
    assert staff.get(list_url(NAME, "?attention=mail")).context["order_sums"][0]["kept"] == "¥100.00"


def test_statements_of_the_list_do_not_grow_with_it(staff, orders, shop):
    def statements():
        with CaptureQueriesContext(connection) as captured:
            assert staff.get(list_url(NAME)).status_code == 200
        return len(captured)

    before = statements()
    for _ in range(5):
        paid_top_up(shop)
    assert statements() == before < 20


# ── The page ─────────────────────────────────────────────────────────────────


def test_the_page_tells_in_order_all_that_happened(staff, shop, gateway):
    gateway.confirms = True
    order = paid_top_up(shop)
    titles = [entry.title for entry, _url in staff.get(page_url(NAME, order)).context["timeline"]]
    assert titles[0] == "Ordered"
    assert {"Payment started with Scripted", "Message: paid", "Money arrived at Scripted", "Credited"} <= set(titles)
    moments = [entry.at for entry, _url in staff.get(page_url(NAME, order)).context["timeline"]]
    assert moments == sorted(moments)


def test_the_pages_of_an_order_and_of_its_actions_speak_in_words(staff, shop, gateway):
    gateway.confirms = True
    order = paid_top_up(shop)
    page, form = (staff.get(url).content.decode() for url in (page_url(NAME, order), action_url("refund", order)))
    assert "Credited" in page
    assert "(&#x27;" not in page
    assert re.search(r'type="submit"[^>]*>\s*Refund\s*</button>', form)


def test_statements_of_the_page_do_not_grow_with_what_happened(staff, shop, gateway):
    gateway.confirms = True
    order = paid_top_up(shop)

    def statements():
        with CaptureQueriesContext(connection) as captured:
            assert staff.get(page_url(NAME, order)).status_code == 200
        return len(captured)

    before = statements()
    for nth in range(5):
        report(shop, order.attempts.get(), txn_id=f"again-{nth}")
    assert statements() <= before + 1  # it can be refunded now, which is looked up


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("pending", {"verify_now", "cancel"}),
        ("paid", {"verify_now", "refund", "resend"}),
        ("review", {"verify_now", "refund", "accept"}),
    ],
)
def test_only_what_can_be_done_is_offered(staff, shop, gateway, name, offered):
    gateway.confirms = True
    orders = {"pending": order_top_up, "paid": lambda: paid_top_up(shop), "review": lambda: in_review(shop)}
    order = orders[name]()
    if name == "pending":
        pay(order)
    html = staff.get(page_url(NAME, order)).content.decode()
    assert {one for one in ("accept", "refund", "receive", "verify_now", "resend", "cancel") if
            action_url(one, order) in html} == offered  # fmt: skip


# ── Verify ───────────────────────────────────────────────────────────────────


def test_verifying_credits_what_the_gateway_says_was_paid(staff, shop, gateway, carol):
    order = order_top_up()
    attempt = pay(order)
    gateway.pays(attempt)
    html = do(staff, "verify_now", order).content.decode()
    order.refresh_from_db()
    assert (order.status, balance_of(order)) == ("credited", CREDIT)
    assert "paid at the gateway, unknown here until now" in html
    assert (last_event(order).what, last_event(order).actor) == ("verified", carol)


def test_verifying_again_and_after_the_poll_changes_nothing_more(staff, shop, gateway):
    order = order_top_up()
    attempt = pay(order)
    gateway.pays(attempt)
    poll(attempt)
    for _ in range(2):
        do(staff, "verify_now", order)
    assert balance_of(order) == CREDIT


def test_verifying_needs_no_reason_and_says_that_the_gateway_is_away(staff, shop, gateway):
    order = order_top_up()
    attempt = pay(order)
    gateway.is_away(attempt)
    assert "away" in do(staff, "verify_now", order, reason="").content.decode()
    order.refresh_from_db()
    assert order.status == "pending"


def test_verifying_books_a_refund_that_was_made_at_the_gateway(staff, shop, gateway):
    gateway.confirms = True
    order = paid_top_up(shop)
    number = order.attempts.get().number
    amount = Money(10_000, "CNY")
    gateway.states[number] = PaymentState(PaymentStatus.PAID, amount, f"t-{number}", refunded_minor=2_500)
    do(staff, "verify_now", order)
    order.refresh_from_db()
    assert (order.status, order.refunded_minor) == ("partially_refunded", 2_500)


def test_opening_the_page_of_an_action_does_nothing(staff, shop, gateway):
    order = order_top_up()
    gateway.pays(pay(order))
    for name in ("verify_now", "cancel"):
        assert staff.get(action_url(name, order)).status_code == 200
    order.refresh_from_db()
    assert order.status == "pending"


# ── Review ───────────────────────────────────────────────────────────────────


def test_accepting_from_review_credits_by_the_orders_own_terms(staff, shop, gateway, carol):
    gateway.confirms = True
    order = in_review(shop)
    do(staff, "accept", order, reason="The rest came in cash")
    order.refresh_from_db()
    event = order.events.get(what="accepted")
    assert (order.status, balance_of(order)) == ("credited", CREDIT)
    assert (event.note, event.actor) == ("The rest came in cash", carol)


def test_accepting_twice_credits_once(staff, shop, gateway):
    gateway.confirms = True
    order = in_review(shop)
    payment = order.payments.get()
    for _ in range(2):
        staff.post(action_url("accept", order), {"reason": "Yes", "payment": payment.pk})
    assert balance_of(order) == CREDIT


def test_accepting_without_a_reason_is_refused(staff, shop, gateway):
    gateway.confirms = True
    order = in_review(shop)
    assert "This field is required" in do(staff, "accept", order, reason=" ").content.decode()
    order.refresh_from_db()
    assert order.status == "review"


def test_a_payment_of_another_order_can_not_be_accepted(staff, shop, gateway):
    gateway.confirms = True
    order, other = in_review(shop), in_review(shop)
    do(staff, "accept", order, payment=other.payments.get().pk)
    assert {order.status for order in Order.objects.all()} == {"review"}


# ── Refunds ──────────────────────────────────────────────────────────────────


def test_a_refund_takes_the_credit_back_and_asks_the_gateway_once(staff, shop, gateway, carol):
    gateway.confirms = True
    order = paid_top_up(shop)
    answer = do(staff, "refund", order, reason="Not needed")
    order.refresh_from_db()
    refund = Refund.objects.get()
    assert (order.status, balance_of(order), refund.state) == ("refunded", 0, "succeeded")
    assert (refund.reason, refund.actor, refund.amount_minor) == ("Not needed", carol, 10_000)
    assert "¥100.00 paid back." in answer.content.decode()
    assert len(gateway.refunds) == 1


def test_a_part_can_be_refunded_and_then_the_rest(staff, shop, gateway):
    gateway.confirms = True
    order = paid_top_up(shop)
    do(staff, "refund", order, amount="25.00")
    order.refresh_from_db()
    assert (order.status, order.refunded_minor, balance_of(order)) == ("partially_refunded", 2_500, CREDIT * 3 // 4)
    do(staff, "refund", order)
    order.refresh_from_db()
    assert (order.status, balance_of(order)) == ("refunded", 0)


def test_the_same_form_sent_twice_refunds_once(staff, shop, gateway):
    gateway.confirms = True
    order = paid_top_up(shop)
    url = action_url("refund", order)
    key = re.search(r'name="key" value="([0-9a-f-]{36})"', staff.get(url).content.decode())[1]
    for _ in range(2):
        answer = staff.post(url, {"key": key, "amount": "25", "reason": "Double click"}, follow=True)
    assert "made already" in answer.content.decode()
    assert [refund.amount_minor for refund in Refund.objects.all()] == [2_500]


@pytest.mark.parametrize(
    ("amount", "complaint"),
    [("100.01", "not so much left"), ("0", "not so much left"), ("1,5", "such as 9.90"), ("-1", "such as 9.90")],
)
def test_amounts_that_are_refused(staff, shop, gateway, amount, complaint):
    gateway.confirms = True
    order = paid_top_up(shop)
    assert complaint in do(staff, "refund", order, amount=amount).content.decode()
    assert not Refund.objects.exists()


def test_a_provider_that_gives_back_all_or_nothing_refuses_a_part(staff, shop, gateway):
    gateway.confirms, gateway.refund_support = True, RefundSupport.FULL
    order = paid_top_up(shop)
    assert "only as a whole" in do(staff, "refund", order, amount="25").content.decode()
    assert balance_of(order) == CREDIT


def test_where_the_provider_gives_nothing_back_it_is_done_by_hand(staff, shop, gateway):
    gateway.confirms, gateway.refund_support = True, RefundSupport.NONE
    order = paid_top_up(shop)
    do(staff, "refund", order)
    order.refresh_from_db()
    assert (order.status, Refund.objects.get().is_by_hand, gateway.refunds) == ("refunded", True, [])


def test_paid_back_by_hand_asks_no_gateway(staff, shop, gateway):
    gateway.confirms = True
    order = paid_top_up(shop)
    do(staff, "refund", order, by_hand="on")
    assert (Refund.objects.get().state, gateway.refunds) == ("succeeded", [])


def test_a_refund_that_the_gateway_refuses_is_undone_and_said(staff, shop, gateway):
    gateway.confirms, gateway.refund_answer = True, GatewayRefused("no funds")
    order = paid_top_up(shop)
    assert "no funds" in do(staff, "refund", order).content.decode()
    order.refresh_from_db()
    assert (order.status, balance_of(order)) == ("credited", CREDIT)


def test_a_refund_without_an_answer_stays_under_way_and_is_asked_for_by_verifying(staff, shop, gateway):
    gateway.confirms, gateway.refund_answer = True, GatewayUnreachable("away")
    order = paid_top_up(shop)
    assert "has not answered yet" in do(staff, "refund", order).content.decode()
    assert Order.objects.get(pk=order.pk).status == "refund_pending"
    assert "under way" in do(staff, "refund", order).content.decode()
    gateway.refund_answer = RefundState(RefundStatus.SUCCEEDED, "re_2")
    do(staff, "verify_now", order)
    assert Order.objects.get(pk=order.pk).status == "refunded"


def test_a_second_payment_is_given_back_and_the_order_stays(staff, shop, gateway):
    gateway.confirms = True
    order = paid_top_up(shop)
    report(shop, order.attempts.get(), txn_id="second")
    second = Payment.objects.get(txn_id="second")
    do(staff, "refund", order, query=f"?payment={second.pk}")
    order.refresh_from_db()
    assert (order.status, balance_of(order), Refund.objects.get().credit) == ("credited", CREDIT, 0)


def test_money_in_review_is_given_back_without_touching_credit(staff, shop, gateway):
    gateway.confirms = True
    order = in_review(shop)
    do(staff, "refund", order)
    order.refresh_from_db()
    assert (order.status, Refund.objects.get().credit) == ("refunded", 0)


# ── Received by hand ─────────────────────────────────────────────────────────


@pytest.fixture
def bank(shop):
    return make_account("bank", provider="manual", secret="", options={"instructions": "IBAN DE00"})


def test_money_seen_on_the_account_credits_the_order(staff, bank, carol):
    order = order_top_up()
    pay(order, "bank")
    do(staff, "receive", order, reference="Line 17", reason="Statement of today")
    order.refresh_from_db()
    payment = order.payments.get()
    assert (order.status, balance_of(order)) == ("credited", CREDIT)
    assert (payment.txn_id, payment.amount_minor, payment.account) == ("Line 17", 10_000, bank)
    event = order.events.get(what="received by hand")
    assert (event.actor, event.note) == (carol, "Line 17: Statement of today")
    assert order.events.get(what="paid").actor == carol


def test_a_buyer_who_had_not_chosen_the_bank_may_have_paid_there_all_the_same(staff, bank):
    order = order_top_up()
    do(staff, "receive", order, reference="Line 18")
    assert balance_of(order) == CREDIT


def test_another_amount_goes_to_review(staff, bank):
    order = order_top_up()
    do(staff, "receive", order, reference="Line 19", amount="99.00")
    order.refresh_from_db()
    assert (order.status, balance_of(order)) == ("review", 0)


def test_a_reference_counts_once(staff, bank):
    order, other = order_top_up(), order_top_up()
    for _ in range(2):
        do(staff, "receive", order, reference="Line 20")
    html = do(staff, "receive", other, reference="Line 20").content.decode()
    other.refresh_from_db()
    assert (balance_of(order), other.status, order.payments.count()) == (CREDIT, "pending", 1)
    assert order.number in html


# ── Mail, cancelling ─────────────────────────────────────────────────────────


def test_the_mail_goes_out_again_with_its_reason_in_the_history(staff, shop, gateway, carol):
    gateway.confirms = True
    order = order_purchase("dora@example.com")
    report(shop, pay(order))
    mail.outbox.clear()
    do(staff, "resend", order, reason="Lost in spam")
    event = order.events.get(what="mail sent again")
    assert [message.to for message in mail.outbox] == [["dora@example.com"]]
    assert (event.note, event.actor) == ("Lost in spam", carol)


def test_cancelling_ends_what_nobody_paid(staff, shop, carol):
    order = order_top_up()
    do(staff, "cancel", order, reason="Ordered twice")
    event = order.events.get(what="cancelled")
    assert (event.to_status, event.note, event.actor) == ("cancelled", "Ordered twice", carol)


def test_what_was_paid_meanwhile_is_not_cancelled(staff, shop, gateway):
    gateway.confirms = True
    order = paid_top_up(shop)
    html = staff.post(action_url("cancel", order), {"reason": "Late"}, follow=True).content.decode()
    order.refresh_from_db()
    assert order.status == "credited"
    assert "nothing changed" in html


# ── Who may ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["verify_now", "accept", "refund", "receive", "resend", "cancel"])
def test_customers_and_staff_without_the_permission_do_nothing(shop, gateway, alice, client_of, name):
    gateway.confirms = True
    order = in_review(shop) if name != "cancel" else order_top_up()
    dave = make_user("dave@example.com", is_staff=True)
    before = OrderEvent.objects.count()
    for user in (alice, dave):
        answer = client_of(user).post(action_url(name, order), {"reason": "Mine", "reference": "x", "amount": "100"})
        assert answer.status_code in (302, 403)
    assert OrderEvent.objects.count() == before
    assert not Refund.objects.exists()


def test_the_side_bar_counts_what_waits_for_a_person(staff, orders):
    html = staff.get(reverse("admin:index")).content.decode()
    badges = re.findall(r"min-w-\[18px\].*?>\s*(\d+)\s*</span>", html, re.DOTALL)
    assert badges == ["4", "1"]
