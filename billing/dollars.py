"""A form field for amounts: people type dollars, rows keep nano-dollars."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from config.kernel.money import NanoUSD, decimal_usd, format_usd, usd


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
            amount = usd(text.removeprefix("$"))
        except ValueError:
            raise ValidationError(_("Enter dollars, such as 2.50, with at most nine decimals.")) from None
        if not self.least <= amount <= self.most:
            limits = {"least": format_usd(self.least), "most": format_usd(self.most)}
            raise ValidationError(_("Enter between %(least)s and %(most)s.") % limits)
        return amount

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)
