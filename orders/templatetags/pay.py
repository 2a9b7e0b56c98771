"""How pay pages write an order's amount and the address of its buyer."""

from django import template

from orders.fiat import format_fiat
from orders.models import Order

register = template.Library()


@register.filter
def masked_email(email: str) -> str:
    """`b•••@example.com`: enough for its owner, little for whoever looks over a shoulder."""
    name, _, domain = email.rpartition("@")
    return f"{name[:1]}•••@{domain}"


@register.filter
def amount(order: Order) -> str:
    """What is to be paid: `¥90.00`."""
    return format_fiat(order.amount_minor, order.currency)
