"""Accounts at the local payment gateway, so that a demo can be bought from. They are test accounts: see `gateways`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orders.gateway.merchants import (
    EpayMerchant,
    EpayV2Merchant,
    Merchant,
    StripeMerchant,
    XunhupayMerchant,
    merchants_of,
)
from orders.models import ProviderAccount
from orders.payments.accounts import set_secrets

STRIPE_SLUG = "stripe"


def set_up_accounts(*, gateway_url: str, merchants_file: Path) -> None:
    """One account for each merchant of the gateway, leading to its present address. What an operator made stays."""
    for position, merchant in enumerate(merchants_of(merchants_file), start=1):
        _set_up(position=position * 10, **_described(merchant, gateway_url))


def _set_up(
    *, slug: str, provider: str, name: str, options: Mapping[str, str], secrets: Mapping[str, str], position: int
) -> None:
    row = ProviderAccount.objects.filter(slug=slug).first()
    if row is None:
        row = ProviderAccount(slug=slug, provider=provider, name=name, sort_order=position, is_live=False)
    elif row.is_live or row.provider != provider:
        return
    row.options = {**row.options, **options}
    set_secrets(row, secrets)
    row.save()


def _described(merchant: Merchant, url: str) -> dict[str, Any]:
    match merchant:
        case XunhupayMerchant():
            return {
                "slug": "xunhupay",
                "provider": "xunhupay",
                "name": "WeChat Pay (test)",
                "options": {"appid": merchant.appid, "base_url": url},
                "secrets": {"secret": merchant.secret},
            }
        case EpayMerchant():
            return {
                "slug": "epay",
                "provider": "epay",
                "name": "Alipay (test)",
                "options": {"pid": merchant.pid, "base_url": url, "payment_type": "alipay", "refund": "full"},
                "secrets": {"secret": merchant.key},
            }
        case EpayV2Merchant():
            return {
                "slug": "epay2",
                "provider": "epay",
                "name": "WeChat Pay by EPay 2 (test)",
                "options": {"pid": merchant.pid, "base_url": url, "payment_type": "wxpay", "version": "2"},
                "secrets": {
                    "private_key": merchant.merchant_private_key,
                    "platform_public_key": merchant.platform_public_key,
                },
            }
        case StripeMerchant():
            return {
                "slug": STRIPE_SLUG,
                "provider": "stripe",
                "name": "Card (test)",
                "options": {"api_base": url, "methods": "card"},
                "secrets": {"secret_key": merchant.key, "webhook_secret": merchant.webhook_secret},
            }
