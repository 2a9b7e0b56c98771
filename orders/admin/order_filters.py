"""How orders are narrowed down and found, and what the found ones add up to."""

from datetime import date, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from billing.spans import midnight
from orders.attention import orders_with
from orders.fiat import format_fiat
from orders.models import Order, Payment, PaymentAttempt, ProviderAccount, Refund

ORDERS_SUMMED = 20_000  # in the line above the list
USERS_SEARCHED = 50


class AttentionFilter(admin.SimpleListFilter):
    """What waits for a person, and why."""

    title = _("needs attention")
    parameter_name = "attention"
    REASONS = (
        ("any", _("Anything")),
        ("review", _("In review")),
        ("overpaid", _("Money without an order")),
        ("mail", _("Mail failed")),
        ("messages", _("Gateway messages left over")),
    )

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return self.REASONS

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Order]") -> "QuerySet[Order]":
        name = self.value()
        return orders_with(name, queryset) if name in dict(self.REASONS) else queryset


class DayFilter(admin.SimpleListFilter):
    """When the order was made, by the reader's calendar."""

    title = _("date")
    parameter_name = "made"
    SPANS = (
        ("today", _("Today")),
        ("yesterday", _("Yesterday")),
        ("week", _("Last 7 days")),
        ("days30", _("Last 30 days")),
        ("month", _("This month")),
        ("last_month", _("Last month")),
    )

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return self.SPANS

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Order]") -> "QuerySet[Order]":
        days = days_of(self.value() or "", timezone.localdate())
        if days is None:
            return queryset
        first, last = (midnight(day, timezone.get_current_timezone()) for day in days)
        return queryset.filter(created_at__gte=first, created_at__lt=last)


def days_of(name: str, today: date) -> tuple[date, date] | None:
    """The first day of a span and the day after its last; None for an unknown name."""
    tomorrow, this_month = today + timedelta(days=1), today.replace(day=1)
    spans = {
        "today": (today, tomorrow),
        "yesterday": (today - timedelta(days=1), today),
        "week": (today - timedelta(days=6), tomorrow),
        "days30": (today - timedelta(days=29), tomorrow),
        "month": (this_month, tomorrow),
        "last_month": ((this_month - timedelta(days=1)).replace(day=1), this_month),
    }
    return spans.get(name)


class AccountFilter(admin.SimpleListFilter):
    """Where somebody began to pay."""

    title = _("provider")
    parameter_name = "account"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(account.pk), account.name) for account in ProviderAccount.objects.all()]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        value = self.value() or ""
        if not value.isdecimal():
            return queryset
        return queryset.filter(Exists(PaymentAttempt.objects.filter(order=OuterRef("pk"), account_id=int(value))))


def find_orders(orders: "QuerySet[Order]", term: str) -> "QuerySet[Order]":
    """Those of a number, an e-mail, a transaction or a gateway's own number; else those with the text in an e-mail."""
    exact = orders.filter(_named(term))
    if exact.exists():
        return exact
    users = User.objects.filter(email__icontains=term).values_list("pk", flat=True)[:USERS_SEARCHED]
    return orders.filter(Q(contact_email__icontains=term) | Q(user_id__in=list(users)))


def _named(term: str) -> Q:
    """By ids that indexes find: an OR over joins would read every order."""
    accounts = list(ProviderAccount.objects.values_list("pk", flat=True))
    found = {
        *PaymentAttempt.objects.filter(number=term.upper()).values_list("order_id", flat=True),
        *PaymentAttempt.objects.filter(account_id__in=accounts, provider_ref=term).values_list("order_id", flat=True),
        *Payment.objects.filter(account_id__in=accounts, txn_id=term).values_list("order_id", flat=True),
        *Refund.objects.filter(refund_ref=term).values_list("order_id", flat=True),
    }
    owner = list(User.objects.filter(email=term.lower()).values_list("pk", flat=True))
    return Q(number=term.upper()) | Q(contact_email=term.lower()) | Q(user_id__in=owner) | Q(pk__in=found)


def sums_of(orders: "QuerySet[Order]") -> list[dict[str, Any]]:
    """What arrived for these orders and what of it was given back, by currency; of the newest ORDERS_SUMMED alone."""
    newest = orders.order_by("-pk").values("pk")[:ORDERS_SUMMED]
    payments = Payment.objects.filter(order__in=newest).order_by("currency").values("currency")
    rows = payments.annotate(paid=Sum("amount_minor"), refunded=Sum("refunded_minor"), payments=Count("pk"))
    return [_words({**row}) for row in rows]


def _words(row: dict[str, Any]) -> dict[str, Any]:
    currency, paid, refunded = row["currency"], row["paid"], row["refunded"]
    return {
        "currency": currency,
        "payments": row["payments"],
        "paid": format_fiat(paid, currency),
        "refunded": format_fiat(refunded, currency) if refunded else "",
        "kept": format_fiat(paid - refunded, currency),
    }
