"""Proves that orders, payments, refunds, coupons and codes agree with one another and with the ledger."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from django.db.models import Count, F, Q, Sum

from billing.models import LedgerEntry, Wallet
from billing.violations import Violation
from orders.clock import database_now
from orders.codes import credit_of
from orders.models import (
    Coupon,
    CouponUse,
    Delivery,
    Order,
    OrderEvent,
    Payment,
    RedemptionCode,
    Refund,
    WebhookEvent,
)
from orders.states import GRANTED, HONOURED, may_move

STALE = timedelta(days=4)  # a gateway's report should have found its end by then
_S = Order.Status
_CODE_ENTRY = ("idempotency_key", "wallet__user_id", "amount")


def check_orders() -> list[Violation]:
    """Every violation; none when the books agree."""
    return [violation for check in CHECKS for violation in check()]


def credits() -> Iterator[Violation]:
    """An order that was paid was credited exactly its terms, and no other order was credited anything."""
    posted: Counter[str] = Counter()
    entries = LedgerEntry.objects.filter(idempotency_key__startswith="order:").order_by()
    for key, amount in entries.values_list("idempotency_key", "amount").iterator():
        posted[key.rsplit(":", 1)[0]] += amount
    paid = set(Payment.objects.filter(state=Payment.State.ACCEPTED).values_list("order_id", flat=True))
    for pk, number, base, bonus in Order.objects.values_list("pk", "number", "base_credit", "bonus_credit").iterator():
        expected = base + bonus if pk in paid else 0
        if posted[f"order:{pk}"] != expected:
            yield Violation("credit", f"order {number}", expected, posted[f"order:{pk}"])


def payments() -> Iterator[Violation]:
    """A paid order has one accepted payment, and an accepted payment belongs to a paid order."""
    counted = Order.objects.annotate(accepted=Count("payments", filter=Q(payments__state=Payment.State.ACCEPTED)))
    for number, status, accepted in counted.values_list("number", "status", "accepted").iterator():
        if status in GRANTED and accepted != 1 and status != _S.REFUND_PENDING:
            yield _count("payments", f"order {number}", 1, accepted)
        if status in (_S.PENDING, _S.CANCELLED, _S.EXPIRED, _S.REVIEW) and accepted:
            yield _count("payments", f"order {number}", 0, accepted)


def refunds() -> Iterator[Violation]:
    """What a payment says was given back is the sum of its refunds that succeeded."""
    succeeded = Sum("refunds__amount_minor", filter=Q(refunds__state=Refund.State.SUCCEEDED), default=0)
    for payment in Payment.objects.annotate(given=succeeded).exclude(given=F("refunded_minor")).iterator():
        yield _count("refunded", f"payment {payment.txn_id}", payment.given, payment.refunded_minor)


def refunded_orders() -> Iterator[Violation]:
    """How much of an order's payment was given back is what its status says."""
    accepted = Payment.objects.filter(state=Payment.State.ACCEPTED).exclude(order__status=_S.REFUND_PENDING)
    for payment in accepted.select_related("order").iterator():
        expected = HONOURED
        if payment.refunded_minor:
            whole = payment.refunded_minor == payment.amount_minor
            expected = frozenset({_S.REFUNDED if whole else _S.PARTIALLY_REFUNDED})
        if payment.order.status not in expected:
            yield _count(f"status {payment.order.status}", f"order {payment.order.number}, by its refunds", 0, 1)


def debts() -> Iterator[Violation]:
    """What a wallet owes is what refunds took back of it less what was there."""
    standing = Refund.objects.exclude(state=Refund.State.FAILED).filter(credit__gt=0)
    due: Counter[int] = Counter(dict(standing.values_list("order__user_id").annotate(Sum("credit")).order_by()))
    keys = Q(idempotency_key__startswith="refund:") | Q(idempotency_key__startswith="debt:")
    taken = LedgerEntry.objects.filter(keys, kind=LedgerEntry.Kind.REFUND).order_by()
    for user_id, amount in taken.values_list("wallet__user_id").annotate(Sum("amount")):
        due[user_id] += amount
    for user_id, debt in Wallet.objects.filter(Q(debt__gt=0) | Q(user_id__in=list(due))).values_list("user_id", "debt"):
        if debt != due[user_id]:
            yield Violation("debt", f"wallet of user {user_id}", due[user_id], debt)


def coupons() -> Iterator[Violation]:
    """A coupon's uses are those reserved and used; an order that ended unpaid has given its use back."""
    counted = CouponUse.objects.exclude(state=CouponUse.State.RELEASED).order_by().values_list("coupon_id")
    uses = Counter(dict(counted.annotate(Count("pk"))))
    for pk, code, found in Coupon.objects.values_list("pk", "code", "uses"):
        if found != uses[pk]:
            yield _count("uses", f"coupon {code}", uses[pk], found)
    kept = CouponUse.objects.filter(state=CouponUse.State.RESERVED, order__status__in=[_S.CANCELLED, _S.EXPIRED])
    for number in kept.values_list("order__number", flat=True):
        yield _count("reserved coupon", f"order {number}", 0, 1)


def codes() -> Iterator[Violation]:
    """Who redeemed a code was credited its worth by one entry, and nobody was credited a code that was not redeemed."""
    entries = LedgerEntry.objects.filter(idempotency_key__startswith="code:").order_by()
    posted = {key: (user_id, amount) for key, user_id, amount in entries.values_list(*_CODE_ENTRY).iterator()}
    for code in RedemptionCode.objects.exclude(redeemed_by=None).select_related("batch").iterator():
        user_id, amount = posted.pop(f"code:{code.pk}", (None, 0))
        expected = credit_of(code.batch)
        if (user_id, amount) != (code.redeemed_by_id, expected):
            yield Violation("credit", f"redemption code {code.pk} of user {code.redeemed_by_id}", expected, amount)
    for key, (user_id, amount) in posted.items():
        yield Violation("credit", f"{key} of user {user_id}, not redeemed", 0, amount)


def deliveries() -> Iterator[Violation]:
    """A paid order has one delivery, with one key when it was a first purchase."""
    paid = Order.objects.filter(payments__state=Payment.State.ACCEPTED)
    for number in paid.filter(delivery=None).values_list("number", flat=True):
        yield _count("deliveries", f"order {number}", 1, 0)
    keyless = Delivery.objects.filter(token=None, order__kind=Order.Kind.PURCHASE)
    for number in keyless.values_list("order__number", flat=True):
        yield _count("keys", f"order {number}", 1, 0)


def histories() -> Iterator[Violation]:
    """The history of an order leads, along allowed moves alone, to its status."""
    current: dict[int, str] = {}
    moves = OrderEvent.objects.exclude(to_status="").order_by("pk")
    for order_id, start, end in moves.values_list("order_id", "from_status", "to_status").iterator():
        if current.get(order_id, "") != start or (start and not may_move(start, end)):
            yield _count(f"move from {start} to {end}", f"order with id {order_id}", 0, 1)
        current[order_id] = end
    for pk, number, status in Order.objects.values_list("pk", "number", "status").iterator():
        if current.get(pk) != status:
            yield _count(f"status {status}", f"order {number}, by its history {current.get(pk)}", 1, 0)


def reports() -> Iterator[Violation]:
    """No report of a gateway waits for ever."""
    old = WebhookEvent.objects.filter(state=WebhookEvent.State.NEW, received_at__lt=database_now() - STALE)
    for pk in old.values_list("pk", flat=True):
        yield _count("unfinished", f"gateway message {pk}", 0, 1)


CHECKS: tuple[Callable[[], Iterable[Violation]], ...] = (
    credits,
    payments,
    refunds,
    refunded_orders,
    debts,
    coupons,
    codes,
    deliveries,
    histories,
    reports,
)


def _count(invariant: str, row: str, expected: int, found: int) -> Violation:
    return Violation(invariant, row, expected, found, is_money=False)
