"""Accounts at gateways: which adapter speaks for one, its secrets opened for that alone, and which can be paid with."""

import json
from collections.abc import Mapping
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from config.kernel.sealing import SealBroken, seal, unseal
from orders.models import ProviderAccount
from orders.providers.base import Account, Money, Provider, normalized_options
from orders.providers.registry import PROVIDERS

ROTATION = timedelta(hours=24)  # how long the secrets before the last change still verify what a gateway sends
PREVIOUS = "previous_"
FREE = "free"
_PURPOSE = "payment secrets"


def provider_of(row: ProviderAccount) -> Provider:
    """The adapter of this account's protocol. Raises KeyError for a protocol that is not known any more."""
    return PROVIDERS[row.provider]


def opened(row: ProviderAccount) -> Account:
    """The account as its adapter takes it. Raises SealBroken."""
    return Account(
        id=row.pk, options=normalized_options(row.options), secrets=_current(row, open_secrets(row)), live=row.is_live
    )


def _current(row: ProviderAccount, secrets: dict[str, str]) -> dict[str, str]:
    if row.rotated_at is not None and row.rotated_at + ROTATION > timezone.now():
        return secrets
    return {name: secret for name, secret in secrets.items() if not name.startswith(PREVIOUS)}


def open_secrets(row: ProviderAccount) -> dict[str, str]:
    """All that is sealed in the row, the secrets before the last change as `previous_…`. Raises SealBroken."""
    if row.secrets_sealed is None:
        return {}
    text = unseal(bytes(row.secrets_sealed), master=settings.SEALING_KEY, purpose=_PURPOSE, context=row.public_id)
    secrets: dict[str, str] = json.loads(text)
    return secrets


def set_secrets(row: ProviderAccount, secrets: Mapping[str, str]) -> None:
    """Seal these into the row, unsaved; what an empty value names stays. What is replaced is kept as `previous_…`.

    An earlier `previous_…` whose day is over is dropped: it must not count again because another secret changes.
    """
    before = _current(row, open_secrets(row))
    given = {name: secret.strip() for name, secret in secrets.items() if secret.strip()}
    replaced = {name: before[name] for name in given if before.get(name, given[name]) != given[name]}
    kept = before | given | {PREVIOUS + name: secret for name, secret in replaced.items()}
    row.secrets_sealed = seal(json.dumps(kept), master=settings.SEALING_KEY, purpose=_PURPOSE, context=row.public_id)
    if replaced:
        row.rotated_at = timezone.now()


def problems_of(row: ProviderAccount) -> list[str]:
    """Why the account cannot be used, in words for the operator; empty when it can. Asks nobody."""
    if row.provider not in PROVIDERS:
        return [_("This provider is not known.")]
    if not row.is_live and not settings.DEMO:
        return [_("Test accounts take payments in a demo only: with DEMO=false the account needs real money.")]
    try:
        return provider_of(row).check_config(opened(row))
    except SealBroken:
        return [_("The stored secrets can't be opened. Enter them again.")]


def is_usable(row: ProviderAccount) -> bool:
    """Whether it may take payments and receive notifications: nothing is wrong with it, its secrets least of all."""
    return not problems_of(row)


def payable_with(amount: Money) -> list[ProviderAccount]:
    """The accounts offered for this amount, in the operator's order."""
    offered = ProviderAccount.objects.filter(is_enabled=True).exclude(provider=FREE)
    return [row for row in offered if is_usable(row) and _takes(row, amount)]


def _takes(row: ProviderAccount, amount: Money) -> bool:
    can = provider_of(row).capabilities(opened(row))
    takes_currency = not can.currencies or amount.currency in can.currencies
    return takes_currency and can.least_minor <= amount.minor <= can.most_minor


def free_account() -> ProviderAccount:
    """The account that orders of nothing are paid with."""
    defaults = {"provider": FREE, "name": "Free", "is_enabled": True, "sort_order": 1000}
    return ProviderAccount.objects.get_or_create(slug=FREE, defaults=defaults)[0]
