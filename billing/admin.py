"""Prices, wallets, the ledger and usage. Prices grow by versions, wallets by entries; nothing else is written here."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.admin import StackedInline
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.admin import UserAdmin
from accounts.models import User
from accounts.staff import EndlessAdmin, ReadOnlyAdmin, StaffAdmin, short_time, state_column, usd_column
from billing.adjustment import AdjustmentForm, adjust_wallet
from billing.dollars import TiersField, price_field
from billing.models import (
    LedgerEntry,
    ModelPrice,
    PriceField,
    PriceOverride,
    UsageRecord,
    UsageRollup,
    Wallet,
)
from billing.price_versions import next_version, version_in_force
from billing.pricing import KINDS
from billing.rollups import created_in_any, rolled_until
from billing.spans import ALWAYS, Span
from billing.tiers import format_tiers
from billing.totals import Scope, spans_of_nearest
from config.kernel.errors import InsufficientCredit
from config.kernel.ids import first_uuid7_of
from config.kernel.money import format_ratio, format_usd

IN_FORCE, SCHEDULED, REPLACED = "in_force", "scheduled", "replaced"
PRICE_STATES = {IN_FORCE: _("In force"), SCHEDULED: _("Scheduled"), REPLACED: _("Replaced")}
USERS_SEARCHED = 50
PRIMARY = ActionVariant.PRIMARY

# ── Prices ───────────────────────────────────────────────────────────────────


class TagsField(forms.CharField):
    """Words separated by commas, kept as a list."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        return [word.strip() for word in super().clean(value).split(",") if word.strip()]


class DollarPrices(StaffAdmin):
    """Prices are typed in dollars, tiers in lines."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, PriceField):
            return price_field(db_field)
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "tiers":
            hint = _("A line for each: 200000: input=2.50, output=15, cache_read=0.25 prices the whole call above it.")
            return TiersField(label=capfirst(db_field.verbose_name), required=False, help_text=hint)
        return field


class ModelPriceForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean(self) -> dict[str, Any]:
        """A version that begins before the one in force would be history that never was."""
        values = super().clean() or self.cleaned_data
        current = version_in_force(values.get("model", ""))
        starts = values.get("effective_from")
        if current and starts and starts < current.effective_from:
            self.add_error("effective_from", _("The version in force began later than this."))
        return values


@admin.register(ModelPrice)
class ModelPriceAdmin(DollarPrices):
    """Versions: a row that was ever in force stays as it is, a new one takes over from its date."""

    list_display = ("model", "provider", "input_usd", "cached_usd", "output_usd", "call_usd", "effective_from", "state")
    list_filter = ("provider",)
    search_fields = ("model", "provider")
    ordering = ("model", "-effective_from")
    actions = None
    actions_row = ("new_version",)
    actions_detail = ("new_version",)
    form = ModelPriceForm
    input_usd = usd_column("input", _("input / 1M"))
    cached_usd = usd_column("cache_read", _("cached / 1M"))
    cache_write_usd = usd_column("cache_write", _("cache write / 1M"))
    output_usd = usd_column("output", _("output / 1M"))
    reasoning_usd = usd_column("reasoning", _("reasoning / 1M"))
    write_1h_usd = usd_column("cache_write_1h", _("cache write for 1 h / 1M"))
    audio_in_usd = usd_column("audio_input", _("audio input / 1M"))
    audio_out_usd = usd_column("audio_output", _("audio output / 1M"))
    image_in_usd = usd_column("image_input", _("image input / 1M"))
    call_usd = usd_column("per_call", _("per call"))
    ABOUT = ("model", "provider", "effective_from", "max_output_tokens", "display_currency")
    TYPED = (
        "input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning",
        "audio_input", "audio_output", "image_input", "per_call", "tiers",
    )  # fmt: skip
    SHOWN = (
        "input_usd", "cached_usd", "cache_write_usd", "write_1h_usd", "output_usd", "reasoning_usd",
        "audio_in_usd", "audio_out_usd", "image_in_usd", "call_usd", "tiers_list",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelPrice]:
        newer = ModelPrice.objects.filter(
            model=OuterRef("model"), effective_from__gt=OuterRef("effective_from"), effective_from__lte=timezone.now()
        )
        return super().get_queryset(request).annotate(is_replaced=Exists(newer))

    def get_fieldsets(self, request: HttpRequest, obj: ModelPrice | None = None) -> Any:
        """Amounts are typed into the form of a new version, and shown in dollars on the page of an existing one."""
        tags, amounts = ("tags", self.TYPED) if obj is None else ("tags_list", self.SHOWN)
        return ((None, {"fields": (*self.ABOUT, tags)}), (_("Dollars per million tokens"), {"fields": amounts}))

    def get_readonly_fields(self, request: HttpRequest, obj: ModelPrice | None = None) -> tuple[str, ...]:
        return () if obj is None else (*self.ABOUT, "tags_list", *self.SHOWN)

    @admin.display(description=_("capabilities"))
    def tags_list(self, price: ModelPrice) -> str:
        return ", ".join(price.tags) or "–"

    @admin.display(description=_("long prompts"))
    def tiers_list(self, price: ModelPrice) -> str:
        return format_tiers(price.tiers) or "–"

    @display(description=_("state"), label={IN_FORCE: "success", SCHEDULED: "info", REPLACED: None})
    def state(self, price: ModelPrice) -> Any:
        is_replaced = getattr(price, "is_replaced", False)
        name = SCHEDULED if price.effective_from > timezone.now() else REPLACED if is_replaced else IN_FORCE
        return name, PRICE_STATES[name]

    def has_change_permission(self, request: HttpRequest, obj: ModelPrice | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ModelPrice | None = None) -> bool:
        """Only a version that has not come into force, so that nobody can have been charged by it."""
        is_future = obj is not None and obj.effective_from > timezone.now()
        return is_future and super().has_delete_permission(request, obj)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "tags":
            return TagsField(label=capfirst(db_field.verbose_name), required=False, help_text=_("Separated by commas."))
        return field

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """With `?from=ID`, that version's numbers, in force from now."""
        source = request.GET.get("from", "")
        price = ModelPrice.objects.filter(pk=source).first() if source.isdecimal() else None
        if price is None:
            return {}
        return forms.model_to_dict(next_version(price))

    def has_version_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        # A method, not "billing.add_modelprice": Unfold's system check looks such a name up, also before `migrate`.
        return request.user.has_perm("billing.add_modelprice")

    @action(description=_("New version"), icon="add", variant=PRIMARY, permissions=["version"])
    def new_version(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(reverse("admin:billing_modelprice_add") + f"?from={int(object_id)}")


@admin.register(PriceOverride)
class PriceOverrideAdmin(DollarPrices):
    """What one customer pays instead of the list price, or instead of a group's ratio, from the next call on."""

    list_display = ("user", "model_label", "group", "ratio_label", "input_usd", "output_usd")
    list_select_related = ("user", "group")
    search_fields = ("user__email", "model")
    autocomplete_fields = ("user",)
    input_usd = usd_column("input", _("input / 1M"))
    output_usd = usd_column("output", _("output / 1M"))
    fieldsets = (
        (None, {"fields": ("user",)}),
        (_("A price for a model"), {"fields": ("model", *ModelPriceAdmin.TYPED)}),
        (_("Or a ratio for a group"), {"fields": ("group", "ratio_ppm")}),
    )

    @admin.display(description=_("model"), ordering="model")
    def model_label(self, override: PriceOverride) -> str:
        return override.model or "–"

    @admin.display(description=_("group ratio"), ordering="ratio_ppm")
    def ratio_label(self, override: PriceOverride) -> str:
        return "–" if override.ratio_ppm is None else format_ratio(override.ratio_ppm)


# ── Wallets ──────────────────────────────────────────────────────────────────


class WalletColumns:
    """How a wallet is shown, in its list and on its user's page."""

    balance_usd = usd_column("balance", _("balance"))
    held_usd = usd_column("held", _("held"))
    available_usd = usd_column("available", _("available"), sortable=False)


@admin.register(Wallet)
class WalletAdmin(WalletColumns, ReadOnlyAdmin):
    list_display = ("user", "balance_usd", "held_usd", "available_usd")
    list_select_related = ("user",)
    search_fields = ("user__email", "user__name")
    ordering = ("-id",)
    fields = ("user", "balance_usd", "held_usd", "available_usd", "see_also")
    readonly_fields = ("balance_usd", "held_usd", "available_usd", "see_also")
    actions_detail = ("adjust",)
    actions_row = ("adjust",)

    @admin.display(description=_("see also"))
    def see_also(self, wallet: Wallet) -> str:
        url = reverse("admin:billing_ledgerentry_changelist") + f"?wallet__id__exact={wallet.pk}"
        return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, _("Ledger"))

    def has_adjust_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("billing.add_ledgerentry")

    @action(description=_("Adjust"), icon="balance", variant=PRIMARY, permissions=["adjust"])
    def adjust(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The form, and its one entry in the ledger."""
        wallet = get_object_or_404(Wallet.objects.select_related("user"), pk=object_id)
        form = AdjustmentForm(request.POST or None)
        if form.is_valid() and self._post(request, wallet, form):
            return redirect("admin:billing_wallet_change", wallet.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Adjust the wallet of %(user)s") % {"user": wallet.user},
            "opts": self.opts,
            "wallet": wallet,
            "form": form,
        }
        return render(request, "admin/billing/wallet/adjust.html", context)

    def _post(self, request: HttpRequest, wallet: Wallet, form: AdjustmentForm) -> bool:
        assert isinstance(request.user, User)
        amount = form.cleaned_data["amount"]
        try:
            is_new = adjust_wallet(wallet=wallet, actor=request.user, **form.cleaned_data)
        except InsufficientCredit:
            wallet.refresh_from_db()
            words = _("Only %(amount)s are available to take: what is set aside for running calls stays.")
            form.add_error("amount", words % {"amount": format_usd(wallet.available)})
            return False
        if is_new:
            self.log_change(request, wallet, f"Adjusted by {format_usd(amount)}: {form.cleaned_data['reason']}")
            self.message_user(request, _("Adjusted by %(amount)s.") % {"amount": format_usd(amount)}, messages.SUCCESS)
        else:
            self.message_user(request, _("This adjustment was made already; nothing changed."), messages.INFO)
        return True


class WalletInline(WalletColumns, StackedInline):
    """On the user's page."""

    model = Wallet
    fields = readonly_fields = ("balance_usd", "held_usd", "available_usd")
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


@admin.register(LedgerEntry)
class LedgerEntryAdmin(EndlessAdmin):
    list_display = ("time", "wallet", "kind", "amount_usd", "after_usd", "reason", "actor")
    list_display_links = ("time",)
    list_filter = ("kind",)
    list_select_related = ("wallet__user", "actor")
    search_fields = ("wallet__user__email", "idempotency_key", "reference")
    search_help_text = _("E-mail, reference or idempotency key")
    amount_usd = usd_column("amount", _("amount"))
    after_usd = usd_column("balance_after", _("balance after"))
    fields = readonly_fields = (
        "created_at",
        "wallet",
        "kind",
        "amount_usd",
        "after_usd",
        "reference",
        "reason",
        "actor",
        "idempotency_key",
    )

    @admin.display(description=_("time"))
    def time(self, entry: LedgerEntry) -> str:
        return short_time(entry.created_at)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        linked = ("wallet__id__exact", "wallet__user__id__exact")
        return lookup in linked or super().lookup_allowed(lookup, value, request)


# ── Usage ────────────────────────────────────────────────────────────────────


class ModelFilter(admin.SimpleListFilter):
    """By the models of the price list: asking the usage itself would read all of it."""

    title = _("model")
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        models_sold = ModelPrice.objects.order_by("model").values_list("model", flat=True).distinct()
        return [(model, model) for model in models_sold]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(model=self.value()) if self.value() else queryset


MOST_PAGES = 1_000  # from the first one on; whoever turns further waits longer


class UsageModelFilter(ModelFilter):
    """A model that is called now and then is looked for where it was: there is no index of requests by model."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found = super().queryset(request, queryset)
        return found.filter(created_in_any(_stretches(request, self.value() or ""))) if self.value() else found


def _stretches(request: HttpRequest, model: str) -> list[Span]:
    """Where the newest calls of a model are, as many as a page and those before it show."""
    user, page = request.GET.get("user__id__exact", ""), request.GET.get("p", "1")
    if request.GET.get("q") or not page.isdecimal() or int(page) > MOST_PAGES:
        return [ALWAYS]
    scope = Scope(int(user) if user.isdecimal() else None, model=model, status=request.GET.get("status__exact", ""))
    limit = int(page) * UsageRecordAdmin.list_per_page + 1
    return spans_of_nearest(scope, ALWAYS, mark=rolled_until(), limit=limit, before=timezone.now())


class AgeFilter(admin.SimpleListFilter):
    """A range of the primary key, which has the time in it."""

    title = _("time")
    parameter_name = "within"
    SPANS = (("1", _("Last hour")), ("24", _("Last 24 hours")), ("168", _("Last 7 days")), ("720", _("Last 30 days")))

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return self.SPANS

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        hours = self.value()
        if hours not in dict(self.SPANS):
            return queryset
        return queryset.filter(pk__gte=first_uuid7_of(timezone.now() - timedelta(hours=int(hours))))


@admin.register(UsageRecord)
class UsageRecordAdmin(EndlessAdmin):
    list_display = ("time", "user", "token_label", "model", "tokens", "charge_usd", "state", "channel_label")
    list_display_links = ("time",)
    list_filter = (AgeFilter, "status", UsageModelFilter)
    list_select_related = ("user",)
    search_fields = ("id",)
    search_help_text = _("Request id or e-mail")
    charge_usd = usd_column("charge", _("charge"))
    hold_usd = usd_column("hold", _("hold"))
    cost_usd = usd_column("cost", _("cost"))
    TONES = {"open": "info", "settled": "success", "failed": "danger", "abandoned": "warning"}
    state = state_column("status", TONES, _("status"))
    RARE = ("cache_write_1h_tokens", "audio_input_tokens", "audio_output_tokens", "image_input_tokens")
    fieldsets = (
        (None, {"fields": ("id", "created_at", "settled_at", "lease_until", "status", "end_reason", "rule")}),
        (_("Call"), {"fields": ("user", "token_name", "group", "endpoint", "model", "is_stream")}),
        (_("Charge"), {"fields": ("charge_usd", "hold_usd", "cost_usd", "terms", "is_suspect")}),
        (pgettext_lazy("counted by models", "Tokens"), {"fields": tuple(f"{kind}_tokens" for kind in KINDS)}),
        (
            _("Upstream"),
            {"fields": ("channel_name", "tried", "http_status", "error_code", "first_byte_ms", "total_ms")},
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: UsageRecord | None = None) -> Any:
        """Without the rarer kinds of tokens where nobody counted any."""
        rare = [field for field in self.RARE if getattr(obj, field, None) is None]
        return [
            (title, {**options, "fields": tuple(field for field in options["fields"] if field not in rare)})
            for title, options in self.fieldsets
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: UsageRecord | None = None) -> tuple[str, ...]:
        return tuple(field for _title, options in self.fieldsets for field in options["fields"])

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[UsageRecord], search_term: str
    ) -> tuple[QuerySet[UsageRecord], bool]:
        """A request id finds its row; anything else is part of the e-mail of at most USERS_SEARCHED users."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(pk=UUID(term)), False
        except ValueError:
            users = User.objects.filter(email__icontains=term).values_list("pk", flat=True)[:USERS_SEARCHED]
            return queryset.filter(user_id__in=list(users)), False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup == "user__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description=_("time"))
    def time(self, record: UsageRecord) -> str:
        return short_time(record.created_at)

    @admin.display(description=_("token"))
    def token_label(self, record: UsageRecord) -> str:
        return record.token_name

    @admin.display(description=_("tokens, in → out"))
    def tokens(self, record: UsageRecord) -> str:
        usage = record.usage
        return "–" if record.output_tokens is None else f"{usage.prompt_total:,} → {usage.completion_total:,}"

    @admin.display(description=_("channel"))
    def channel_label(self, record: UsageRecord) -> str:
        return record.channel_name or "–"

    @admin.display(description=_("attempts"))
    def tried(self, record: UsageRecord) -> str:
        """Each on a line: the channel, how it answered, and after how long."""
        told = [[each.get(part) for part in ("channel", "status", "error")] for each in record.attempts]
        times = [f"{each.get('ms', 0)} ms" for each in record.attempts]
        lines = [" · ".join(str(part) for part in [*parts, ms] if part) for parts, ms in zip(told, times, strict=True)]
        return format_html_join(mark_safe("<br>"), "{}", ((line,) for line in lines)) or "–"

    @admin.display(description=_("terms"))
    def terms(self, record: UsageRecord) -> str:
        """The prices of its own row, per million tokens, and the ratio they were multiplied by."""
        quote = record.quote
        rates = {**quote.prices.rates_for(record.usage.prompt_total).rates_dict(), "per_call": quote.prices.per_call}
        prices = " · ".join(f"{name} {format_usd(nano)}" for name, nano in rates.items() if nano)
        return f"({prices or '$0.00'}) × {format_ratio(record.ratio_ppm)}"


@admin.register(UsageRollup)
class UsageRollupAdmin(EndlessAdmin):
    list_display = (
        "hour",
        "user",
        "model",
        "group",
        "requests",
        "succeeded",
        "input_tokens",
        "cached_tokens",
        "output_tokens",
        "charge_usd",
    )
    list_filter = (ModelFilter,)
    list_select_related = ("user",)
    search_fields = ("user__email",)
    charge_usd = usd_column("charge", _("charge"))


@admin.display(description=_("balance"), ordering="wallet__balance")
def balance_of(user: User) -> str:
    """For the list of users. Nobody is ever without a wallet but users of a time before wallets."""
    return format_usd(user.wallet.balance) if hasattr(user, "wallet") else "–"


UserAdmin.also_show(
    columns=(balance_of,),
    inlines=(WalletInline,),
    related=("wallet",),
    links=(
        (_("Ledger"), "admin:billing_ledgerentry_changelist", "wallet__user__id__exact"),
        (_("Usage log"), "admin:billing_usagerecord_changelist", "user__id__exact"),
    ),
)
