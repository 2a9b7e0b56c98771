"""`{% packages_on_sale %}`: what can be bought, for pages of apps that may not know orders."""

from typing import Any
from urllib.parse import urlencode

from django import template
from django.conf import settings

from config.kernel.money import quota_to_nano
from orders.fiat import format_fiat
from orders.models import Package

register = template.Library()


@register.inclusion_tag("orders/packages_on_sale.html", takes_context=True)
def packages_on_sale(context: template.Context) -> dict[str, Any]:
    """Top-ups and first-purchase plans on sale, each in the shop's order; renders nothing when there are none."""
    packages = list(Package.objects.filter(is_active=True))
    return {
        "top_ups": [package for package in packages if package.kind == Package.Kind.TOP_UP],
        "plans": [package for package in packages if package.kind == Package.Kind.FIRST_PURCHASE],
        "is_signed_in": context["request"].user.is_authenticated,
    }


@register.simple_tag
def package_url(page: str, package: Package) -> str:
    """A page with this package chosen: `/topup?package=topup_100`."""
    return f"{page}?{urlencode({'package': package.code})}"


@register.filter
def fiat_price(package: Package) -> str:
    """What the package costs: `¥9.90`."""
    return format_fiat(package.price_minor, package.currency)


@register.filter
def fiat(minor: int, currency: str) -> str:
    """Minor units of a currency: `{{ order.amount_minor|fiat:order.currency }}`."""
    return format_fiat(minor, currency)


@register.filter
def as_credit(quota: int) -> int:
    """Quota units as nano-dollars, for the `usd` filters."""
    return quota_to_nano(quota, quota_per_usd=settings.QUOTA_PER_USD)
