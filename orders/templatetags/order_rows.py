"""How orders are listed, thirty to a page: in template language their rows took most of the time of the whole page."""

from collections.abc import Iterable
from html import escape
from typing import Final

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from config.templatetags.display import icon, moment
from orders.fiat import format_fiat
from orders.models import Order
from orders.pages.selectors import OrderLine

register = template.Library()

_TONES: Final = {
    Order.Status.PENDING: "info",
    Order.Status.PAID: "good",
    Order.Status.DELIVERED: "good",
    Order.Status.CREDITED: "good",
    Order.Status.REVIEW: "warn",
    Order.Status.REFUND_PENDING: "warn",
    Order.Status.PARTIALLY_REFUNDED: "warn",
}


@register.simple_tag
def order_rows(lines: Iterable[OrderLine]) -> SafeString:
    """Rows of a table whose heads they repeat, for phones; at the end of each what can be done about it."""
    heads = [_("Order"), _("Kind"), _("Package"), _("Amount"), _("Provider"), _("Status"), _("Created")]
    heads.append(pgettext("the time", "Paid"))
    labels = [f'data-label="{escape(head)}"' for head in heads]
    return mark_safe("".join(_row(line, labels) for line in lines))  # noqa: S308


@register.filter
def order_badge(line: OrderLine) -> SafeString:
    """What has become of it. Not by `get_status_display`: for each row it makes all translated choices hashable."""
    status = Order.Status(line.order.status)
    tone = "neutral" if line.is_over else _TONES.get(status, "neutral")
    word = escape(_("Time is over") if line.is_over else str(status.label))
    return mark_safe(f'<span class="badge badge-dot badge-{tone}">{word}</span>')  # noqa: S308


@register.filter
def order_kind(order: Order) -> str:
    """`Top-up` or `First purchase`."""
    return str(Order.Kind(order.kind).label)


def _row(line: OrderLine, labels: list[str]) -> str:
    number, kind, package, amount, provider, status, created, paid = labels
    order, details = line.order, reverse("order", args=[line.order.number])
    return (
        f'<tr><td {number}><a class="mono" href="{details}">{escape(order.number)}</a></td>'
        f"<td {kind}>{escape(order_kind(order))}</td>"
        f'<td class="break" {package}>{escape(order.package_name)}</td>'
        f'<td class="num" {amount}><strong>{escape(format_fiat(order.amount_minor, order.currency))}</strong></td>'
        f"<td {provider}>{escape(line.provider) or '–'}</td>"
        f"<td {status}>{order_badge(line)}</td>"
        f'<td class="nowrap" {created}>{moment(order.created_at)}</td>'
        f'<td class="nowrap" {paid}>{moment(order.paid_at)}</td>'
        f'<td class="shrink"><div class="row-actions">{_action(line.pay_url, details)}</div></td></tr>'
    )


def _action(pay_url: str, details: str) -> str:
    pay, label = escape(_("Pay")), escape(_("Details"))
    if pay_url:
        return f'<a href="{escape(pay_url)}" class="button button-primary button-sm">{pay}</a>'
    return (
        f'<a href="{details}" class="button button-icon button-ghost button-sm" aria-label="{label}" '
        f'title="{label}">{icon("chevron-right")}</a>'
    )
