"""Form fields for amounts: people type dollars, rows keep nano-dollars."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import BigIntegerField
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from billing.tiers import MAX_PRICE, format_tiers, parse_tiers
from config.kernel.money import MINUS, NanoUSD, decimal_usd, format_usd, usd


class DollarsField(forms.CharField):
    """Exact dollars, down to a nano-dollar; cleans to NanoUSD, or None when empty. Bounds are nano-dollars."""

    widget = UnfoldAdminTextInputWidget(
        attrs={"inputmode": "decimal", "prefix": "$", "class": "pl-7", "autocomplete": "off"}
    )

    def __init__(self, *, least: int = 0, most: int, **kwargs: Any) -> None:
        super().__init__(max_length=32, **kwargs)
        self.least, self.most = least, most

    def prepare_value(self, value: Any) -> Any:
        """A row's number as dollars; what somebody typed as it was typed."""
        return decimal_usd(value) if isinstance(value, int) else value

    def clean(self, value: Any) -> NanoUSD | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            amount = usd(text.replace(MINUS, "-").replace("$", "", 1))  # also as pages write it
        except ValueError:
            raise ValidationError(_("Enter dollars, such as 2.50, with at most nine decimals.")) from None
        if not self.least <= amount <= self.most:
            limits = {"least": format_usd(self.least), "most": format_usd(self.most)}
            raise ValidationError(_("Enter between %(least)s and %(most)s.") % limits)
        return amount

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class TiersField(forms.CharField):
    """What long prompts cost, a line for each threshold; cleans to what the row keeps."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})

    def prepare_value(self, value: Any) -> Any:
        return format_tiers(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[dict[str, int]]:
        try:
            return parse_tiers(super().clean(value))
        except ValueError as error:
            raise ValidationError(str(error)) from None


def price_field(column: "BigIntegerField[Any, Any]") -> DollarsField:
    """The form field of a `PriceField`."""
    return DollarsField(
        label=capfirst(column.verbose_name), help_text=column.help_text, required=not column.null, most=MAX_PRICE
    )
