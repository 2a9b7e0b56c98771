"""What gateways brought, took back and reported, and how our books compare with theirs."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminSingleDateWidget

from accounts.staff import EndlessAdmin, state_column, usd_column
from orders.admin.shared import (
    fiat_column,
    link_column,
    link_to,
    operation_page,
    plain_column,
    time_column,
    url_of,
)
from orders.admin.timeline import MESSAGES, TONES
from orders.attention import leftover_messages
from orders.clock import database_now
from orders.models import Payment, PaymentAttempt, ProviderAccount, Refund, Statement, WebhookEvent
from orders.notes import in_words
from orders.payments.accounts import is_usable, opened, provider_of
from orders.payments.processing import dismiss, try_again
from orders.payments.statements import reconcile
from orders.providers.base import EventKind

PRIMARY = ActionVariant.PRIMARY


@admin.register(Payment)
class PaymentAdmin(EndlessAdmin):
    list_display = ("paid", "order_link", "account", "amount", "refunded", "status", "txn_id")
    list_display_links = ("paid",)
    list_filter = ("state", "account")
    list_select_related = ("order", "account")
    search_fields = ("txn_id",)
    search_help_text = gettext_lazy("Transaction or order number")
    paid = time_column("paid_at", gettext_lazy("paid at"))
    noted = time_column("created_at", gettext_lazy("noted here"))
    order_link = link_column("order", gettext_lazy("order"))
    account_link = link_column("account", gettext_lazy("account"))
    amount = fiat_column("amount_minor", gettext_lazy("amount"))
    refunded = fiat_column("refunded_minor", gettext_lazy("refunded"))
    status = state_column("state", TONES[Payment], gettext_lazy("state"))
    attempt_number = plain_column("attempt", gettext_lazy("attempt"))
    fields = readonly_fields = (
        *("order_link", "account_link", "attempt_number", "txn_id"),
        *("amount", "refunded", "state", "paid", "noted"),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Payment]", search_term: str
    ) -> "tuple[QuerySet[Payment], bool]":
        """By the unique key of accounts and transactions, or by the order."""
        term = search_term.strip()
        if not term:
            return queryset, False
        accounts = list(ProviderAccount.objects.values_list("pk", flat=True))
        found = Payment.objects.filter(account_id__in=accounts, txn_id=term).values_list("pk", flat=True)
        ordered = Payment.objects.filter(order__number=term.upper()).values_list("pk", flat=True)
        return queryset.filter(pk__in=[*found, *ordered]), False


@admin.register(Refund)
class RefundAdmin(EndlessAdmin):
    list_display = ("created", "order_link", "amount", "credit_usd", "status", "is_by_hand", "is_dispute", "who")
    list_display_links = ("created",)
    list_filter = ("state", "is_by_hand", "is_dispute", "payment__account")
    list_select_related = ("order", "actor")
    search_fields = ("order__number", "refund_ref")
    search_help_text = gettext_lazy("Order number or the gateway's number")
    created = time_column("created_at", gettext_lazy("created"))
    done = time_column("done_at", gettext_lazy("finished"))
    order_link = link_column("order", gettext_lazy("order"))
    payment_link = link_column("payment", gettext_lazy("payment"))
    amount = fiat_column("amount_minor", gettext_lazy("amount"))
    credit_usd = usd_column("credit", gettext_lazy("credit taken back"))
    status = state_column("state", TONES[Refund], gettext_lazy("state"))
    tried = plain_column("tries", gettext_lazy("tries"))
    who = plain_column("actor", gettext_lazy("by whom"))
    fields = readonly_fields = (
        *("order_link", "payment_link", "amount", "credit_usd", "state", "is_by_hand", "is_dispute"),
        *("why", "problem", "refund_ref", "tried", "who", "created", "done"),
    )

    @admin.display(description=gettext_lazy("reason"))
    def why(self, refund: Refund) -> str:
        return in_words(refund.reason) or "–"

    @admin.display(description=gettext_lazy("error"))
    def problem(self, refund: Refund) -> str:
        return in_words(refund.error) or "–"


# ── Messages ─────────────────────────────────────────────────────────────────


class LeftoverFilter(admin.SimpleListFilter):
    """What a person has to look at."""

    title = gettext_lazy("needs attention")
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return (("any", gettext_lazy("Left over")),)

    def queryset(self, request: HttpRequest, queryset: "QuerySet[WebhookEvent]") -> "QuerySet[WebhookEvent]":
        return queryset.filter(pk__in=leftover_messages()) if self.value() else queryset


@admin.register(WebhookEvent)
class WebhookEventAdmin(EndlessAdmin):
    list_display = ("received", "account", "kind_label", "reference", "amount", "status", "tries", "remark")
    list_display_links = ("received",)
    list_filter = (LeftoverFilter, "state", "account", "kind")
    list_select_related = ("account",)
    search_fields = ("reference", "txn_id", "provider_ref")
    search_help_text = gettext_lazy("Attempt, transaction or the gateway's number")
    actions = ("process_again", "dismiss")
    actions_detail = ("process_one",)
    received = time_column("received_at", gettext_lazy("received"))
    done = time_column("done_at", gettext_lazy("finished"))
    happened = time_column("occurred_at", gettext_lazy("happened"))
    next_try = time_column("next_try_at", gettext_lazy("next try"))
    amount = fiat_column("amount_minor", gettext_lazy("amount"))
    account_link = link_column("account", gettext_lazy("account"))
    status = state_column("state", TONES[WebhookEvent], gettext_lazy("state"))
    gateway_number = plain_column("provider_ref", gettext_lazy("gateway's number"))
    refund_number = plain_column("refund_ref", gettext_lazy("gateway's number of the refund"))
    told_apart_by = plain_column("dedupe_key", gettext_lazy("told apart by"))
    digest = plain_column("body_sha256", gettext_lazy("SHA-256 of what was sent"))
    fields = readonly_fields = (
        *(
            "account_link",
            "kind_label",
            "order_link",
            "reference",
            "gateway_number",
            "txn_id",
            "refund_number",
            "amount",
        ),
        *("state", "remark", "tries", "received", "happened", "next_try", "done", "live", "told_apart_by"),
        "digest",
    )

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[WebhookEvent]", search_term: str
    ) -> "tuple[QuerySet[WebhookEvent], bool]":
        """By the whole number: each is found by its index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        named = {"reference": term.upper(), "txn_id": term, "provider_ref": term}
        ids = [WebhookEvent.objects.filter(**{name: value}).order_by().values("pk") for name, value in named.items()]
        return queryset.filter(pk__in=ids[0].union(*ids[1:])), False

    @admin.display(description=gettext_lazy("note"))
    def remark(self, event: WebhookEvent) -> str:
        return in_words(event.note) or "–"

    @admin.display(description=gettext_lazy("real money"), boolean=True)
    def live(self, event: WebhookEvent) -> bool:
        return event.is_live

    @display(description=gettext_lazy("kind"))
    def kind_label(self, event: WebhookEvent) -> str:
        return _(MESSAGES[EventKind(event.kind)]) if event.kind in MESSAGES else event.kind

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, event: WebhookEvent) -> str | SafeString:
        own = PaymentAttempt.objects.filter(account_id=event.account_id).select_related("order")
        attempt = own.filter(number=event.reference).first() if event.reference else None
        if attempt is None and event.provider_ref:
            attempt = own.filter(provider_ref=event.provider_ref).first()
        return link_to(attempt.order) if attempt else "–"

    def has_process_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("orders.change_webhookevent")

    @admin.action(description=gettext_lazy("Process again"), permissions=["process"])
    def process_again(self, request: HttpRequest, queryset: "QuerySet[WebhookEvent]") -> None:
        events = queryset.order_by("pk").values_list("pk", flat=True)
        count = sum(self._process(request, event_id) for event_id in list(events))
        words = ngettext("%(count)d message processed again.", "%(count)d messages processed again.", count)
        self.message_user(request, words % {"count": count}, messages.SUCCESS if count else messages.WARNING)

    @admin.action(description=gettext_lazy("Dismiss: nothing follows from it"), permissions=["process"])
    def dismiss(self, request: HttpRequest, queryset: "QuerySet[WebhookEvent]") -> None:
        """For what is about no order of this shop, or was settled otherwise."""
        events = [event for event in queryset if dismiss(event.pk, f"dismissed by {request.user}")]
        for event in events:
            self.log_change(request, event, "Dismissed.")
        words = ngettext("%(count)d message dismissed.", "%(count)d messages dismissed.", len(events))
        self.message_user(request, words % {"count": len(events)}, messages.SUCCESS if events else messages.WARNING)

    @action(description=gettext_lazy("Process again"), icon="replay", variant=PRIMARY, permissions=["process"])
    def process_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A page that asks first: the link alone changes nothing."""
        event = get_object_or_404(WebhookEvent, pk=object_id)
        if request.method == "POST":
            words = _("Processed again: %(state)s. %(note)s")
            if not self._process(request, event.pk):
                words = _("This message is done already; nothing changed.")
            event.refresh_from_db()
            outcome = {"state": event.get_state_display(), "note": in_words(event.note) or "–"}
            self.message_user(request, words % outcome, messages.INFO)
            return redirect(url_of(event))
        return operation_page(
            self,
            request,
            event,
            forms.Form(),
            title=_("Process a gateway message again"),
            lead=_("What it reports is applied if it has not been. A payment is never credited twice."),
            submit=_("Process again"),
            facts=[(_("State"), event.get_state_display()), (_("Note"), in_words(event.note) or "–")],
        )

    def _process(self, request: HttpRequest, event_id: int) -> bool:
        is_done = try_again(event_id)
        if is_done:
            self.log_change(request, WebhookEvent.objects.get(pk=event_id), "Processed again.")
        return is_done


# ── Statements ───────────────────────────────────────────────────────────────


class CompareForm(forms.Form):
    """An account whose gateway can be asked, and a day of the UTC calendar."""

    account = forms.ModelChoiceField(
        label=gettext_lazy("Account"),
        queryset=ProviderAccount.objects.none(),
        widget=UnfoldAdminSelectWidget,
        empty_label=None,
    )
    day = forms.DateField(
        label=gettext_lazy("Day (UTC)"),
        widget=UnfoldAdminSingleDateWidget,
        help_text=gettext_lazy("Every attempt of that day is asked for: this may take a minute."),
    )

    def __init__(self, data: Any) -> None:
        self.today = database_now().date()
        super().__init__(data, initial={"day": self.today - timedelta(days=1)})
        account: Any = self.fields["account"]
        account.queryset = ProviderAccount.objects.filter(pk__in=[row.pk for row in comparable_accounts()])

    def clean_day(self) -> date:
        day: date = self.cleaned_data["day"]
        if day > self.today:
            raise ValidationError(_("This day has not come yet."))
        return day


def comparable_accounts() -> list[ProviderAccount]:
    """The accounts whose gateway can be asked for payments."""
    usable = [row for row in ProviderAccount.objects.all() if is_usable(row)]
    return [row for row in usable if provider_of(row).capabilities(opened(row)).query]


AGREES, DIFFERS, UNANSWERED = "agrees", "differs", "unanswered"
VERDICTS = {
    AGREES: gettext_lazy("Agrees"),
    DIFFERS: gettext_lazy("Differs"),
    UNANSWERED: gettext_lazy("Not all answered"),
}


@admin.register(Statement)
class StatementAdmin(EndlessAdmin):
    list_display = ("day", "account", "checked", "unanswered", "difference_count", "verdict", "made")
    list_filter = ("account",)
    list_select_related = ("account",)
    ordering: tuple[str, ...] = ("-day", "account")  # type: ignore[assignment] # of one column elsewhere
    actions_list = ("compare_now",)
    change_form_outer_after_template = "admin/orders/statement/differences.html"
    made = time_column("created_at", gettext_lazy("made"))
    account_link = link_column("account", gettext_lazy("account"))
    fields = readonly_fields = ("account_link", "day", "result", "checked", "unanswered", "made")

    @admin.display(description=gettext_lazy("differences"))
    def difference_count(self, statement: Statement) -> int:
        return len(statement.differences)

    @display(description=gettext_lazy("result"), label={AGREES: "success", DIFFERS: "danger", UNANSWERED: "warning"})
    def verdict(self, statement: Statement) -> Any:
        name = verdict_of(statement)
        return name, VERDICTS[name]

    @admin.display(description=gettext_lazy("result"))
    def result(self, statement: Statement) -> Any:
        return VERDICTS[verdict_of(statement)]

    def has_compare_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("orders.add_statement")

    @action(description=gettext_lazy("Compare now"), icon="compare_arrows", variant=PRIMARY, permissions=["compare"])
    def compare_now(self, request: HttpRequest) -> HttpResponse:
        """Hold one day of one account against its gateway."""
        form = CompareForm(request.POST or None)
        if form.is_valid():
            statement = reconcile(form.cleaned_data["account"], form.cleaned_data["day"])
            self.log_change(request, statement, "Compared.")
            return redirect(url_of(statement))
        return operation_page(
            self,
            request,
            None,
            form,
            title=_("Compare a day with a gateway"),
            lead=_("What was paid or refunded at the gateway and is not noted here is noted now, and shown."),
            submit=_("Compare"),
            back_url=reverse("admin:orders_statement_changelist"),
        )

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        statement = Statement.objects.filter(pk=object_id).first() if object_id and object_id.isdecimal() else None
        lines = difference_lines(statement) if statement else []
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), "differences": lines})


def verdict_of(statement: Statement) -> str:
    """One of VERDICTS."""
    if statement.differences:
        return DIFFERS
    return UNANSWERED if statement.unanswered else AGREES


def difference_lines(statement: Statement) -> list[dict[str, Any]]:
    """Each difference with a link to its order, found in one statement."""
    numbers = [line["attempt"] for line in statement.differences]
    attempts = PaymentAttempt.objects.filter(number__in=numbers).select_related("order")
    orders = {attempt.number: attempt.order for attempt in attempts}
    return [
        {
            **line,
            "what": in_words(line["what"]),
            "url": url_of(orders[line["attempt"]]) if line["attempt"] in orders else "",
        }
        for line in statement.differences
    ]
