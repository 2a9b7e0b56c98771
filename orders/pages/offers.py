"""What is on sale, and what it would cost with a coupon."""

from dataclasses import dataclass

from orders import coupons
from orders.models import Package


@dataclass(frozen=True, slots=True)
class Offer:
    """A package at today's price. Amounts are minor units of its currency."""

    package: Package
    discount_minor: int = 0
    coupon: str = ""

    @property
    def amount_minor(self) -> int:
        return self.package.price_minor - self.discount_minor


def plan_on_sale(code: str) -> Package | None:
    """The first-purchase plan of that code."""
    return Package.objects.filter(kind=Package.Kind.FIRST_PURCHASE, code=code, is_active=True).first()


def offer_of(package: Package, coupon_code: str = "") -> Offer:
    """The package with that coupon, nothing reserved. Raises CouponRefused."""
    if not coupon_code.strip():
        return Offer(package)
    coupon = coupons.find_coupon(coupon_code, package=package)
    return Offer(package, coupons.discount(coupon, package.price_minor), coupon.code)
