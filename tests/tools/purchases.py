"""What the showroom's customer and a stranger have bought, on the days when they would have, by our own services."""

import csv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple
from unittest.mock import patch

from django.conf import settings
from django.db.models import F, Sum
from django.utils import timezone

from accounts.models import User
from billing.models import LedgerEntry, UsageRecord, Wallet
from orders import clock, codes
from orders.models import Order, OrderEvent, Payment, PaymentAttempt
from orders.ordering import Buyer, cancel_order, place_order
from orders.payments.paying import start_payment
from orders.payments.refunding import request_refund
from orders.payments.settling import Received, settle
from orders.providers import registry
from orders.providers.base import Checkout, Money
from tests.orders.scripted import Scripted

SLUG = "xunhupay"
QR_CODE = "weixin://wxpay/bizpayurl?pr=Kq3nTz9pZ"
STRANGER = "maya@example.com"


class Bought(NamedTuple):
    """One order of each kind."""

    paid: Order
    refunded: Order
    waiting: Order
    cancelled: Order
    first: Order  # a stranger's, paid


def furnish_purchases(user: User) -> Bought:
    """Orders, a redeemed code and a refund; between them the wallet pays what the usage records say."""
    with scripted_gateway(), days_ago(60):
        _pay(_order(user))
    with scripted_gateway(), spending(user, since=70, until=33):
        refunded = _refund(_pay(_order(user)))
    with spending(user, since=33, until=32):
        _redeem(user)
    with scripted_gateway(), spending(user, since=32, until=18):
        paid = _pay(_order(user))
        first = _pay(_first_purchase())
    with days_ago(6):
        cancelled = _order(user, package="topup_200")
        cancel_order(cancelled, actor_id=user.pk)
    with spending(user, since=18, until=0), scripted_gateway():
        waiting = _order(user, package="topup_60", coupon="SPRING10")
        start_payment(waiting, slug=SLUG)
    return Bought(*(Order.objects.get(pk=each.pk) for each in (paid, refunded, waiting, cancelled, first)))


def buy_one_of_each(user: User, *, stranger: str, also_paid: int = 0) -> Bought:
    """The same today, in a shop that has been seeded; the wallet gets what is bought."""
    with scripted_gateway():
        refunded = _refund(_pay(_order(user)))
        for _ in range(also_paid):
            _pay(_order(user))
        paid, first = _pay(_order(user)), _pay(_first_purchase(stranger))
        cancelled, waiting = _order(user, package="topup_200"), _order(user, package="topup_60", coupon="SPRING10")
        cancel_order(cancelled, actor_id=user.pk)
        start_payment(waiting, slug=SLUG)
    _redeem(user)
    return Bought(*(Order.objects.get(pk=each.pk) for each in (paid, refunded, waiting, cancelled, first)))


@contextmanager
def scripted_gateway() -> Iterator[None]:
    """Payments are set up and reported without a gateway."""
    scripted = Scripted(checkout=Checkout("https://pay.example/x", qrcode=QR_CODE))
    with patch.dict(registry.PROVIDERS, {SLUG: scripted}):
        yield


@contextmanager
def days_ago(days: float) -> Iterator[None]:
    """Inside, it is that day for Django and for the orders' clock."""
    moment = timezone.now() - timedelta(days=days)
    with ExitStack() as patches:
        patches.enter_context(patch("django.utils.timezone.now", return_value=moment))
        patches.enter_context(patch.object(clock, "_NOW", f"SELECT '{moment.isoformat()}'::timestamptz"))
        for model in (LedgerEntry, OrderEvent, Payment, PaymentAttempt):  # their default is the function itself
            field = model._meta.get_field("created_at")
            patches.enter_context(patch.object(field, "_get_default", lambda: moment))
        yield


@contextmanager
def spending(user: User, *, since: float, until: float) -> Iterator[None]:
    """The usage of the days before is paid first; then it is that day."""
    now = timezone.now()
    _spend(user, now - timedelta(days=since), now - timedelta(days=until))
    with days_ago(until):
        yield


def _spend(user: User, start: datetime, end: datetime) -> None:
    records = UsageRecord.objects.filter(user=user, created_at__gte=start, created_at__lt=end)
    spent = records.aggregate(total=Sum("charge", default=0))["total"]
    Wallet.objects.filter(user=user).update(balance=F("balance") - spent)


def _order(user: User, *, package: str = "topup_20", coupon: str = "") -> Order:
    buyer = Buyer(user.email, user=user, is_known=True)
    return place_order(kind=Order.Kind.TOP_UP, buyer=buyer, package_code=package, coupon_code=coupon)


def _first_purchase(email: str = STRANGER) -> Order:
    return place_order(kind=Order.Kind.PURCHASE, buyer=Buyer(email), package_code="starter")


def _pay(order: Order) -> Order:
    attempt = start_payment(order, slug=SLUG)
    settle(attempt, Received(f"4200{attempt.number}", Money(attempt.amount_minor, attempt.currency), timezone.now()))
    return order


def _refund(order: Order) -> Order:
    payment, operator = order.payments.get(), User.objects.filter(is_superuser=True).earliest("pk")
    request_refund(
        payment=payment,
        amount_minor=payment.amount_minor,
        reason="paid twice",
        actor_id=operator.pk,
        key=f"showroom:{order.pk}",
        by_hand=True,
    )
    return order


def _redeem(user: User) -> None:
    batch = codes.make_batch(name="Spring fair", quota=settings.QUOTA_PER_USD * 50, count=1)
    (row,) = csv.DictReader("".join(codes.export(batch)).lstrip("\ufeff").splitlines())
    codes.redeem(user=user, code=row["code"])
