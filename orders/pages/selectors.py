"""What customers see of packages and of their own orders. Every function takes the user first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from accounts.models import User
from orders.access import page_url
from orders.models import Order, OrderEvent, Package, Payment, Refund
from orders.states import PAYABLE

PAGE_SIZE = 30


@dataclass(frozen=True, slots=True)
class OrderLine:
    """An order, whom it was or would be paid to (empty before a provider was chosen), and where it can be paid (empty
    when it can't be). `is_over`: its time is, though it has not been ended yet."""

    order: Order
    provider: str
    pay_url: str
    is_over: bool


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Orders newest first, and the numbers beside which the neighbouring pages lie, where there are any."""

    lines: list[OrderLine]
    newer: str
    older: str


@dataclass(frozen=True, slots=True)
class OrderDetails:
    """An order with all that happened to it. `paid` is the payment that counts."""

    line: OrderLine
    events: list[OrderEvent]
    payments: list[Payment]
    refunds: list[Refund]

    @property
    def order(self) -> Order:
        return self.line.order

    @property
    def paid(self) -> Payment | None:
        return next((payment for payment in self.payments if payment.state == Payment.State.ACCEPTED), None)


def top_ups_on_sale() -> list[Package]:
    """The packages that add credit, in the shop's order."""
    return list(Package.objects.filter(kind=Package.Kind.TOP_UP, is_active=True))


def order_page(user: User, *, now: datetime, status: str = "", older: str = "", newer: str = "") -> OrderPage:
    """One page beside an order of theirs, named by its number, or the newest one."""
    rows = _listed(user, status)
    if above := _place_of(user, newer):
        found = list(rows.filter(pk__gt=above).order_by("pk")[: PAGE_SIZE + 1])
        if len(found) > PAGE_SIZE:
            return _page(found[PAGE_SIZE - 1 :: -1], now, has_newer=True, has_older=True)
    below = None if above else _place_of(user, older)
    found = list((rows.filter(pk__lt=below) if below else rows).order_by("-pk")[: PAGE_SIZE + 1])
    return _page(found[:PAGE_SIZE], now, has_newer=below is not None, has_older=len(found) > PAGE_SIZE)


def _listed(user: User, status: str) -> QuerySet[Order]:
    rows = Order.objects.filter(user=user).prefetch_related("payments__account", "attempts__account")
    return rows.filter(status=status) if status else rows


def _place_of(user: User, number: str) -> int | None:
    if not number.isalnum():  # no number at all; a NUL would be an error of the database
        return None
    return Order.objects.filter(user=user, number=number).values_list("pk", flat=True).first()


def _page(orders: list[Order], now: datetime, *, has_newer: bool, has_older: bool) -> OrderPage:
    return OrderPage(
        [_line(order, now) for order in orders],
        newer=orders[0].number if orders and has_newer else "",
        older=orders[-1].number if orders and has_older else "",
    )


def _line(order: Order, now: datetime) -> OrderLine:
    is_open = order.status in PAYABLE
    is_over = is_open and order.expires_at <= now
    return OrderLine(order, _provider(order), page_url(order) if is_open and not is_over else "", is_over)


def _provider(order: Order) -> str:
    """Who took the money, else who was asked last."""
    for payment in order.payments.all():
        if payment.state == Payment.State.ACCEPTED:
            return payment.account.name
    return next((attempt.account.name for attempt in order.attempts.all()), "")


def order_details(user: User, number: str, *, now: datetime) -> OrderDetails | None:
    """Their order of that number; None when there is none, or it is somebody else's."""
    order = _listed(user, "").select_related("token", "coupon", "group").filter(number=number).first()
    if order is None:
        return None
    return OrderDetails(
        line=_line(order, now),
        events=list(order.events.all()),
        payments=list(order.payments.all()),
        refunds=list(order.refunds.select_related("payment__account")),
    )


def own_numbers(user: User, references: Iterable[str]) -> set[str]:
    """Which of these references are numbers of their orders."""
    return set(Order.objects.filter(user=user, number__in=set(references)).values_list("number", flat=True))
