"""How a buyer without an account gets to their order: by its number and e-mail together, or by a signed address.

A wrong pair and an order that does not exist are one and the same answer, after the same query.
"""

from urllib.parse import urlencode

from django.core import signing
from django.urls import reverse

from orders.models import Order

_SALT = "orders.page"


def find_order(*, kind: str, number: str, email: str) -> Order | None:
    """The order of that number if the e-mail is its own."""
    if "\0" in number + email:  # PostgreSQL takes no such text
        return None
    return Order.objects.filter(number=number.strip().upper(), contact_email=email.strip().lower(), kind=kind).first()


def pay_url(order: Order) -> str:
    """The address that the site API hands out; the page behind it moves the e-mail out of the address bar."""
    query = urlencode({"orderNo": order.number, "contactEmail": order.contact_email})
    return f"{reverse(_PAGES[Order.Kind(order.kind)])}?{query}"


def page_url(order: Order) -> str:
    """The pay page itself."""
    return reverse(f"{_PAGES[Order.Kind(order.kind)]}-order", args=[page_token(order)])


def page_token(order: Order) -> str:
    """Proves in an address what number and e-mail prove in a form."""
    return signing.Signer(salt=_SALT, sep="~").sign(order.number)


def order_of(token: str) -> Order | None:
    """The order that a signed address names."""
    try:
        number = signing.Signer(salt=_SALT, sep="~").unsign(token)
    except signing.BadSignature:
        return None
    return Order.objects.filter(number=number).select_related("package", "user").first()


_PAGES = {Order.Kind.PURCHASE: "purchase-pay", Order.Kind.TOP_UP: "top-up-pay"}
