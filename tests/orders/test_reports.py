"""What gateways report: stored once, answered, believed only as far as it can be checked."""

import json
from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from billing.proof import check_books
from orders import tasks
from orders.models import Order, Payment, PaymentAttempt, WebhookEvent
from orders.payments import inbox, processing
from orders.providers import registry
from orders.providers.base import GatewayUnreachable, PaymentState, PaymentStatus
from tests.orders.scripted import SIGNATURE, Scripted
from tests.orders.shop import CREDIT, balance_of, make_account, notify, order_top_up, pay, report

pytestmark = pytest.mark.django_db
State = WebhookEvent.State
URL = "/api/payments/scripted/notify"


@pytest.fixture(autouse=True)
def _books_agree(shop):
    yield
    assert check_books() == []


@pytest.fixture
def attempt(shop):
    return pay(order_top_up())


def send(client, *, url=URL, signature=SIGNATURE, **told):
    return client.post(url, json.dumps(told), content_type="application/json", headers={"signature": signature})


def work_off():
    """What the sweep does, as if every pause were over."""
    WebhookEvent.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))
    for event_id in processing.due_events():
        processing.process_event(event_id)


def told(attempt, **more):
    return {"reference": attempt.number, "minor": attempt.amount_minor, "txn_id": "t1"} | more


def test_a_report_over_http_is_stored_answered_and_worked_on(
    client, gateway, attempt, django_capture_on_commit_callbacks
):
    gateway.pays(attempt, txn_id="t1")
    with django_capture_on_commit_callbacks() as callbacks:
        answer = send(client, **told(attempt))
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (
        200,
        b"success",
        "text/plain; charset=utf-8",
    )
    assert len(callbacks) == 1  # the task is sent once the row is committed
    work_off()
    assert balance_of(attempt.order) == CREDIT


def test_with_and_without_the_last_slash(client, attempt):
    assert send(client, url=URL + "/", **told(attempt)).status_code == 200


@pytest.mark.parametrize("signature", ["", "wrong", SIGNATURE.upper(), f" {SIGNATURE} x"])
def test_a_bad_signature_stores_nothing(client, attempt, signature):
    answer = send(client, signature=signature, **told(attempt))
    assert (answer.status_code, answer.content) == (400, b"fail")
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize("body", [b"", b"[", b"\xff\xfe", b"{" * 10_000])
def test_an_unreadable_body_stores_nothing(client, attempt, body):
    answer = client.post(URL, body, content_type="application/json", headers={"signature": SIGNATURE})
    assert answer.status_code == 400
    assert not WebhookEvent.objects.exists()


def test_ten_megabytes_are_refused_unread(client, attempt, caplog):
    answer = client.post(URL, b"x" * 10_000_000, content_type="application/json")
    assert answer.status_code == 413
    assert not WebhookEvent.objects.exists()
    assert not any("xxxx" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("secret", ["", None])
def test_an_account_without_a_secret_has_no_address(client, shop, secret):
    make_account("other", secret=secret)
    assert send(client, url="/api/payments/other/notify").status_code == 404
    assert send(client, url="/api/payments/nobody/notify").status_code == 404


def test_a_disabled_account_still_hears_of_what_was_paid(client, shop, gateway, attempt):
    shop.is_enabled = False
    shop.save()
    assert send(client, **told(attempt)).status_code == 200


def test_a_database_that_is_away_asks_for_a_repetition(client, gateway, attempt, monkeypatch):
    gateway.pays(attempt, txn_id="t1")

    def away(*_args):
        raise DatabaseError("away")

    with monkeypatch.context() as patch:
        patch.setattr(inbox, "store", away)
        answer = send(client, **told(attempt))
    assert (answer.status_code, answer.content) == (500, b"fail")
    assert not WebhookEvent.objects.exists()
    assert send(client, **told(attempt)).status_code == 200
    work_off()
    assert balance_of(attempt.order) == CREDIT


@pytest.mark.django_db(transaction=True)  # else nothing is committed, and nothing published
def test_a_broker_that_is_away_delays_and_loses_nothing(client, gateway, attempt, monkeypatch):
    published = []

    def away(*args, **_kwargs):
        published.append(args)
        raise OSError("no broker")

    monkeypatch.setattr(tasks.process_event, "delay", away)
    gateway.pays(attempt, txn_id="t1")
    assert send(client, **told(attempt)).status_code == 200
    assert published == [(WebhookEvent.objects.get().pk,)]
    assert balance_of(attempt.order) == 0
    tasks.sweep_events()
    assert balance_of(attempt.order) == CREDIT


def test_two_reports_of_one_payment(shop, gateway, attempt):
    gateway.pays(attempt, txn_id="t1")
    report(shop, attempt, txn_id="t1", dedupe="completed")
    report(shop, attempt, txn_id="t1", dedupe="succeeded later")
    assert balance_of(attempt.order) == CREDIT
    assert list(WebhookEvent.objects.values_list("state", flat=True)) == [State.DONE, State.DONE]


def test_waiting_first_does_not_block_paid_later(shop, gateway, attempt):
    report(shop, attempt, kind="waiting")
    gateway.pays(attempt)
    report(shop, attempt, kind="paid")
    assert balance_of(attempt.order) == CREDIT


def test_paid_here_but_not_at_the_gateway_goes_to_a_person(shop, gateway, attempt):
    report(shop, attempt)
    for _ in range(processing.DISBELIEVED_TRIES):
        work_off()
    event = WebhookEvent.objects.get()
    assert (event.state, event.tries) == (State.REVIEW, processing.DISBELIEVED_TRIES)
    assert balance_of(attempt.order) == 0


def test_another_amount_at_the_gateway_than_reported_is_not_believed(shop, gateway, attempt):
    gateway.pays(attempt, minor=1, txn_id="t1")
    report(shop, attempt, txn_id="t1")
    assert WebhookEvent.objects.get().state == State.NEW
    assert not Payment.objects.exists()


def test_a_gateway_that_cannot_be_asked_delays_for_as_long_as_it_takes(shop, gateway, attempt):
    gateway.is_away(attempt)
    report(shop, attempt)
    for _ in range(3 * processing.DISBELIEVED_TRIES):
        work_off()
    assert WebhookEvent.objects.get().state == State.NEW
    gateway.pays(attempt, txn_id=f"t-{attempt.number}")
    work_off()
    assert balance_of(attempt.order) == CREDIT


def test_a_strong_signature_needs_no_query(shop, gateway, attempt):
    gateway.confirms = True
    gateway.states[attempt.number] = GatewayUnreachable("must not be asked")
    report(shop, attempt)
    assert balance_of(attempt.order) == CREDIT


def test_an_unknown_order_waits_for_a_day_in_case_it_appears(shop, gateway):
    order = order_top_up()
    reply, ids = notify(shop, reference=order.number, minor=10_000, txn_id="t1")
    assert reply.body == "success"
    processing.process_event(ids[0])
    assert WebhookEvent.objects.get().state == State.ORPHAN
    gateway.pays(pay(order), txn_id="t1")
    work_off()
    assert balance_of(order) == CREDIT


@pytest.mark.parametrize("of_other_protocol", [False, True])
def test_an_order_of_another_account_is_not_touched(shop, gateway, attempt, of_other_protocol, monkeypatch, caplog):
    monkeypatch.setitem(registry.PROVIDERS, "elsewhere", Scripted(name="elsewhere", confirms=True))
    other = make_account("other", provider="elsewhere" if of_other_protocol else "scripted")
    gateway.pays(attempt)
    assert report(other, attempt).body == "success"
    assert f"other reported on an order of another account: {attempt.number}" in caplog.text
    event = WebhookEvent.objects.get()
    assert (event.state, event.note) == (State.REVIEW, "the order belongs to another account")
    assert balance_of(attempt.order) == 0


def test_the_other_mode_is_ignored(shop, gateway, attempt):
    gateway.pays(attempt)
    report(shop, attempt, live=False)
    assert WebhookEvent.objects.get().state == State.IGNORED
    assert balance_of(attempt.order) == 0


def test_complete_but_unpaid_and_failed_later_gives_nothing(shop, gateway, attempt):
    report(shop, attempt, kind="waiting", minor=None)
    report(shop, attempt, kind="failed", minor=None)
    attempt.refresh_from_db()
    assert (attempt.state, balance_of(attempt.order)) == (PaymentAttempt.State.FAILED, 0)


def test_failed_ends_the_attempt_and_not_the_order(shop, gateway, attempt):
    report(shop, attempt, kind="failed", minor=None)
    attempt.refresh_from_db()
    assert attempt.state == PaymentAttempt.State.FAILED
    attempt.order.refresh_from_db()
    assert attempt.order.status == Order.Status.PENDING


def test_expired_after_paid_is_of_no_consequence(shop, gateway, attempt):
    gateway.pays(attempt)
    report(shop, attempt)
    report(shop, attempt, kind="expired", minor=None)
    attempt.refresh_from_db()
    assert attempt.state == PaymentAttempt.State.SUCCEEDED
    assert balance_of(attempt.order) == CREDIT


def test_refunded_before_paid_is_applied_after_it(shop, gateway, attempt):
    gateway.states[attempt.number] = PaymentState(PaymentStatus.REFUNDED, refunded_minor=10_000)
    report(shop, attempt, kind="refunded", minor=10_000)
    assert WebhookEvent.objects.get().state == State.NEW
    gateway.confirms = True
    report(shop, attempt)
    assert balance_of(attempt.order) == CREDIT
    work_off()
    attempt.order.refresh_from_db()
    assert (attempt.order.status, balance_of(attempt.order)) == (Order.Status.REFUNDED, 0)


def test_cancelled_at_the_gateway_closes_the_attempt(shop, gateway, attempt):
    gateway.states[attempt.number] = PaymentState(PaymentStatus.CLOSED)
    report(shop, attempt, kind="refunded", minor=None)
    attempt.refresh_from_db()
    assert attempt.state == PaymentAttempt.State.CLOSED


@pytest.mark.parametrize("missing", ["minor", "txn_id"])
def test_paid_without_amount_or_transaction_goes_to_a_person(shop, gateway, attempt, missing):
    gateway.pays(attempt)
    report(shop, attempt, **{missing: None if missing == "minor" else ""})
    assert WebhookEvent.objects.get().state == State.REVIEW
    assert balance_of(attempt.order) == 0


def test_an_event_that_breaks_something_does_not_stop_the_next(shop, gateway, attempt, monkeypatch):
    other = pay(order_top_up())
    for each in (attempt, other):
        gateway.pays(each)
        notify(shop, **told(each, txn_id=f"t-{each.number}"))
    real = processing.settle

    def broken(which, *args):
        if which.pk == attempt.pk:
            raise RuntimeError("a bug")
        return real(which, *args)

    with monkeypatch.context() as patch:
        patch.setattr(processing, "settle", broken)
        tasks.sweep_events()
    assert [balance_of(each.order) for each in (attempt, other)] == [0, CREDIT]
    work_off()
    assert balance_of(attempt.order) == CREDIT
