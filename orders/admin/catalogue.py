"""What is for sale, and what makes it cheaper. Amounts are typed as people write them, rows keep minor units."""

import re
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from accounts.staff import StaffAdmin, short_time
from billing.currencies import CURRENCIES
from config.kernel.money import format_usd, quota_to_nano
from orders.admin.shared import FiatField
from orders.fiat import format_fiat
from orders.models import Coupon, Package
from orders.models.catalogue import BPS, MAX_PRICE_MINOR


class PricedForm(forms.ModelForm):  # type: ignore[type-arg]
    """Amounts are read in the currency that stands in the same form."""

    amounts: tuple[tuple[str, str], ...] = ()  # a field of the form, the column of minor units behind it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, column in self.amounts:
            field: Any = self.fields[name]
            field.currency = self._currency
            field.initial = getattr(self.instance, column) if self.instance.pk else None

    @property
    def _currency(self) -> str:
        return str(self.data.get(self.add_prefix("currency")) or self.instance.currency).upper()

    def clean_currency(self) -> str:
        currency = str(self.cleaned_data["currency"]).upper()
        if currency not in CURRENCIES:
            raise ValidationError(_("Enter the three letters of a currency, such as CNY."))
        return currency

    def _keep_amounts(self) -> None:
        for name, column in self.amounts:
            if (minor := self.cleaned_data.get(name)) is not None:
                setattr(self.instance, column, minor)


class PackageForm(PricedForm):
    price = FiatField(label=_("Price"), help_text=_("In the currency: 20.00."))
    amounts = (("price", "price_minor"),)

    class Meta:
        model = Package
        fields = (
            "kind",
            "code",
            "name",
            "currency",
            "base_quota",
            "bonus_quota",
            "group",
            "valid_days",
            "per_customer",
            "is_active",
            "sort_order",
        )

    def clean_price(self) -> int:
        price: int = self.cleaned_data["price"]
        if price > MAX_PRICE_MINOR:
            raise ValidationError(_("This is too much."))
        return price

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("kind") == Package.Kind.TOP_UP:
            for name in ("group", "valid_days"):
                if values.get(name):
                    self.add_error(name, _("A top-up delivers no key: leave this empty."))
        self._keep_amounts()
        return values


@admin.register(Package)
class PackageAdmin(StaffAdmin):
    form = PackageForm
    list_display = ("name", "code", "kind", "price", "credit", "bonus", "group", "is_active", "sort_order")
    list_filter = ("kind", "is_active")
    list_select_related = ("group",)
    search_fields = ("name", "code")
    actions = ("put_on_sale", "take_off_sale")
    fieldsets = (
        (None, {"fields": ("kind", ("code", "name"), ("currency", "price"), ("base_quota", "bonus_quota"))}),
        (_("Delivered key"), {"fields": (("group", "valid_days"),)}),
        (_("Sale"), {"fields": ("per_customer", ("is_active", "sort_order"))}),
    )

    @admin.display(description=_("price"), ordering="price_minor")
    def price(self, package: Package) -> str:
        return format_fiat(package.price_minor, package.currency)

    @admin.display(description=_("credit"), ordering="base_quota")
    def credit(self, package: Package) -> str:
        return _as_dollars(package.base_quota)

    @admin.display(description=_("bonus"), ordering="bonus_quota")
    def bonus(self, package: Package) -> str:
        return _as_dollars(package.bonus_quota)

    def has_delete_permission(self, request: HttpRequest, obj: Package | None = None) -> bool:
        """One that was ordered stays; it can be taken off sale."""
        return super().has_delete_permission(request, obj) and not (obj and obj.orders.exists())

    @admin.action(description=_("Put on sale"), permissions=["change"])
    def put_on_sale(self, request: HttpRequest, queryset: "QuerySet[Package]") -> None:
        queryset.update(is_active=True)

    @admin.action(description=_("Take off sale"), permissions=["change"])
    def take_off_sale(self, request: HttpRequest, queryset: "QuerySet[Package]") -> None:
        queryset.update(is_active=False)


def _as_dollars(quota: int) -> str:
    return format_usd(quota_to_nano(quota, quota_per_usd=settings.QUOTA_PER_USD))


# ── Coupons ──────────────────────────────────────────────────────────────────


class PercentField(forms.CharField):
    """`10`, `12.5`, `33.33 %`; cleans to basis points, or None when empty."""

    widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def prepare_value(self, value: Any) -> Any:
        return percent_words(value) if isinstance(value, int) else value

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        match = re.fullmatch(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?\s*%?", text, re.ASCII)
        bps = int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0")) if match else 0
        if not 1 <= bps <= BPS:
            raise ValidationError(_("Enter a percentage up to 100, such as 10 or 12.5."))
        return bps

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


def percent_words(bps: int) -> str:
    """`10`, `12.5`."""
    return f"{bps // 100}.{bps % 100:02d}".rstrip("0").rstrip(".")


class CouponForm(PricedForm):
    percent = PercentField(label=_("Percent off"), required=False, help_text=_("10 takes a tenth off."))
    off = FiatField(label=_("Amount off"), required=False, help_text=_("Of an amount, in the coupon's currency: 5.00."))
    amounts = (("off", "off_minor"),)

    class Meta:
        model = Coupon
        fields = (
            "code",
            "kind",
            "currency",
            "starts_at",
            "ends_at",
            "max_uses",
            "per_customer",
            "packages",
            "is_active",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["percent"].initial = self.instance.off_bps or None
        self.fields["off"].initial = self.instance.off_minor or None
        packages: Any = self.fields["packages"]
        packages.widget = UnfoldAdminCheckboxSelectMultipleWidget(choices=packages.choices)
        packages.help_text = Coupon._meta.get_field("packages").help_text  # without how to choose in a list box

    def clean_code(self) -> str:
        return str(self.cleaned_data["code"]).strip().upper()

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        is_percent = values.get("kind") == Coupon.Kind.PERCENT
        wanted = "percent" if is_percent else "off"
        if wanted not in self.errors and not values.get(wanted):
            self.add_error(wanted, _("Say how much it takes off."))
        self.instance.off_bps = (values.get("percent") or 0) if is_percent else 0
        self.instance.off_minor = 0 if is_percent else (values.get("off") or 0)
        return values


RUNNING, PLANNED, OVER, OFF = "running", "planned", "over", "off"
COUPON_STATES = {RUNNING: _("Running"), PLANNED: _("Planned"), OVER: _("Over"), OFF: _("Switched off")}


@admin.register(Coupon)
class CouponAdmin(StaffAdmin):
    form = CouponForm
    list_display = ("code", "takes_off", "window", "used", "per_customer", "state")
    list_filter = ("is_active", "kind")
    search_fields = ("code",)
    ordering = ("-created_at",)
    actions = ("switch_on", "switch_off")
    fieldsets = (
        (None, {"fields": ("code", "kind", ("percent", "off"), "currency")}),
        (_("Limits"), {"fields": ("starts_at", "ends_at", ("max_uses", "per_customer"), "packages")}),
        (_("State"), {"fields": ("is_active", "used")}),
    )
    readonly_fields = ("used",)

    @admin.display(description=_("takes off"))
    def takes_off(self, coupon: Coupon) -> str:
        if coupon.kind == Coupon.Kind.PERCENT:
            return f"{percent_words(coupon.off_bps)} %"
        return format_fiat(coupon.off_minor, coupon.currency)

    @admin.display(description=_("valid"), ordering="ends_at")
    def window(self, coupon: Coupon) -> str:
        until = short_time(coupon.ends_at) if coupon.ends_at else "…"
        return f"{short_time(coupon.starts_at)} – {until}"

    @admin.display(description=_("used or reserved"), ordering="uses")
    def used(self, coupon: Coupon) -> str:
        return f"{coupon.uses} / {coupon.max_uses}" if coupon.max_uses else str(coupon.uses)

    @display(description=_("state"), label={RUNNING: "success", PLANNED: "info", OVER: "warning", OFF: "danger"})
    def state(self, coupon: Coupon) -> Any:
        name = _state_of(coupon)
        return name, COUPON_STATES[name]

    def has_delete_permission(self, request: HttpRequest, obj: Coupon | None = None) -> bool:
        """One that was used stays on its orders; it can be switched off."""
        return super().has_delete_permission(request, obj) and not (obj and obj.orders.exists())

    @admin.action(description=_("Switch on"), permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: "QuerySet[Coupon]") -> None:
        self._switch(request, queryset, is_active=True)

    @admin.action(description=_("Switch off"), permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: "QuerySet[Coupon]") -> None:
        self._switch(request, queryset, is_active=False)

    def _switch(self, request: HttpRequest, queryset: "QuerySet[Coupon]", *, is_active: bool) -> None:
        rows = list(queryset.exclude(is_active=is_active))
        Coupon.objects.filter(pk__in=[row.pk for row in rows]).update(is_active=is_active)
        for row in rows:
            self.log_change(request, row, "Switched on." if is_active else "Switched off.")
        words = ngettext("%(count)d coupon changed.", "%(count)d coupons changed.", len(rows)) % {"count": len(rows)}
        self.message_user(request, words, messages.SUCCESS if rows else messages.WARNING)


def _state_of(coupon: Coupon) -> str:
    now = timezone.now()
    if not coupon.is_active:
        return OFF
    if coupon.starts_at > now:
        return PLANNED
    is_over = (coupon.ends_at is not None and coupon.ends_at <= now) or (
        coupon.max_uses is not None and coupon.uses >= coupon.max_uses
    )
    return OVER if is_over else RUNNING
