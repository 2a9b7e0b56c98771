"""`/api/purchase`: plans, and orders of people who may have no account. The key is delivered after the payment."""

from typing import Any

from allauth.account.models import EmailAddress
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from config.api import SessionAuthentication, ok
from config.api_fields import Text
from config.api_views import PublicView
from config.openapi import documented
from orders.api.shapes import (
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
from orders.delivering import masked_key
from orders.models import Delivery, Order, Package
from orders.ordering import Buyer, place_order
from tokens.sites import host_of

_TAG = _("First purchase")
_NOT_FOUND = (404, "purchase_order_not_found")
_DELIVERY = {
    Delivery.State.WAITING: "WAITING",
    Delivery.State.SENT: "DELIVERED",
    Delivery.State.FAILED: "FAILED",
}


class PurchaseInput(serializers.Serializer[Any]):
    """What to buy, and where to deliver it."""

    email = Email()
    planCode = Text(source="package_code", max_length=100)
    couponCode = Text(source="coupon_code", max_length=100, default="")
    sourcePage = Text(source="source_page", default="")


class PurchaseState(serializers.Serializer[Any]):
    """How a first purchase stands; `maskedKey` is told for an hour after the delivery."""

    orderNo = serializers.CharField()
    status = serializers.ChoiceField(choices=STATUSES)
    deliveryState = serializers.ChoiceField(choices=tuple(_DELIVERY.values()))
    contactEmail = serializers.CharField()
    maskedKey = serializers.CharField(required=False)


class Plans(PublicView):
    """What a first purchase can be."""

    @documented(name="purchase_plans", tag=_TAG, summary=_("Plans on sale"), answer={"data": PackageShape(many=True)})
    def get(self, request: Request) -> Response:
        return ok(data=packages_on_sale(Package.Kind.FIRST_PURCHASE))


class PurchaseOrders(PublicView):
    """Making orders."""

    address_limit = "place"

    def perform_authentication(self, request: Request) -> None:
        """Leave Django's user as it is: `_buyer` decides whether it matters."""

    @documented(
        name="purchase_order",
        tag=_TAG,
        summary=_("Order a plan"),
        request=PurchaseInput,
        answer={"data": PlacedOrder()},
        failures=[(400, "purchase_order_create_failed"), (403, "FORBIDDEN")],
    )
    def post(self, request: Request) -> Response:
        body = self.body(PurchaseInput)
        buyer = _buyer(request, body.pop("email"))
        with refusals_as("purchase_order_create_failed"):
            order = place_order(kind=Order.Kind.PURCHASE, buyer=buyer, host=host_of(request._request), **body)
        return ok(data=PlacedOrder(order).data)


class PurchasePay(PayView):
    """Paying a first purchase."""

    kind = Order.Kind.PURCHASE
    not_found, refused = _NOT_FOUND[1], "purchase_pay_failed"

    @documented(
        name="purchase_pay",
        tag=_TAG,
        summary=_("Start paying an order"),
        request=PaymentInput,
        answer={"data": Checkout()},
        failures=[(400, "purchase_pay_failed"), _NOT_FOUND],
    )
    def post(self, request: Request) -> Response:
        return self.pay()


class PurchaseQuery(QueryView):
    """Looking a first purchase up."""

    kind = Order.Kind.PURCHASE
    not_found = _NOT_FOUND[1]

    @documented(
        name="purchase_query",
        tag=_TAG,
        summary=_("See how an order stands"),
        request=OrderLookUp,
        answer={"data": PurchaseState()},
        failures=[_NOT_FOUND],
    )
    def post(self, request: Request) -> Response:
        return self.query()

    def described(self, order: Order) -> dict[str, Any]:
        delivery = Delivery.objects.filter(order=order).select_related("token").first()
        state = _DELIVERY[Delivery.State(delivery.state)] if delivery else "WAITING"
        shown = masked_key(order, delivery) if delivery else ""
        return {
            "orderNo": order.number,
            "status": STATUS[Order.Status(order.status)],
            "deliveryState": state,
            "contactEmail": order.contact_email,
            **({"maskedKey": shown} if shown else {}),
        }


def _buyer(request: Request, email: str) -> Buyer:
    """The signed-in user where the address is theirs and verified, else a stranger.

    Only then does the session mean anything, and only then has the request to prove with the CSRF token that the user's
    own browser page sent it: another site must not order in somebody's name. Raises PermissionDenied.
    """
    user = request._request.user
    if not isinstance(user, User) or not _owns(user, email):
        return Buyer(email)
    SessionAuthentication().enforce_csrf(request)
    return Buyer(email, user=user, is_known=True)


def _owns(user: User, email: str) -> bool:
    verified = EmailAddress.objects.filter(user=user, email__iexact=email, verified=True)
    return bool(verified.exists())
