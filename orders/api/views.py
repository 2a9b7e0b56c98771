"""Paying and looking up orders: the same for first purchases and top-ups but for the names of failures."""

from abc import abstractmethod
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.response import Response

from config.api import ok
from config.api_views import PublicView
from config.client_address import client_address
from config.kernel.errors import NotFound
from config.rate_limits import limit
from orders.access import find_order
from orders.api.shapes import Checkout, OrderLookUp, PaymentInput, refusals_as
from orders.models import Order
from orders.payments.paying import start_payment


class OrderView(PublicView):
    """Finds an order by number and e-mail. A wrong pair and no order at all are the same answer and the same work."""

    address_limit = "guess"
    kind: Order.Kind
    not_found: str

    def order_of(self, body: dict[str, Any]) -> Order:
        """The caller's order. Raises NotFound, Throttled."""
        limit("order", body["number"].strip().upper())
        order = find_order(kind=self.kind, number=body["number"], email=body["email"])
        if order is None:
            raise NotFound(_("There is no order with this number and e-mail address."), code=self.not_found)
        return order


class PayView(OrderView):
    """Starts a payment; asked again it answers the same."""

    refused: str

    def pay(self) -> Response:
        body = self.body(PaymentInput)
        order = self.order_of(body)
        with refusals_as(self.refused):
            attempt = start_payment(order, slug=body["slug"].strip(), client_ip=self.client_ip())
        return ok(data=Checkout(attempt).data)

    def client_ip(self) -> str:
        """As text, for gateways that want to know."""
        return str(client_address(self.request._request) or "")


class QueryView(OrderView):
    """Tells how an order stands."""

    def query(self) -> Response:
        return ok(data=self.described(self.order_of(self.body(OrderLookUp))))

    @abstractmethod
    def described(self, order: Order) -> dict[str, Any]:
        """The order in the endpoint's shape."""
