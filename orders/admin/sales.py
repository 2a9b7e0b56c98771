"""Orders: their list, and one order with all that happened to it."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.staff import EndlessAdmin, state_column, usd_column
from orders.admin.order_actions import OrderActions
from orders.admin.order_filters import (
    ORDERS_SUMMED,
    AccountFilter,
    AttentionFilter,
    DayFilter,
    find_orders,
    sums_of,
)
from orders.admin.shared import fiat_column, link_column, plain_column, time_column, url_of
from orders.admin.timeline import timeline
from orders.models import Order, Payment, PaymentAttempt
from orders.notes import in_words

_S = Order.Status
TONES = {
    _S.PENDING.value: "info",
    _S.PAID.value: "success",
    _S.DELIVERED.value: "success",
    _S.CREDITED.value: "success",
    _S.REVIEW.value: "danger",
    _S.REFUND_PENDING.value: "warning",
    _S.PARTIALLY_REFUNDED.value: "warning",
    _S.REFUNDED.value: "warning",
}


@admin.register(Order)
class OrderAdmin(OrderActions, EndlessAdmin):
    list_display = (
        "number",
        "kind_label",
        "state",
        "package_name",
        "amount",
        "buyer",
        "provider",
        "created",
        "paid",
    )
    list_filter = (AttentionFilter, "status", "kind", AccountFilter, DayFilter, "is_disputed")
    list_select_related = ("user",)
    search_fields = ("number",)
    search_help_text = _("Number, e-mail, transaction")
    list_before_template = "admin/orders/order/sums.html"
    change_form_outer_after_template = "admin/orders/order/timeline.html"
    actions_detail = ("accept", "refund", "receive", "verify_now", "resend", "cancel")
    amount = fiat_column("amount_minor", _("amount"))
    price = fiat_column("price_minor", _("list price"))
    discount = fiat_column("discount_minor", _("discount"))
    refunded = fiat_column("refunded_minor", _("refunded"))
    credit_usd = usd_column("credit", _("credit"), sortable=False)
    base_usd = usd_column("base_credit", _("credit"))
    bonus_usd = usd_column("bonus_credit", _("bonus"))
    state = state_column("status", TONES, _("status"))
    created = time_column("created_at", _("created"))
    paid = time_column("paid_at", _("paid at"))
    payable_until = time_column("expires_at", _("payable until"))
    account_link = link_column("user", _("account"))
    key_link = link_column("token", _("key to top up"))
    package_link = link_column("package", _("package"))
    group_link = link_column("group", _("group"))
    coupon_link = link_column("coupon", _("coupon"))
    lifetime = plain_column("valid_days", _("days the delivered key works"))
    spoken = plain_column("language", _("language"))
    page = plain_column("source_page", _("ordered on the page"))
    came_by = plain_column("host", _("ordered on the host"))
    fieldsets = (
        (None, {"fields": (("number", "status"), ("kind_label", "package_link"), ("contact_email", "account_link"))}),
        (
            _("Terms"),
            {
                "fields": (
                    ("price", "discount"),
                    ("amount", "refunded"),
                    ("base_usd", "bonus_usd"),
                    ("coupon_link", "key_link"),
                    ("group_link", "lifetime"),
                )
            },
        ),
        (_("Times"), {"fields": (("created", "paid"), ("payable_until", "spoken"), ("page", "came_by"))}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Order | None = None) -> Any:
        """Why it is in review, or disputed, above all else."""
        if obj is None or not (obj.review_reason or obj.is_disputed):
            return self.fieldsets
        about, *more = self.fieldsets
        return (about, (_("Attention"), {"fields": ("why_in_review", "is_disputed")}), *more)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Order]":
        """With the name of the account that was paid at, or else began to be."""
        paid = Payment.objects.filter(order=OuterRef("pk"), state=Payment.State.ACCEPTED)
        tried = PaymentAttempt.objects.filter(order=OuterRef("pk")).order_by("-pk")
        names = [Subquery(rows.values("account__name")[:1]) for rows in (paid, tried)]
        orders: QuerySet[Order] = super().get_queryset(request).annotate(account_name=Coalesce(*names))
        return orders

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Order]", search_term: str
    ) -> "tuple[QuerySet[Order], bool]":
        term = search_term.strip()
        return (find_orders(queryset, term) if term else queryset), False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        linked = ("user__id__exact", "coupon__id__exact", "package__id__exact")
        return lookup in linked or super().lookup_allowed(lookup, value, request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None)
        if context and "cl" in context:
            context["order_sums"] = sums_of(context["cl"].queryset)
            context["orders_summed"] = ORDERS_SUMMED
        return response

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        order = context["original"]
        entries = [(entry, url_of(entry.row) if entry.row else "") for entry in timeline(order)] if order else []
        return super().render_change_form(request, {**context, "timeline": entries}, *args, **kwargs)

    @display(description=_("kind"), ordering="kind")
    def kind_label(self, order: Order) -> str:
        return order.get_kind_display()

    @admin.display(description=_("e-mail"), ordering="contact_email")
    def buyer(self, order: Order) -> str:
        """With the account that is credited, where that is another's."""
        account = order.user.email if order.user else order.contact_email
        return order.contact_email if account == order.contact_email else f"{order.contact_email} → {account}"

    @admin.display(description=_("why in review"))
    def why_in_review(self, order: Order) -> str:
        return in_words(order.review_reason) or "–"

    @admin.display(description=_("provider"))
    def provider(self, order: Order) -> str:
        return getattr(order, "account_name", None) or "–"
