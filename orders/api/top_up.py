"""`/api/topup`: credit for the account of an existing key. The key is the proof; no account is needed."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.credit import KeyAccount
from config.api import ok
from config.api_fields import Text
from config.api_views import PublicView
from config.client_address import client_address
from config.kernel.money import nano_to_quota
from config.openapi import documented
from config.rate_limits import limit
from orders.api.shapes import (
    KEY_LENGTH,
    STATUS,
    STATUSES,
    Checkout,
    Email,
    OrderLookUp,
    PackageShape,
    PaymentInput,
    PlacedOrder,
    packages_on_sale,
    refusals_as,
)
from orders.api.views import PayView, QueryView
from orders.keys import open_account
from orders.models import Delivery, Order, Package
from orders.ordering import Buyer, place_order
from tokens.sites import host_of

_TAG = _("Top-up")
_NOT_FOUND = (404, "topup_order_not_found")


class KeyInput(serializers.Serializer[Any]):
    """The key."""

    apiKey = Text(source="key", max_length=KEY_LENGTH)


class TopUpInput(KeyInput):
    """Which key to top up, with what, and where the receipt goes."""

    packageCode = Text(source="package_code", max_length=100)
    contactEmail = Email(source="email")
    couponCode = Text(source="coupon_code", max_length=100, default="")


class Preview(serializers.Serializer[Any]):
    """The key by name, and its quota; of a key without a quota of its own, the account's."""

    tokenName = serializers.CharField()
    availableQuota = serializers.IntegerField()
    usedQuota = serializers.IntegerField()
    totalQuota = serializers.IntegerField()


class TopUpState(serializers.Serializer[Any]):
    """How a top-up stands."""

    orderNo = serializers.CharField()
    status = serializers.ChoiceField(choices=STATUSES)
    credited = serializers.BooleanField()


class KeyView(PublicView):
    """Opens what a key opens."""

    address_limit = "guess"

    def account(self, key: str) -> KeyAccount:
        """The key's account. Raises KeyRefused, Throttled."""
        limit("key", key.strip())
        return open_account(key, address=client_address(self.request._request))


class Packages(PublicView):
    """What a key can be topped up with."""

    @documented(
        name="topup_packages", tag=_TAG, summary=_("Packages on sale"), answer={"data": PackageShape(many=True)}
    )
    def get(self, request: Request) -> Response:
        return ok(data=packages_on_sale(Package.Kind.TOP_UP))


class TopUpPreview(KeyView):
    """Checking a key before it is topped up."""

    @documented(
        name="topup_preview",
        tag=_TAG,
        summary=_("Check a key"),
        request=KeyInput,
        answer={"data": Preview()},
        failures=[(400, "topup_preview_failed")],
    )
    def post(self, request: Request) -> Response:
        body = self.body(KeyInput)
        with refusals_as("topup_preview_failed"):
            found = self.account(body["key"])
        total, left = in_quota(found.credit.total), in_quota(found.credit.left)
        return ok(
            data={
                "tokenName": found.token.name,
                "availableQuota": left,
                "usedQuota": total - left,
                "totalQuota": total,
            }
        )


class TopUpOrders(KeyView):
    """Making orders."""

    @documented(
        name="topup_order",
        tag=_TAG,
        summary=_("Order a package"),
        request=TopUpInput,
        answer={"data": PlacedOrder()},
        failures=[(400, "topup_order_create_failed")],
    )
    def post(self, request: Request) -> Response:
        body = self.body(TopUpInput)
        with refusals_as("topup_order_create_failed"):
            token = self.account(body.pop("key")).token
            buyer = Buyer(body.pop("email"), user=token.user, token=token, is_known=True)
            order = place_order(kind=Order.Kind.TOP_UP, buyer=buyer, host=host_of(request._request), **body)
        return ok(data=PlacedOrder(order).data)


class TopUpPay(PayView):
    """Paying a top-up."""

    kind = Order.Kind.TOP_UP
    not_found, refused = _NOT_FOUND[1], "topup_pay_failed"

    @documented(
        name="topup_pay",
        tag=_TAG,
        summary=_("Start paying an order"),
        request=PaymentInput,
        answer={"data": Checkout()},
        failures=[(400, "topup_pay_failed"), _NOT_FOUND],
    )
    def post(self, request: Request) -> Response:
        return self.pay()


class TopUpQuery(QueryView):
    """Looking a top-up up."""

    kind = Order.Kind.TOP_UP
    not_found = _NOT_FOUND[1]

    @documented(
        name="topup_query",
        tag=_TAG,
        summary=_("See how an order stands"),
        request=OrderLookUp,
        answer={"data": TopUpState()},
        failures=[_NOT_FOUND],
    )
    def post(self, request: Request) -> Response:
        return self.query()

    def described(self, order: Order) -> dict[str, Any]:
        granted = Delivery.objects.filter(order=order).exists()  # written with the credit, in one transaction
        return {
            "orderNo": order.number,
            "status": STATUS[Order.Status(order.status)],
            "credited": granted and order.status != Order.Status.REFUNDED,
        }


def in_quota(nano: int) -> int:
    """Nano-dollars in the unit that the site API speaks in."""
    return nano_to_quota(nano, quota_per_usd=settings.QUOTA_PER_USD)
