"""How amounts, states and links are shown, and forms that ask for a reason before something is done."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.models import User
from accounts.staff import Column, short_time
from orders.fiat import decimal_fiat, format_fiat, parse_fiat

LINK = "text-primary-600 dark:text-primary-500"


def fiat_column(field: str, label: Any) -> Column:
    """A column that shows the minor units of `field` in the row's currency, and a dash for none."""

    @admin.display(description=label, ordering=field)
    def column(_admin: Any, row: Any) -> str:
        minor = getattr(row, field)
        return "–" if minor is None else format_fiat(minor, row.currency)

    return column


def time_column(field: str, label: Any) -> Column:
    """A column of moments that can be scanned."""

    @admin.display(description=label, ordering=field)
    def column(_admin: Any, row: Any) -> str:
        moment = getattr(row, field)
        return short_time(moment) if moment else "–"

    return column


def plain_column(field: str, label: Any) -> Column:
    """A column of text or numbers that the model has no words of its own for, and a dash for none."""

    @admin.display(description=label, ordering=field)
    def column(_admin: Any, row: Any) -> str:
        value = getattr(row, field)
        return "–" if value in (None, "") else str(value)

    return column


def link_to(row: Model, words: object = "") -> SafeString:
    """A link to the row's own page of the admin."""
    return format_html('<a class="{}" href="{}">{}</a>', LINK, url_of(row), words or row)


def url_of(row: Model) -> str:
    """The row's own page of the admin."""
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])


def link_column(field: str, label: Any) -> Callable[[Any, Any], str | SafeString]:
    """A column that leads to a related row, and a dash for none."""

    @admin.display(description=label)
    def column(_admin: Any, row: Any) -> str | SafeString:
        related = getattr(row, field)
        return link_to(related) if related is not None else "–"

    return column


def actor_of(request: HttpRequest) -> User:
    """Who is at the keyboard: the admin lets nobody in without an account."""
    assert isinstance(request.user, User)
    return request.user


# ── Forms ────────────────────────────────────────────────────────────────────


class ReasonForm(forms.Form):
    """Why: kept in the order's history."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Kept in the order's history with your name."),
    )


class OptionalReasonForm(ReasonForm):
    """Where nothing is decided, a reason may be left out."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = False


class FiatField(forms.CharField):
    """An amount in the currency that the form sets as `currency`; cleans to minor units, or None when empty."""

    widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"})
    currency = "CNY"

    def prepare_value(self, value: Any) -> Any:
        return decimal_fiat(value, self.currency) if isinstance(value, int) else value

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_fiat(text, self.currency)
        except ValueError:
            raise ValidationError(_("Enter an amount such as 9.90.")) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


def operation_page(
    model_admin: Any,
    request: HttpRequest,
    row: Model | None,
    form: forms.Form,
    *,
    title: Any,
    lead: Any,
    submit: Any,
    facts: Any = (),
    is_grave: bool = False,
    **more: Any,
) -> HttpResponse:
    """A page that says what will be done (`lead`), shows `facts` (word, value), and asks for the form."""
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "opts": model_admin.opts,
        "original": row,
        "back_url": url_of(row) if row else "",
        "form": form,
        "lead": lead,
        "submit_word": submit,
        "facts": facts,
        "is_grave": is_grave,
        **more,
    }
    return render(request, "admin/orders/operation.html", context)
