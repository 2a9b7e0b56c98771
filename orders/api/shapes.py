"""What the site API's buying part takes and answers: shapes shared by first purchases and top-ups."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rest_framework import serializers

from config.api_fields import Text
from config.kernel.errors import Conflict, InvalidInput
from orders.access import pay_url
from orders.coupons import CouponRefused
from orders.keys import KeyRefused
from orders.models import Order, Package, PaymentAttempt
from orders.ordering import OrderRefused, clean_email
from orders.payments.paying import PayFailed
from orders.qr import checkout_url, qrcode_url

KEY_LENGTH = 200
_S = Order.Status

STATUS = {
    _S.PENDING: "PENDING",
    _S.PAID: "PAID",
    _S.DELIVERED: "PAID",
    _S.CREDITED: "PAID",
    _S.REFUND_PENDING: "PAID",
    _S.PARTIALLY_REFUNDED: "PAID",
    _S.EXPIRED: "EXPIRED",
    _S.CANCELLED: "CANCELLED",
    _S.REFUNDED: "REFUNDED",
    _S.REVIEW: "REVIEW",
}
STATUSES = tuple(dict.fromkeys(STATUS.values()))


class Email(Text):
    """An e-mail address, in lower case."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=254, **options)

    def to_internal_value(self, data: Any) -> str:
        try:
            return clean_email(super().to_internal_value(data))
        except InvalidInput as error:
            raise serializers.ValidationError(error.message) from None


class PackageShape(serializers.Serializer[Package]):
    """An offer. Amounts of money in the currency's minor unit, amounts of credit in quota."""

    id = serializers.CharField(source="public_id")
    code = serializers.CharField()
    name = serializers.CharField()
    currency = serializers.CharField()
    priceCents = serializers.IntegerField(source="price_minor")
    baseQuotaAmount = serializers.IntegerField(source="base_quota")
    bonusQuotaAmount = serializers.IntegerField(source="bonus_quota")
    quotaAmount = serializers.IntegerField(source="quota")


class PlacedOrder(serializers.Serializer[Order]):
    """A new order and the page to pay it on."""

    orderNo = serializers.CharField(source="number")
    amountCents = serializers.IntegerField(source="amount_minor")
    contactEmail = serializers.CharField(source="contact_email")
    payUrl = serializers.SerializerMethodField()

    def get_payUrl(self, order: Order) -> str:
        return pay_url(order)


class OrderLookUp(serializers.Serializer[Any]):
    """Number and e-mail together prove that an order is the caller's."""

    orderNo = Text(source="number", max_length=64)
    contactEmail = Text(source="email", max_length=254)


class PaymentInput(OrderLookUp):
    """Which order to pay, and with which of the providers; without one, the first that takes the amount."""

    provider = Text(source="slug", max_length=40, default="")


class Checkout(serializers.Serializer[PaymentAttempt]):
    """Where to pay: a page to open, or a code to scan."""

    orderNo = serializers.CharField(source="order.number")
    provider = serializers.CharField(source="account.slug")
    checkoutUrl = serializers.SerializerMethodField()
    qrcodeUrl = serializers.SerializerMethodField()

    def get_checkoutUrl(self, attempt: PaymentAttempt) -> str:
        return checkout_url(attempt)

    def get_qrcodeUrl(self, attempt: PaymentAttempt) -> str:
        return qrcode_url(attempt)


def packages_on_sale(kind: Package.Kind) -> list[dict[str, Any]]:
    """What can be bought of a kind, in the shop's order."""
    packages = Package.objects.filter(kind=kind, is_active=True)
    return [dict(PackageShape(package).data) for package in packages]


@contextmanager
def refusals_as(code: str) -> Iterator[None]:
    """What orders refuse leaves under the endpoint's own code; the sentence is the buyer's already."""
    try:
        yield
    except (OrderRefused, CouponRefused, PayFailed, KeyRefused, Conflict) as error:
        raise InvalidInput(error.message, code=code, details=error.details) from error
