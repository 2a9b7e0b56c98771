"""One row of everything the staff admin lists, and the addresses of its pages."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.urls import reverse

from billing.models import LedgerEntry, PriceOverride, UsageRollup, Wallet
from orders.models import Package
from tests.billing.usage_rows import make_record
from tests.factories import give, make_channel, make_group, make_price, make_token
from tokens.models import Group, GroupAccess

SECRET = "upstream-secret-4711"
HOUR = datetime(2026, 3, 18, 10, tzinfo=UTC)


@dataclass
class Rows:
    """Made for alice, by their model's admin name."""

    by_name: dict[str, Any]

    def __getattr__(self, name):
        return self.by_name[name]


def make_rows(alice):
    group = make_group("default", ratio_ppm=280_000)
    Group.objects.get_or_create(code="auto", defaults={"is_auto": True})
    token = make_token(alice, group=group)
    give(alice, "5")
    record = make_record(token, attempts=[{"channel": "main", "status": 200}])
    rollup = UsageRollup.objects.create(
        hour=HOUR,
        user=alice,
        token=token,
        model="test-model",
        group="default",
        requests=3,
        succeeded=2,
        input_tokens=10,
        cached_tokens=1,
        output_tokens=4,
        charge=1_500_000,
    )
    access = GroupAccess.objects.filter(user=alice).first() or GroupAccess.objects.create(user=alice, group=group)
    return Rows(
        {
            "accounts_user": alice,
            "tokens_group": group,
            "tokens_groupaccess": access,
            "tokens_token": token,
            "billing_modelprice": make_price("priced-model", input="0.27", output="1.1"),
            "billing_priceoverride": PriceOverride.objects.create(user=alice, group=group, ratio_ppm=250_000),
            "billing_wallet": Wallet.objects.get(user=alice),
            "billing_ledgerentry": LedgerEntry.objects.filter(wallet__user=alice).first(),
            "billing_usagerecord": record,
            "billing_usagerollup": rollup,
            "relay_channel": make_channel("http://127.0.0.1:9/v1", name="main", groups=[group], secret=SECRET),
            "orders_package": Package.objects.create(
                kind="top_up", code="ten", name="Ten", price_minor=990, base_quota=500_000
            ),
        }
    )


def list_url(name, query=""):
    return reverse(f"admin:{name}_changelist") + query


def page_url(name, row):
    return reverse(f"admin:{name}_change", args=[row.pk])


def registered_names():
    """`app_model` of everything staff can open."""
    return sorted(f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry)
