"""Making and cancelling orders. An order's terms are the package's at that moment, and are never looked up again."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.models import User
from config.kernel.errors import Conflict, InvalidInput
from config.kernel.money import quota_to_nano
from orders import coupons
from orders.clock import database_now
from orders.history import move, record
from orders.models import Order, Package
from orders.numbers import order_number
from orders.payments.accounts import payable_with
from orders.payments.retrying import again_after_races
from orders.providers.base import Money
from orders.states import FINAL_UNPAID
from tokens.models import Token

_TRIES = 8  # of a number that may be taken: a million of them are possible in a minute


class OrderRefused(InvalidInput):
    """The order cannot be made; the sentence is for the buyer."""

    default_code = "order_refused"


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who orders. `user` is the account to credit, None for a stranger who has not paid yet; `token` a key to top up.

    `is_known` says that the buyer has proved to own the account: by signing in, or by the key.
    """

    email: str
    user: User | None = None
    token: Token | None = None
    is_known: bool = False


def place_order(
    *, kind: Order.Kind, buyer: Buyer, package_code: str, coupon_code: str = "", source_page: str = "", host: str = ""
) -> Order:
    """Make a pending order, its coupon reserved. `host`: of the site whose name and addresses its mails will have.

    Raises OrderRefused, CouponRefused, or InvalidInput for the e-mail.
    """
    email = clean_email(buyer.email)
    for _try in range(_TRIES):
        try:
            with transaction.atomic():
                return _place(kind, email, buyer, package_code, coupon_code, source_page=source_page[:80], host=host)
        except IntegrityError:
            continue  # the number is taken: the only unique column
    raise Conflict(_("The order could not be numbered. Please try again."))


def _place(kind: Order.Kind, email: str, buyer: Buyer, code: str, coupon_code: str, **origin: str) -> Order:
    package = _package(kind, code)
    _check_limit(package, email, buyer.user)
    coupon = coupons.find_coupon(coupon_code, package=package) if coupon_code.strip() else None
    off = coupons.discount(coupon, package.price_minor) if coupon else 0
    amount = package.price_minor - off
    _check_payable(Money(amount, package.currency), buyer)
    now = database_now()
    order = Order.objects.create(
        **_terms(package),
        number=order_number(kind, now),
        kind=kind,
        user=buyer.user,
        token=buyer.token,
        contact_email=email,
        discount_minor=off,
        amount_minor=amount,
        coupon=coupon,
        **origin,
        language=get_language() or "",
        created_at=now,
        expires_at=now + timedelta(minutes=settings.ORDER_LIFETIME_MINUTES),
    )
    if coupon is not None:
        coupons.reserve(coupon, order=order)
    record(order, "created", to_status=order.status)
    return order


def _package(kind: Order.Kind, code: str) -> Package:
    wanted = Package.Kind.TOP_UP if kind == Order.Kind.TOP_UP else Package.Kind.FIRST_PURCHASE
    # Locked, so that two orders of one customer cannot both be the last that the package allows them.
    package = Package.objects.select_for_update().filter(kind=wanted, code=code, is_active=True).first()
    if package is None:
        raise OrderRefused(_("This package is not on sale."))
    return package


def _check_limit(package: Package, email: str, user: User | None) -> None:
    if package.per_customer is None:
        return
    standing = package.orders.exclude(status__in=[*FINAL_UNPAID, Order.Status.REFUNDED])
    count = (standing.filter(user=user) if user else standing.filter(contact_email=email)).count()
    if count >= package.per_customer:
        raise OrderRefused(_("You have bought this package as often as it is sold to one customer."))


def _check_payable(amount: Money, buyer: Buyer) -> None:
    if amount.minor == 0:
        if not buyer.is_known:
            raise OrderRefused(_("Sign in first: an order that costs nothing needs an account with a verified e-mail."))
        return
    if not payable_with(amount):
        raise OrderRefused(_("There is no way to pay this amount at the moment."))


def _terms(package: Package) -> dict[str, Any]:
    return {
        "package": package,
        "package_code": package.code,
        "package_name": package.name,
        "group": package.group,
        "valid_days": package.valid_days,
        "currency": package.currency,
        "price_minor": package.price_minor,
        "base_credit": quota_to_nano(package.base_quota, quota_per_usd=settings.QUOTA_PER_USD),
        "bonus_credit": quota_to_nano(package.bonus_quota, quota_per_usd=settings.QUOTA_PER_USD),
    }


def clean_email(text: str) -> str:
    """The address in lower case. Raises InvalidInput."""
    email = text.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        sentence = _("Enter a valid e-mail address.")
        raise InvalidInput(sentence, code="invalid_payload", details={"email": [sentence]}) from None
    if len(email) > 254:
        raise InvalidInput(_("This e-mail address is too long."), code="invalid_payload")
    return email


@again_after_races
@transaction.atomic
def cancel_order(order: Order, *, actor_id: int | None = None, reason: str = "") -> bool:
    """Cancel what nobody has paid, its coupon given back; False when it is not pending any more.

    Its attempts are closed at their gateways afterwards, by the poll.
    """
    is_cancelled = move(
        order,
        start=[Order.Status.PENDING],
        to=Order.Status.CANCELLED,
        what="cancelled",
        note=reason,
        actor_id=actor_id,
    )
    if not is_cancelled:
        return False
    coupons.release(order)
    order.attempts.filter(next_poll_at__isnull=False).update(next_poll_at=database_now())
    return True
