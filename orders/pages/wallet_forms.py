"""The forms of the wallet and the filter of the orders."""

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from billing.dollars import DollarsField
from config.kernel.money import MAX_NANO
from orders.models import Package

_CODE = {"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}


class TopUpForm(forms.Form):
    """Which package, and a coupon perhaps. Whether the coupon applies is decided with the order."""

    package = forms.ChoiceField(
        label=_("Package"), error_messages={"invalid_choice": _("This package is not on sale any more.")}
    )
    coupon = forms.CharField(label=_("Coupon"), required=False, max_length=40, widget=forms.TextInput(attrs=_CODE))

    def __init__(self, data: QueryDict | None = None, *, packages: list[Package], package: str = "") -> None:
        super().__init__(data, initial={"package": package})
        choice = self.fields["package"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [(package.code, package.name) for package in packages]

    @property
    def chosen(self) -> str:
        """The package that is ticked: what was sent, else the first."""
        codes = [code for code, _name in self.fields["package"].choices]  # type: ignore[attr-defined]
        sent = self["package"].value()
        return sent if sent in codes else next(iter(codes), "")


class RedeemForm(forms.Form):
    """A redemption code as it was typed."""

    code = forms.CharField(
        label=_("Redemption code"),
        max_length=80,
        widget=forms.TextInput(attrs=_CODE | {"placeholder": "XXXX-XXXX-XXXX-XXXX", "class": "mono"}),
    )


class NoticeForm(forms.Form):
    """Below which balance to send a mail; empty for never."""

    below = DollarsField(
        label=_("Send a mail below"),
        least=1,
        most=MAX_NANO,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "placeholder": "5.00"}),
        help_text=_("US dollars. Empty: no mail."),
    )
