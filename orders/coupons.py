"""Coupons on orders: reserved with the order, used with its payment, released when it ends unpaid.

`Coupon.uses` moves only by conditional UPDATEs, which also serialize whoever wants the same coupon: behind that lock
the uses of one customer can be counted.
"""

from typing import NoReturn

from django.db.models import F, Q
from django.utils.translation import gettext as _

from config.kernel.errors import InvalidInput
from orders.clock import database_now
from orders.discounts import amount_off, percentage_off
from orders.models import Coupon, CouponUse, Order, Package

_COUNTED = (CouponUse.State.RESERVED, CouponUse.State.USED)


class CouponRefused(InvalidInput):
    """The coupon does not apply; the sentence says why."""

    default_code = "coupon_refused"


def find_coupon(code: str, *, package: Package) -> Coupon:
    """The coupon of that code, if it applies to the package now. Raises CouponRefused."""
    coupon = Coupon.objects.filter(code=code.strip().upper()).first()
    now = database_now()
    if coupon is None or not coupon.is_active or coupon.starts_at > now:
        _refuse(_("There is no such coupon."))
    if coupon.ends_at is not None and coupon.ends_at <= now:
        _refuse(_("This coupon has expired."))
    if not _applies_to(coupon, package):
        _refuse(_("This coupon does not apply to this package."))
    return coupon


def _applies_to(coupon: Coupon, package: Package) -> bool:
    if coupon.currency != package.currency:
        return False
    chosen = list(coupon.packages.values_list("pk", flat=True))
    return not chosen or package.pk in chosen


def discount(coupon: Coupon, price_minor: int) -> int:
    """What it takes off, in minor units."""
    if coupon.kind == Coupon.Kind.PERCENT:
        return percentage_off(price_minor, coupon.off_bps)
    return amount_off(price_minor, coupon.off_minor)


def reserve(coupon: Coupon, *, order: Order) -> None:
    """Take one use for the order, in the order's transaction. Raises CouponRefused when none is left."""
    free = Coupon.objects.filter(Q(max_uses=None) | Q(uses__lt=F("max_uses")), pk=coupon.pk, is_active=True)
    if not free.update(uses=F("uses") + 1):
        _refuse(_("This coupon is not available any more."))
    customer = _customer_of(order)
    before = CouponUse.objects.filter(coupon=coupon, customer=customer, state__in=_COUNTED).count()
    if coupon.per_customer is not None and before >= coupon.per_customer:
        _refuse(_("You have used this coupon already."))
    CouponUse.objects.create(order=order, coupon=coupon, customer=customer)


def _customer_of(order: Order) -> str:
    """The account where there is one: who tops up a key may give another address with every order."""
    return (order.user.email if order.user is not None else order.contact_email).lower()


def mark_used(order: Order) -> None:
    """With the payment. A use that was released before a late payment counts again: the price was promised."""
    uses = CouponUse.objects.filter(order=order)
    if uses.filter(state=CouponUse.State.RESERVED).update(state=CouponUse.State.USED):
        return
    if uses.filter(state=CouponUse.State.RELEASED).update(state=CouponUse.State.USED):
        Coupon.objects.filter(orders=order).update(uses=F("uses") + 1)


def release(order: Order) -> None:
    """Give a reserved use back, once however often it is called."""
    reserved = CouponUse.objects.filter(order=order, state=CouponUse.State.RESERVED)
    if reserved.update(state=CouponUse.State.RELEASED):
        Coupon.objects.filter(orders=order, uses__gte=1).update(uses=F("uses") - 1)


def _refuse(sentence: str) -> NoReturn:
    raise CouponRefused(sentence, param="couponCode", details={"couponCode": [sentence]})
