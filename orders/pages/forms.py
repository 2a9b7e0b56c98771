"""What buyers type. A refusal of a service is put beside the field it is about."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from config.kernel.errors import DomainError
from orders.models import Package

_FIELD_OF = {"couponCode": "coupon", "email": "email"}


class PurchaseForm(forms.Form):
    """Who buys, and a coupon."""

    email = forms.EmailField(label=_("Email"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"}))
    coupon = forms.CharField(
        label=_("Coupon"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )

    def refuse(self, error: DomainError) -> None:
        """Show why a service said no."""
        named = next((_FIELD_OF[name] for name in error.details or {} if name in _FIELD_OF), None)
        self.add_error(named, error.message)


class KeyTopUpForm(PurchaseForm):
    """The same for the top-up of a key, which chooses its package on the page."""

    package = forms.ChoiceField(label=_("Package"))

    field_order = ("package", "email", "coupon")

    def __init__(self, *args: Any, packages: Sequence[Package], **options: Any) -> None:
        super().__init__(*args, **options)
        self.packages = packages
        field = self.fields["package"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(package.code, package.name) for package in packages]

    @property
    def chosen(self) -> str:
        """The code of the package that is marked: at first the cheapest."""
        codes = [package.code for package in self.packages]
        wanted = self["package"].value()
        return wanted if wanted in codes else next(iter(codes), "")


class KeyForm(forms.Form):
    """A key, pasted."""

    api_key = forms.CharField(
        label=_("API key"),
        max_length=200,
        widget=forms.PasswordInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "sk-…", "class": "mono"}
        ),
    )


class FindForm(forms.Form):
    """What finds an order."""

    number = forms.CharField(
        label=_("Order number"),
        max_length=32,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "BUY202604060930K7QF", "class": "mono"}
        ),
    )
    email = forms.EmailField(label=_("Email"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"}))
