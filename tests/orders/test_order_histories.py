"""Random histories of selling, told to the product and to a plain model: after every step both say the same.

A failure prints the shortest history that Hypothesis finds and the seed that repeats it.
"""

from contextlib import suppress
from datetime import timedelta
from itertools import count

import pytest
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from billing.debts import collect_debts
from billing.ledger import post_entry
from billing.models import LedgerEntry, Wallet
from billing.proof import check_books
from config.kernel.errors import InsufficientCredit
from orders import delivering
from orders.coupons import CouponRefused
from orders.models import Coupon, Order, Payment, PaymentAttempt, ProviderAccount, Refund, WebhookEvent
from orders.ordering import cancel_order
from orders.payments import polling, processing
from orders.payments.paying import PayFailed
from orders.payments.refunding import RefundRefused, request_refund, submit
from orders.payments.settling import accept
from orders.providers import registry
from orders.providers.base import Money, PaymentState, PaymentStatus, RefundState, RefundStatus
from tests.factories import make_user
from tests.orders.scripted import Scripted
from tests.orders.shop import (
    make_account,
    make_coupon,
    make_package,
    notify,
    order_purchase,
    order_top_up,
    pay,
    report,
)

pytestmark = [pytest.mark.money, pytest.mark.django_db]
PICK = st.integers(0, 50)
KILLED = st.one_of(st.just(0), st.integers(1, 60))  # before this statement; 0: not at all
AMOUNTS = st.sampled_from(["right", "right", "right", "less", "more", "other currency"])
_numbers = count(1)


class Killed(BaseException):
    """Nobody handles it, so it undoes what was not committed, as the end of a process does."""


class Dying:
    """An execute wrapper that kills whoever sends its n-th statement, not counting what only marks transactions."""

    def __init__(self, statement):
        self.left = statement

    def __call__(self, execute, sql, params, many, context):
        if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            self.left -= 1
            if not self.left:
                raise Killed
        return execute(sql, params, many, context)


class Selling(RuleBasedStateMachine):
    """A shop, its customers and a gateway of many moods. Each history is undone at its end by a roll-back."""

    def __init__(self):
        super().__init__()
        self.block = transaction.atomic()
        self.block.__enter__()
        self.gateway = registry.PROVIDERS["scripted"] = Scripted(confirms=True)
        make_package("topup_100")
        make_package("starter", kind="first_purchase", price_minor=2000)
        make_coupon(max_uses=2, per_customer=None)
        self.account = make_account()
        self.users = [make_user(f"{name}@example.com") for name in ("alice", "bob")]
        self.carol = make_user("carol@example.com", is_staff=True)
        self.credited = set()  # orders that must have been credited
        self.spent = {}  # nano-dollars by user

    def teardown(self):
        transaction.set_rollback(True)
        self.block.__exit__(None, None, None)
        del registry.PROVIDERS["scripted"]
        mail.outbox.clear()

    def one_of(self, rows, pick):
        found = list(rows.order_by("pk"))
        return found[pick % len(found)] if found else None

    def do(self, deed, *, killed):
        """The deed, first by a process that dies on the way, and then again by another that lives."""
        if killed:
            with suppress(Killed), connection.execute_wrapper(Dying(killed)):
                deed()
            self.the_books_agree()
        deed()

    def sweep(self):
        """Finish all that can be finished, as if every pause were over."""
        WebhookEvent.objects.filter(state="new").update(next_try_at=timezone.now() - timedelta(seconds=1))
        for event_id in processing.due_events():
            processing.process_event(event_id)

    def is_payable(self, attempt):
        order = Order.objects.get(pk=attempt.order_id)
        return order.status in ("pending", "expired") and order.expires_at + timedelta(hours=24) > timezone.now()

    # ── Customers ────────────────────────────────────────────────────────────

    @rule(pick=PICK, coupon=st.sampled_from(["", "", "SPRING10"]))
    def order_a_top_up(self, pick, coupon):
        try:
            order_top_up(self.users[pick % 2], coupon=coupon)
        except CouponRefused:
            assert Coupon.objects.get().uses == 2

    @rule()
    def order_a_first_purchase(self):
        order_purchase("stranger@example.com")

    @precondition(lambda self: Order.objects.exists())
    @rule(pick=PICK, mood=st.sampled_from(["well", "well", "refuses", "is away"]))
    def start_to_pay(self, pick, mood):
        from orders.providers.base import GatewayRefused, GatewayUnreachable

        order = self.one_of(Order.objects, pick)
        self.gateway.checkout = {"refuses": GatewayRefused("no"), "is away": GatewayUnreachable("…")}.get(mood)
        try:
            pay(order)
        except PayFailed:
            assert mood != "well" or order.status != Order.Status.PENDING or order.expires_at <= timezone.now()
        self.gateway.checkout = None

    @precondition(lambda self: PaymentAttempt.objects.exists())
    @rule(pick=PICK, amount=AMOUNTS, again=st.booleans(), by_poll=st.booleans(), killed=KILLED)
    def pay_and_be_told(self, pick, amount, again, by_poll, killed):
        attempt = self.one_of(PaymentAttempt.objects, pick)
        minor = attempt.amount_minor + {"less": -1, "more": 1}.get(amount, 0)
        currency = "USD" if amount == "other currency" else attempt.currency
        txn_id = f"t-{attempt.number}" + (f"-{next(_numbers)}" if again else "")
        is_new = not Payment.objects.filter(txn_id=txn_id).exists()
        self.gateway.pays(attempt, minor=minor, currency=currency, txn_id=txn_id)
        payable, told = self.is_payable(attempt), not by_poll or not attempt.payments.exists()

        def deed():
            if by_poll:
                polling.take_in(PaymentAttempt.objects.get(pk=attempt.pk))
            else:
                report(self.account, attempt, minor=minor, currency=currency, txn_id=txn_id)
                self.sweep()

        self.do(deed, killed=killed)
        if is_new and told and payable and amount == "right":
            self.credited.add(attempt.order_id)

    @precondition(lambda self: PaymentAttempt.objects.filter(payments=None).exists())
    @rule(
        pick=PICK,
        kinds=st.permutations(["waiting", "paid", "paid", "refunded", "expired", "dispute_opened"]),
        refunded=st.sampled_from([0, 500, 2_000, 10_000]),
        killed=KILLED,
    )
    def be_told_in_any_order(self, pick, kinds, refunded, killed):
        """All that a gateway has to say of a payment arrives before any of it is worked on."""
        attempt = self.one_of(PaymentAttempt.objects.filter(payments=None), pick)
        payable, txn_id, amount = self.is_payable(attempt), f"t-{attempt.number}", attempt.amount_minor
        status = PaymentStatus.REFUNDED if refunded >= amount else PaymentStatus.PAID
        paid = Money(amount, attempt.currency)
        self.gateway.states[attempt.number] = PaymentState(status, paid, txn_id, refunded_minor=min(refunded, amount))
        for kind in kinds:
            told = {"minor": amount, "txn_id": txn_id} if kind == "paid" else {}
            notify(self.account, kind=kind, reference=attempt.number, dedupe=f"a{next(_numbers)}", **told)
        self.do(self.sweep, killed=killed)
        self.sweep()
        if payable:
            self.credited.add(attempt.order_id)

    @precondition(lambda self: WebhookEvent.objects.exists())
    @rule()
    def be_told_everything_again(self):
        WebhookEvent.objects.update(state="new", next_try_at=timezone.now() - timedelta(seconds=1))
        for event_id in processing.due_events():
            processing.process_event(event_id)

    @precondition(lambda self: Order.objects.exists())
    @rule(pick=PICK)
    def cancel(self, pick):
        cancel_order(self.one_of(Order.objects, pick))

    @precondition(lambda self: Order.objects.exists())
    @rule(pick=PICK, hours=st.sampled_from([0, 0, 30]), killed=KILLED)
    def time_passes(self, pick, hours, killed):
        order = self.one_of(Order.objects, pick)
        Order.objects.filter(pk=order.pk).update(expires_at=timezone.now() - timedelta(hours=hours, seconds=1))
        self.do(polling.expire_due, killed=killed)

    @rule(pick=PICK, nano=st.integers(1, 20_000 * 10**9))
    def spend(self, pick, nano):
        user = self.users[pick % 2]
        key = f"spent:{next(_numbers)}:{user.pk}"
        try:
            post_entry(user_id=user.pk, amount=-nano, kind=LedgerEntry.Kind.ADJUSTMENT, idempotency_key=key)
        except InsufficientCredit:
            return
        self.spent[user.pk] = self.spent.get(user.pk, 0) + nano

    # ── Operators and gateways ───────────────────────────────────────────────

    @precondition(lambda self: Payment.objects.exists())
    @rule(pick=PICK, part=st.integers(1, 10_000), answer=st.sampled_from(list(RefundStatus)), killed=KILLED)
    def refund(self, pick, part, answer, killed):
        payment = self.one_of(Payment.objects, pick)
        self.gateway.refund_answer = RefundState(answer, f"re_{next(_numbers)}")
        try:
            refund = request_refund(
                payment=payment, amount_minor=part, reason="", actor_id=self.carol.pk, key=f"form {next(_numbers)}"
            )
        except RefundRefused:
            return
        self.do(lambda: submit(Refund.objects.get(pk=refund.pk)), killed=killed)

    @precondition(lambda self: Refund.objects.filter(is_dispute=False).exclude(refund_ref="").exists())
    @rule(pick=PICK)
    def a_refund_fails_later(self, pick):
        refund = self.one_of(Refund.objects.filter(is_dispute=False).exclude(refund_ref=""), pick)
        attempt = refund.payment.attempt
        report(self.account, attempt, kind="refund_failed", refund_ref=refund.refund_ref, dedupe=f"f{next(_numbers)}")

    @precondition(lambda self: Payment.objects.exists())
    @rule(pick=PICK, total=st.integers(1, 12_000))
    def refunded_in_the_gateways_pages(self, pick, total):
        attempt = self.one_of(Payment.objects, pick).attempt
        self.gateway.states[attempt.number] = PaymentState(PaymentStatus.PAID, refunded_minor=total)
        report(self.account, attempt, kind="refunded", minor=total, dedupe=f"r{next(_numbers)}")

    @precondition(lambda self: Payment.objects.exists())
    @rule(pick=PICK, kind=st.sampled_from(["dispute_opened", "dispute_won", "dispute_lost"]))
    def dispute(self, pick, kind):
        payment = self.one_of(Payment.objects, pick)
        report(self.account, payment.attempt, kind=kind, refund_ref="dp", dedupe=f"{kind}{next(_numbers)}")

    @precondition(lambda self: Payment.objects.exclude(state="accepted").filter(order__status="review").exists())
    @rule(pick=PICK)
    def accept_from_review(self, pick):
        payment = self.one_of(Payment.objects.exclude(state="accepted").filter(order__status="review"), pick)
        if accept(payment, actor_id=self.carol.pk, reason="checked"):
            self.credited.add(payment.order_id)

    @rule(killed=KILLED)
    def deliver(self, killed):
        self.do(delivering.deliver_due, killed=killed)

    @rule()
    def collect(self):
        collect_debts()

    # ── What is true after every step ────────────────────────────────────────

    @invariant()
    def the_books_agree(self):
        assert check_books() == []

    @invariant()
    def credit_is_what_was_bought_less_what_went_back(self):
        for wallet in Wallet.objects.exclude(user=self.carol):
            granted = sum(order.credit for order in Order.objects.filter(pk__in=self.credited, user_id=wallet.user_id))
            standing = Refund.objects.filter(order__user_id=wallet.user_id).exclude(state="failed")
            taken = sum(standing.values_list("credit", flat=True))
            assert wallet.balance - wallet.debt == granted - taken - self.spent.get(wallet.user_id, 0)
            assert wallet.balance >= 0
            assert wallet.debt >= 0

    @invariant()
    def an_order_is_credited_once_or_never(self):
        accepted = Payment.objects.filter(state="accepted").values_list("order_id", flat=True)
        assert sorted(accepted) == sorted(self.credited)

    @invariant()
    def nobody_gets_back_more_than_they_paid(self):
        for payment in Payment.objects.all():
            assert payment.refunded_minor <= payment.amount_minor
        assert ProviderAccount.objects.count() == 1


def play(examples, steps):
    chosen = settings(max_examples=examples, stateful_step_count=steps, phases=(Phase.generate, Phase.shrink))
    run_state_machine_as_test(Selling, settings=chosen)


def test_random_histories():
    play(examples=3, steps=25)


@pytest.mark.soak
def test_many_long_random_histories():
    play(examples=400, steps=60)
