"""The orders of one person."""

from collections.abc import Iterator

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.personal_data import Section, in_chunks
from orders.models import CouponUse, Delivery, Order, Refund

_S = Order.Status
UNSETTLED = (_S.PENDING, _S.PAID, _S.REVIEW, _S.REFUND_PENDING)
_COLUMNS = (
    *("number", "kind", "status", "package_code", "package_name", "currency", "amount_minor", "discount_minor"),
    *("refunded_minor", "contact_email", "created_at", "paid_at"),
)


def sections(user: User) -> Iterator[Section]:
    """Orders with what was paid; amounts in the smallest unit of their currency."""
    orders = in_chunks(Order.objects.filter(user=user))
    yield "orders", ({name: getattr(order, name) for name in _COLUMNS} for order in orders)


def objections(user: User) -> list[str]:
    """Money under way in either direction, or in dispute, needs somebody to belong to."""
    mine = Order.objects.filter(user=user)
    refunds = Refund.objects.filter(order=OuterRef("pk"), state__in=(Refund.State.REQUESTED, Refund.State.PENDING))
    unsettled = mine.filter(Q(status__in=UNSETTLED) | Q(is_disputed=True) | Exists(refunds)).order_by("pk").first()
    if unsettled is None:
        return []
    sentence = _("Order %(number)s is not settled yet: pay or cancel it, or wait until it is.")
    return [sentence % {"number": unsettled.number}]


def erase(user: User, *, alias: str) -> None:
    """The orders stay for the books, without the address; a key that nobody fetched is forgotten."""
    mine = Order.objects.filter(user=user)
    CouponUse.objects.filter(order__in=mine).update(customer=alias)
    Delivery.objects.filter(order__in=mine).update(key_sealed=None)
    mine.update(contact_email=alias, source_page="")
