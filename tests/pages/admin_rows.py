"""One row of everything the staff admin lists, and the addresses of its pages."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.urls import reverse

from billing.models import LedgerEntry, PriceOverride, UsageRollup, Wallet
from config.models import Announcement, SiteText
from orders.codes import make_batch
from orders.models import Coupon, Order, Package, Payment, PaymentAttempt, Refund, Statement, WebhookEvent
from tests.billing.usage_rows import make_record
from tests.factories import give, make_channel, make_group, make_price, make_token
from tests.orders.shop import make_account
from tokens.models import Group, GroupAccess, Site

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
            "tokens_site": Site.objects.create(host="ai.example.com", name="Acme AI"),
            "tokens_token": token,
            "billing_modelprice": make_price("priced-model", input="0.27", output="1.1"),
            "billing_priceoverride": PriceOverride.objects.create(user=alice, group=group, ratio_ppm=250_000),
            "config_announcement": Announcement.objects.create(text="Prices fall on Monday."),
            "config_sitetext": SiteText.objects.create(page=SiteText.Page.ABOUT, text="Who we are."),
            "billing_wallet": Wallet.objects.get(user=alice),
            "billing_ledgerentry": LedgerEntry.objects.filter(wallet__user=alice).first(),
            "billing_usagerecord": record,
            "billing_usagerollup": rollup,
            "relay_channel": make_channel("http://127.0.0.1:9/v1", name="main", groups=[group], secret=SECRET),
            **sold_to(alice),
        }
    )


def sold_to(alice):
    """A paid and refunded order, written as rows alone: pages show what is there."""
    package = Package.objects.create(kind="top_up", code="ten", name="Ten", price_minor=990, base_quota=500_000)
    account = make_account("manual", provider="manual", secret="", options={"instructions": "IBAN"})
    terms = {"package": package, "package_code": "ten", "package_name": "Ten", "currency": "CNY"}
    amounts = {"price_minor": 990, "amount_minor": 990, "base_credit": 10**9}
    order = Order.objects.create(
        **terms, **amounts, number="TOP1", kind="TOP", status="credited", user=alice, contact_email=alice.email,
        expires_at=HOUR, paid_at=HOUR,
    )  # fmt: skip
    attempt = PaymentAttempt.objects.create(
        number="A1", order=order, account=account, amount_minor=990, currency="CNY", expires_at=HOUR, state="succeeded"
    )
    money = {"order": order, "amount_minor": 990, "currency": "CNY"}
    payment = Payment.objects.create(
        **money, account=account, attempt=attempt, txn_id="T1", state="accepted", paid_at=HOUR
    )
    batch = make_batch(name="Fair", quota=500_000, count=2)
    return {
        "orders_package": package,
        "orders_coupon": Coupon.objects.create(code="TEN", off_bps=1000),
        "orders_order": order,
        "orders_payment": payment,
        "orders_provideraccount": account,
        "orders_refund": Refund.objects.create(**money, payment=payment, idempotency_key="r1", state="failed"),
        "orders_statement": Statement.objects.create(account=account, day=HOUR.date()),
        "orders_webhookevent": WebhookEvent.objects.create(
            account=account, dedupe_key="e1", kind="paid", reference="A1", body_sha256="0" * 64, state="done"
        ),
        "orders_codebatch": batch,
        "orders_redemptioncode": batch.codes.first(),
    }


def list_url(name, query=""):
    return reverse(f"admin:{name}_changelist") + query


def page_url(name, row):
    return reverse(f"admin:{name}_change", args=[row.pk])


def registered_names():
    """`app_model` of everything staff can open."""
    return sorted(f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry)
