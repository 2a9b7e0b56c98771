"""Every protocol from the order to the refund, through the local gateway, with its reports and without."""

from itertools import permutations

import pytest

from orders.models import Order, Payment, PaymentAttempt, Refund, WebhookEvent
from orders.payments import polling, statements
from orders.payments.paying import PayFailed
from orders.payments.refunding import request_refund, submit, submit_due
from tests.factories import make_user
from tests.orders.journeys.conftest import SLUGS
from tests.orders.shop import CREDIT, balance_of, order_purchase, order_top_up, pay

pytestmark = pytest.mark.live
every_protocol = pytest.mark.parametrize("slug", SLUGS)
both_kinds = pytest.mark.parametrize(  # asked before credit is given, and believed by its signature
    "slug", ["xunhupay", "stripe", *(pytest.param(slug, marks=pytest.mark.soak) for slug in ("epay", "epay2"))]
)


def status_of(order):
    return Order.objects.get(pk=order.pk).status


def refund(order, minor):
    carol = make_user("carol@example.com", is_staff=True)
    payment = order.payments.get(state="accepted")
    return request_refund(payment=payment, amount_minor=minor, reason="asked", actor_id=carol.pk, key="form")


@every_protocol
def test_paid_reported_credited_refunded(till, slug):
    order = order_top_up()
    attempt = pay(order, slug)
    assert attempt.state == PaymentAttempt.State.OPEN
    assert attempt.checkout_url or attempt.qrcode
    till.control(attempt, "pay")
    till.wait_for_reports(1)
    assert (status_of(order), balance_of(order)) == (Order.Status.CREDITED, CREDIT)
    submit(refund(order, 10_000))
    submit_due()
    till.work_off()
    assert (status_of(order), balance_of(order)) == (Order.Status.REFUNDED, 0)
    assert Refund.objects.count() == 1


@every_protocol
def test_without_any_report_the_poll_finds_it(till, slug):
    till.faulty(on="notify", kind="drop", times=None)
    order = order_top_up()
    attempt = pay(order, slug)
    till.control(attempt, "pay")
    till.make_due()
    polling.poll_due()
    assert (status_of(order), balance_of(order)) == (Order.Status.CREDITED, CREDIT)
    assert not WebhookEvent.objects.exists()


@both_kinds
def test_reported_many_times_at_once(till, slug):
    order = order_purchase()
    attempt = pay(order, slug)
    till.control(attempt, "pay")
    till.wait_for_reports(1)
    answers = till.control(attempt, "notify", times=20, concurrent=True)["answers"]
    assert all(answer["acknowledged"] for answer in answers)
    till.work_off()
    assert balance_of(order) == CREDIT
    assert (WebhookEvent.objects.count(), Payment.objects.count()) == (1, 1)


@both_kinds
@pytest.mark.parametrize("signature", ["wrong", "none", "upper"])
def test_a_bad_signature_is_refused(till, slug, signature):
    till.faulty(on="notify", kind="drop", times=None)
    order = order_top_up()
    attempt = pay(order, slug)
    till.control(attempt, "pay")
    till.gateway.request("DELETE", "/control/faults")
    (answer,) = till.control(attempt, "notify", signature=signature)["answers"]
    assert (answer["status"], answer["acknowledged"]) == (400, False)
    assert not WebhookEvent.objects.exists()


@every_protocol
def test_said_to_be_paid_what_was_not(till, slug):
    """Truly signed, as by a gateway's bug or a leaked secret: the MD5 and RSA gateways are asked, Stripe is not."""
    order = order_top_up()
    attempt = pay(order, slug)
    till.control(attempt, "tell", event="paid")
    till.wait_for_reports(1)
    believed = slug == "stripe"
    assert balance_of(order) == (CREDIT if believed else 0)


@both_kinds
def test_a_wrong_amount_goes_to_a_person(till, slug):
    order = order_top_up()
    attempt = pay(order, slug)
    till.control(attempt, "pay", amount=9_999)
    till.wait_for_reports(1)
    assert (status_of(order), balance_of(order)) == (Order.Status.REVIEW, 0)
    assert Payment.objects.get().state == Payment.State.MISMATCH


@both_kinds
@pytest.mark.parametrize("kind", ["refuse", "error", "down", "html", "redirect"])
def test_a_gateway_that_fails_tells_the_buyer_nothing_of_itself(till, slug, kind):
    till.faulty(on="create", kind=kind, times=None)
    order = order_top_up()
    with pytest.raises(PayFailed) as refused:
        pay(order, slug)
    assert "127.0.0.1" not in refused.value.message
    assert status_of(order) == Order.Status.PENDING
    till.gateway.request("DELETE", "/control/faults")
    till.control(pay(order, slug), "pay")
    till.wait_for_reports(1)
    assert balance_of(order) == CREDIT


@pytest.mark.parametrize("kind", ["wrong-hash", "foreign-host"])
def test_an_answer_that_cannot_be_trusted_leads_nowhere(till, kind):
    till.faulty(on="create", kind=kind, times=None)
    order = order_top_up()
    with pytest.raises(PayFailed):
        pay(order, "xunhupay")
    assert not order.attempts.exclude(checkout_url="").exists()


@both_kinds
def test_paid_before_the_create_call_returned(till, slug):
    till.faulty(on="create", kind="pay-first")
    order = order_top_up()
    pay(order, slug)
    till.wait_for_reports(1)
    assert order.attempts.get().state == PaymentAttempt.State.SUCCEEDED
    assert balance_of(order) == CREDIT


@pytest.mark.parametrize(("slug", "other"), list(permutations(SLUGS, 2)))
def test_nobody_reports_on_the_orders_of_another(till, slug, other):
    """A truly signed report of one account that names another account's order changes nothing."""
    till.faulty(on="notify", kind="drop", times=None)
    mine, theirs = order_top_up(), order_top_up()
    attempt, target = pay(mine, slug), pay(theirs, other)
    till.control(attempt, "pay")
    till.gateway.request("DELETE", "/control/faults")
    name = {"xunhupay": "trade_order_id", "stripe": "data.object.metadata.reference"}.get(slug, "out_trade_no")
    more = {"data.object.client_reference_id": target.number} if slug == "stripe" else {}
    till.control(attempt, "notify", set={name: target.number} | more)
    till.work_off()
    event = WebhookEvent.objects.get()
    assert (event.state, event.note) == (WebhookEvent.State.REVIEW, "the order belongs to another account")
    assert (status_of(theirs), balance_of(theirs)) == (Order.Status.PENDING, 0)


@both_kinds
def test_the_day_is_compared_with_the_gateway(till, slug):
    till.faulty(on="notify", kind="drop", times=None)
    order = order_top_up()
    attempt = pay(order, slug)
    till.control(attempt, "pay")
    found = statements.reconcile(till.account(slug), attempt.created_at.date())
    assert [line["what"] for line in found.differences] == ["paid at the gateway, unknown here until now"]
    assert balance_of(order) == CREDIT
    assert statements.reconcile(till.account(slug), attempt.created_at.date()).differences == []


def test_a_dispute_from_the_bank(till):
    order = order_top_up()
    attempt = pay(order, "stripe")
    till.control(attempt, "pay")
    till.wait_for_reports(1)
    till.control(attempt, "dispute")
    till.wait_for_reports(2)
    assert (status_of(order), balance_of(order)) == (Order.Status.REFUND_PENDING, 0)
    till.control(attempt, "dispute/close", won=True)
    till.wait_for_reports(3)
    assert (status_of(order), balance_of(order)) == (Order.Status.CREDITED, CREDIT)


@pytest.mark.parametrize("slug", ["xunhupay", "stripe"])
def test_a_refund_in_the_gateways_own_pages(till, slug):
    order = order_top_up()
    attempt = pay(order, slug)
    till.control(attempt, "pay")
    till.wait_for_reports(1)
    till.control(attempt, "refund")
    till.wait_for_reports(2)
    assert (status_of(order), balance_of(order)) == (Order.Status.REFUNDED, 0)


def test_a_part_refunded_by_stripe(till):
    order = order_top_up()
    attempt = pay(order, "stripe")
    till.control(attempt, "pay")
    till.wait_for_reports(1)
    submit(refund(order, 2_500))
    till.work_off()
    assert (status_of(order), balance_of(order)) == (Order.Status.PARTIALLY_REFUNDED, CREDIT * 3 // 4)
