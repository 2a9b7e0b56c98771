"""Money given back takes its credit with it: once, exactly, and never below nothing."""

import pytest
from django.utils import translation

from billing.debts import collect_debts
from billing.models import LedgerEntry, Wallet
from billing.proof import check_books
from orders.models import Order, Payment, Refund, WebhookEvent
from orders.payments import processing, refunding
from orders.payments.refunding import RefundRefused, request_refund, submit
from orders.payments.settling import accept
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
from tests.factories import give, make_token, make_user
from tests.orders.shop import CREDIT, balance_of, order_purchase, order_top_up, pay, report

pytestmark = [pytest.mark.money, pytest.mark.django_db]
_S = Order.Status


@pytest.fixture(autouse=True)
def _books_agree(shop):
    yield
    assert check_books() == []


@pytest.fixture
def carol(db):
    return make_user("carol@example.com", is_staff=True)


@pytest.fixture
def order(shop, gateway):
    gateway.confirms = True
    order = order_top_up()
    report(shop, pay(order), txn_id="t1")
    order.refresh_from_db()
    return order


@pytest.fixture
def refund(order, carol):
    """Ask for so much of the order's payment to be given back."""

    def ask(minor=10_000, key="form 1", **fields):
        payment = order.payments.get()
        return request_refund(payment=payment, amount_minor=minor, reason="asked", actor_id=carol.pk, key=key, **fields)

    return ask


def spend(order, nano):
    """As if calls had cost that much; booked as an adjustment, so that the books stay true."""
    from billing.ledger import post_entry

    key = f"spent:{order.pk}:{nano}"
    post_entry(user_id=order.user_id, amount=-nano, kind=LedgerEntry.Kind.ADJUSTMENT, idempotency_key=key)


def now(row):
    return type(row).objects.get(pk=row.pk)


def wallet_of(order):
    return Wallet.objects.get(user=order.user_id)


def test_a_full_refund_takes_all_that_was_granted(order, refund):
    asked = refund()
    assert (now(order).status, balance_of(order)) == (_S.REFUND_PENDING, 0)
    submit(asked)
    assert (now(order).status, now(asked).state, now(asked).refund_ref) == (_S.REFUNDED, "succeeded", "re_1")


def test_parts_add_up_to_the_whole(order, refund):
    for number, minor in enumerate((3_333, 3_333, 3_334)):
        asked = refund(minor, key=f"part {number}")
        submit(asked)
        assert now(order).status == (_S.PARTIALLY_REFUNDED if number < 2 else _S.REFUNDED)
    assert balance_of(order) == 0
    assert now(order).refunded_minor == 10_000


def test_what_was_spent_becomes_debt_and_the_key_stops(order, refund):
    spend(order, CREDIT - 5)
    submit(refund())
    wallet = wallet_of(order)
    assert (wallet.balance, wallet.debt) == (0, CREDIT - 5)
    assert not now(order.token).is_enabled


def test_debt_is_collected_from_what_comes_later(order, refund):
    spend(order, CREDIT - 5)
    submit(refund())
    give(order.user, "100")
    collect_debts()
    wallet = wallet_of(order)
    assert (wallet.balance, wallet.debt) == (0, CREDIT - 5 - 100 * 10**9)


def test_a_double_click_refunds_once(gateway, order, refund):
    first, second = refund(), refund()
    assert first.pk == second.pk
    submit(first)
    submit(now(second))
    assert len(gateway.refunds) == 1


def test_two_forms_refund_once(gateway, order, refund):
    refund(6_000)
    with pytest.raises(RefundRefused):
        refund(6_000, key="form 2")


def test_no_answer_is_asked_again_under_the_same_key(gateway, order, refund):
    asked = refund()
    gateway.refund_answer = GatewayUnreachable("timed out after it was done")
    submit(asked)
    assert now(asked).state == "requested"
    gateway.refund_answer = None
    submit(now(asked))
    assert {call.idempotency_key for call in gateway.refunds} == {f"refund:{asked.pk}"}
    assert now(order).status == _S.REFUNDED


def test_a_refusal_gives_the_credit_back(gateway, order, refund):
    asked = refund()
    gateway.refund_answer = GatewayRefused("no money on the account")
    submit(asked)
    assert (now(asked).state, now(order).status, balance_of(order)) == ("failed", _S.CREDITED, CREDIT)
    submit(refund(key="form 2"))
    assert now(asked).state == "failed"


def test_a_refund_that_fails_days_later_is_undone(shop, gateway, order, refund):
    submit(refund())
    attempt = order.attempts.get()
    report(shop, attempt, kind="refund_failed", minor=10_000, refund_ref="re_1")
    assert (now(order).status, balance_of(order), now(order).refunded_minor) == (_S.CREDITED, CREDIT, 0)
    report(shop, attempt, kind="refund_failed", minor=10_000, refund_ref="re_1", dedupe="again")
    assert balance_of(order) == CREDIT


def test_an_undone_refund_forgives_the_debt_first(shop, gateway, order, refund):
    spend(order, CREDIT - 5)
    submit(refund())
    report(shop, order.attempts.get(), kind="refund_failed", minor=10_000, refund_ref="re_1")
    wallet = wallet_of(order)
    assert (wallet.balance, wallet.debt) == (5, 0)


def test_a_pending_refund_is_asked_for_until_it_is_done(gateway, order, refund):
    gateway.refund_answer = RefundState(RefundStatus.PENDING, "re_2")
    asked = refund()
    submit(asked)
    assert now(asked).state == "pending"
    attempt = order.attempts.get()
    gateway.states[attempt.number] = PaymentState(PaymentStatus.PAID, refunded_minor=0)
    submit(now(asked))
    gateway.states[attempt.number] = PaymentState(PaymentStatus.REFUNDED)
    submit(now(asked))
    assert now(order).status == _S.REFUNDED
    assert len(gateway.refunds) == 1


def test_a_part_at_a_provider_that_only_knows_the_whole(gateway, order, refund):
    gateway.refund_support = RefundSupport.FULL
    with pytest.raises(RefundRefused):
        refund(1)
    assert (now(order).status, balance_of(order), Refund.objects.count()) == (_S.CREDITED, CREDIT, 0)


def test_paid_back_by_hand_where_the_provider_cannot(gateway, order, refund):
    gateway.refund_support = RefundSupport.NONE
    with pytest.raises(RefundRefused):
        refund()
    refund(by_hand=True)
    assert (now(order).status, balance_of(order), gateway.refunds) == (_S.REFUNDED, 0, [])


@pytest.mark.parametrize("minor", [0, -1, 10_001])
def test_never_more_than_was_paid(order, refund, minor):
    with pytest.raises(RefundRefused):
        refund(minor)


def test_a_refund_made_in_the_gateways_pages_is_booked_once(shop, gateway, order):
    attempt = order.attempts.get()
    gateway.states[attempt.number] = PaymentState(PaymentStatus.PAID, refunded_minor=4_000)
    for repetition in ("one", "two"):
        report(shop, attempt, kind="refunded", minor=4_000, refund_ref="re_9", dedupe=repetition)
    assert (now(order).status, now(order).refunded_minor) == (_S.PARTIALLY_REFUNDED, 4_000)
    assert balance_of(order) == CREDIT * 6 // 10


def test_our_own_refund_is_not_booked_again_when_reported(shop, gateway, order, refund):
    asked = refund(4_000)
    attempt = order.attempts.get()
    gateway.states[attempt.number] = PaymentState(PaymentStatus.PAID, refunded_minor=4_000)
    report(shop, attempt, kind="refunded", minor=4_000, refund_ref="re_1")  # before our call has its answer
    submit(now(asked))
    assert (Refund.objects.count(), now(order).refunded_minor) == (1, 4_000)


def test_the_second_payment_of_an_order_is_given_back_without_touching_it(shop, gateway, order, carol):
    report(shop, order.attempts.get(), txn_id="t2")
    again = Payment.objects.get(state="overpaid")
    asked = request_refund(payment=again, amount_minor=10_000, reason="twice", actor_id=carol.pk, key="k")
    submit(asked)
    assert (now(order).status, balance_of(order), now(again).refunded_minor) == (_S.CREDITED, CREDIT, 10_000)


def test_from_review_the_money_goes_back_and_nothing_was_credited(shop, gateway, carol):
    gateway.confirms = True
    order = order_top_up()
    report(shop, pay(order), minor=9_999)
    payment = Payment.objects.get()
    submit(request_refund(payment=payment, amount_minor=9_999, reason="wrong", actor_id=carol.pk, key="k"))
    assert (now(order).status, balance_of(order)) == (_S.REFUNDED, 0)


def test_what_was_partly_given_back_from_review_is_not_accepted_any_more(shop, gateway, carol):
    gateway.confirms = True
    order = order_top_up()
    report(shop, pay(order), minor=9_999)
    payment = Payment.objects.get()
    submit(request_refund(payment=payment, amount_minor=1, reason="", actor_id=carol.pk, key="k"))
    assert not accept(payment, actor_id=carol.pk, reason="after all")
    assert (now(order).status, balance_of(order)) == (_S.REVIEW, 0)


def test_a_quota_of_the_keys_own_shrinks_with_the_refund(shop, gateway, carol):
    gateway.confirms = True
    alice = make_user("alice@example.com")
    token = make_token(alice, quota=1_000, used=400)
    order = order_top_up(alice, token=token)
    report(shop, pay(order))
    submit(request_refund(payment=order.payments.get(), amount_minor=10_000, reason="", actor_id=carol.pk, key="k"))
    assert now(token).quota == 1_000
    type(token).objects.update(used=0)  # the proof compares it with usage records, and there are none


def test_a_first_purchase_is_refunded_with_its_key_usable_for_the_rest(shop, gateway, carol):
    gateway.confirms = True
    order = order_purchase()
    report(shop, pay(order), txn_id="t1")
    refund = request_refund(payment=order.payments.get(), amount_minor=500, reason="", actor_id=carol.pk, key="k")
    submit(refund)
    assert now(order).status == _S.PARTIALLY_REFUNDED
    assert now(order).delivery.token.is_enabled
    assert balance_of(order) == CREDIT * 3 // 4


def test_a_refund_booked_from_a_sum_can_be_undone_by_its_number(shop, gateway, order):
    attempt = order.attempts.get()
    gateway.states[attempt.number] = PaymentState(PaymentStatus.PAID, refunded_minor=4_000)
    report(shop, attempt, kind="refunded", minor=None, dedupe="the sum")
    report(shop, attempt, kind="refunded", minor=4_000, refund_ref="re_9", dedupe="the refund")
    report(shop, attempt, kind="refund_failed", minor=4_000, refund_ref="re_9")
    assert (now(order).status, balance_of(order)) == (_S.CREDITED, CREDIT)


def test_one_fails_late_while_another_is_under_way(shop, gateway, order, refund):
    submit(refund(4_000))
    second = refund(1_000, key="form 2")
    report(shop, order.attempts.get(), kind="refund_failed", minor=4_000, refund_ref="re_1")
    assert now(order).status == _S.REFUND_PENDING
    submit(second)
    assert (now(order).status, now(order).refunded_minor) == (_S.PARTIALLY_REFUNDED, 1_000)
    assert balance_of(order) == CREDIT * 9 // 10


@pytest.fixture
def twice(shop, gateway, order, carol):
    """Ask for a part of the second payment of the order to be given back."""
    report(shop, order.attempts.get(), txn_id="t2")
    again = Payment.objects.get(state="overpaid")

    def ask(minor=1):
        return request_refund(payment=again, amount_minor=minor, reason="twice", actor_id=carol.pk, key=f"t2 {minor}")

    return ask


@pytest.mark.parametrize("minor", [1, 10_000])
def test_a_second_payment_that_goes_back_ends_no_other_refund(gateway, order, twice, minor):
    first, payment = order.payments.get(txn_id="t1"), order.payments.get(txn_id="t1")
    asked = request_refund(payment=payment, amount_minor=4_000, reason="", actor_id=None, key="k")
    submit(twice(minor))
    assert now(order).status == _S.REFUND_PENDING
    submit(now(asked))
    assert (now(order).status, now(first).refunded_minor) == (_S.PARTIALLY_REFUNDED, 4_000)


@pytest.mark.parametrize("before", [0, 4_000, 10_000])
def test_a_second_payment_that_does_not_go_back_leaves_the_order_as_it_was(gateway, order, twice, before):
    if before:
        payment = order.payments.get(txn_id="t1")
        submit(request_refund(payment=payment, amount_minor=before, reason="", actor_id=None, key="k"))
    status = now(order).status
    gateway.refund_answer = RefundState(RefundStatus.FAILED)
    asked = twice()
    submit(asked)
    assert (now(asked).state, now(order).status) == ("failed", status)


def test_an_order_does_not_wait_for_the_refund_of_its_second_payment(gateway, order, twice):
    gateway.refund_answer = RefundState(RefundStatus.PENDING, "re_2")
    submit(twice())
    gateway.refund_answer = RefundState(RefundStatus.FAILED)
    payment = order.payments.get(txn_id="t1")
    submit(request_refund(payment=payment, amount_minor=4_000, reason="", actor_id=None, key="k"))
    assert (now(order).status, balance_of(order)) == (_S.CREDITED, CREDIT)


def test_what_is_on_its_way_back_is_not_accepted_any_more(shop, gateway, carol):
    gateway.confirms = True
    order = order_top_up()
    attempt = pay(order)
    report(shop, attempt, minor=9_999)
    report(shop, attempt, txn_id="t2")
    second = Payment.objects.get(txn_id="t2")
    assert (second.state, now(order).status) == ("overpaid", _S.REVIEW)
    asked = request_refund(payment=second, amount_minor=10_000, reason="", actor_id=carol.pk, key="k")
    assert not accept(second, actor_id=carol.pk, reason="after all")
    submit(asked)
    assert (balance_of(order), now(order).status) == (0, _S.REVIEW)


def test_a_refund_that_breaks_something_does_not_stop_the_next(shop, gateway, order, refund, monkeypatch):
    other = order_top_up()
    report(shop, pay(other))
    asked = (
        refund(),
        request_refund(payment=other.payments.get(), amount_minor=10_000, reason="", actor_id=None, key="other"),
    )
    real = refunding.finish
    monkeypatch.setattr(refunding, "finish", lambda which: 1 / 0 if which.pk == asked[0].pk else real(which))
    refunding.submit_due()
    assert [now(each).state for each in asked] == ["requested", "succeeded"]


# ── Failed at a gateway that names no refund ─────────────────────────────────


@pytest.fixture
def asked_for(order, gateway):
    """Reports of this gateway are not believed without asking it."""
    gateway.confirms = False
    return gateway


@pytest.mark.parametrize("answer", [RefundStatus.PENDING, RefundStatus.SUCCEEDED])
def test_a_report_that_the_refund_failed_need_not_name_it(shop, asked_for, order, refund, answer):
    asked_for.refund_answer = RefundState(answer)
    asked = refund()
    submit(asked)
    attempt = order.attempts.get()
    asked_for.states[attempt.number] = PaymentState(PaymentStatus.PAID, Money(10_000, "CNY"), refund_failed=True)
    report(shop, attempt, kind="refund_failed", minor=None, txn_id="")
    assert (now(asked).state, now(order).status, balance_of(order)) == ("failed", _S.CREDITED, CREDIT)


def test_a_refund_is_not_taken_for_failed_while_the_gateway_says_refunded(shop, asked_for, order, refund):
    asked = refund()
    submit(asked)
    attempt = order.attempts.get()
    asked_for.states[attempt.number] = PaymentState(PaymentStatus.REFUNDED, Money(10_000, "CNY"))
    report(shop, attempt, kind="refund_failed", minor=None, txn_id="")
    assert (now(asked).state, balance_of(order)) == ("succeeded", 0)
    assert WebhookEvent.objects.get(kind="refund_failed").state == "new"


def test_of_several_refunds_none_is_undone_that_is_not_named(shop, gateway, order, refund):
    for number in range(2):
        submit(refund(1_000, key=f"part {number}"))
    report(shop, order.attempts.get(), kind="refund_failed", minor=None, txn_id="")
    assert now(order).refunded_minor == 2_000


def test_a_pending_refund_that_failed_is_found_by_asking(gateway, order, refund):
    gateway.refund_answer = RefundState(RefundStatus.PENDING)
    asked = refund()
    submit(asked)
    number = order.attempts.get().number
    gateway.states[number] = PaymentState(PaymentStatus.PAID, Money(10_000, "CNY"), refund_failed=True)
    submit(now(asked))
    assert (now(asked).state, now(order).status, balance_of(order)) == ("failed", _S.CREDITED, CREDIT)


# ── Disputes ─────────────────────────────────────────────────────────────────


def test_a_dispute_takes_the_credit_and_stops_the_key(shop, gateway, order):
    attempt = order.attempts.get()
    report(shop, attempt, kind="dispute_opened", refund_ref="dp_1")
    found = now(order)
    assert (found.is_disputed, found.status, balance_of(order)) == (True, _S.REFUND_PENDING, 0)
    assert not now(order.token).is_enabled
    refunding.submit_due()
    assert gateway.refunds == []  # the gateway has the money already


def test_a_dispute_about_what_was_given_back_goes_to_a_person(shop, gateway, order, refund):
    submit(refund())
    report(shop, order.attempts.get(), kind="dispute_opened", refund_ref="dp_1")
    event = WebhookEvent.objects.get(kind="dispute_opened")
    for _ in range(processing.DISBELIEVED_TRIES):
        processing.process_event(event.pk)
    event.refresh_from_db()
    assert event.state == "review"
    assert event.note == "nothing is left to give back, or another refund is under way"
    assert (now(order).status, balance_of(order)) == (_S.REFUNDED, 0)


def test_why_money_went_back_is_kept_in_one_language(shop, gateway, order):
    with translation.override("zh-hans"):
        report(shop, order.attempts.get(), kind="dispute_opened", refund_ref="dp_1")
        report(shop, order.attempts.get(), kind="dispute_won", refund_ref="dp_1")
    refund = Refund.objects.get()
    assert (refund.reason, refund.error) == ("Dispute", "dispute won")
    reasons = LedgerEntry.objects.filter(kind="refund").order_by("pk").values_list("reason", flat=True)
    assert list(reasons) == ["Dispute", "The refund failed"]


def test_a_dispute_won_gives_everything_back(shop, gateway, order):
    attempt = order.attempts.get()
    report(shop, attempt, kind="dispute_opened", refund_ref="dp_1")
    report(shop, attempt, kind="dispute_won", refund_ref="dp_1")
    found = now(order)
    assert (found.is_disputed, found.status, balance_of(order)) == (False, _S.CREDITED, CREDIT)
    assert now(order.token).is_enabled


@pytest.mark.parametrize("was_opened", [True, False])
def test_a_dispute_lost_is_a_refund(shop, gateway, order, was_opened):
    attempt = order.attempts.get()
    if was_opened:
        report(shop, attempt, kind="dispute_opened", refund_ref="dp_1")
    report(shop, attempt, kind="dispute_lost", refund_ref="dp_1")
    found = now(order)
    assert (found.is_disputed, found.status, balance_of(order)) == (False, _S.REFUNDED, 0)
