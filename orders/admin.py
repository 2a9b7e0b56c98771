"""Packages: what is for sale."""

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.staff import StaffAdmin
from config.kernel.money import format_usd, quota_to_nano
from orders.fiat import format_fiat
from orders.models import Package


class PackageForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Package
        fields = (
            "kind",
            "code",
            "name",
            "currency",
            "price_minor",
            "base_quota",
            "bonus_quota",
            "is_active",
            "sort_order",
        )

    def clean_currency(self) -> str:
        return str(self.cleaned_data["currency"]).upper()


@admin.register(Package)
class PackageAdmin(StaffAdmin):
    form = PackageForm
    list_display = ("name", "code", "kind", "price", "credit", "bonus", "is_active", "sort_order")
    list_filter = ("kind", "is_active")
    search_fields = ("name", "code")
    actions = ("put_on_sale", "take_off_sale")

    @admin.display(description=_("price"), ordering="price_minor")
    def price(self, package: Package) -> str:
        return format_fiat(package.price_minor, package.currency)

    @admin.display(description=_("credit"), ordering="base_quota")
    def credit(self, package: Package) -> str:
        return _as_dollars(package.base_quota)

    @admin.display(description=_("bonus"), ordering="bonus_quota")
    def bonus(self, package: Package) -> str:
        return _as_dollars(package.bonus_quota)

    @admin.action(description=_("Put on sale"), permissions=["change"])
    def put_on_sale(self, request: HttpRequest, queryset: QuerySet[Package]) -> None:
        queryset.update(is_active=True)

    @admin.action(description=_("Take off sale"), permissions=["change"])
    def take_off_sale(self, request: HttpRequest, queryset: QuerySet[Package]) -> None:
        queryset.update(is_active=False)


def _as_dollars(quota: int) -> str:
    return format_usd(quota_to_nano(quota, quota_per_usd=settings.QUOTA_PER_USD))
