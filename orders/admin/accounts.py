"""Accounts at payment gateways: settings as the provider names them, and secrets that go in and never come out."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.staff import StaffAdmin
from config.kernel.sealing import SealBroken
from orders.admin.shared import time_column
from orders.models import ProviderAccount
from orders.payments.accounts import FREE, open_secrets, problems_of, set_secrets
from orders.payments.paying import notify_url
from orders.payments.selftest import self_test
from orders.providers.base import Option
from orders.providers.no_gateway import NoGateway
from orders.providers.registry import PROVIDERS

MAX_OPTION, MAX_SECRET = 2_000, 8_000
OFFERED, OFF, BROKEN = "offered", "off", "broken"
STATES = {OFFERED: gettext_lazy("Offered"), OFF: gettext_lazy("Not offered"), BROKEN: gettext_lazy("Can't be used")}
REAL, TEST = "real", "test"
MODES = {REAL: gettext_lazy("Real money"), TEST: gettext_lazy("Test")}


def options_of(provider: str) -> list[Option]:
    """What its accounts have to say; nothing for a protocol that is not known any more."""
    return list(PROVIDERS[provider].options) if provider in PROVIDERS else []


def field_name(option: Option) -> str:
    """Under which it stands in the form: an option may be called like a column."""
    return f"{'secret' if option.secret else 'option'}_{option.name}"


def label_of(provider: str) -> str:
    """What operators call it."""
    return _(PROVIDERS[provider].label) if provider in PROVIDERS else provider


class NewAccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """Which protocol it speaks decides what is asked next."""

    provider = forms.ChoiceField(label=gettext_lazy("Provider"), widget=UnfoldAdminSelectWidget)

    class Meta:
        model = ProviderAccount
        fields = ("provider", "slug", "name", "is_live")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        provider: Any = self.fields["provider"]
        provider.choices = [(code, label_of(code)) for code in PROVIDERS if code != FREE]


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """Columns, and a field for each Option of the provider: see `form_for`."""

    asked: ClassVar[list[Option]] = []

    class Meta:
        model = ProviderAccount
        fields = ("name", "is_enabled", "is_live", "sort_order")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = _stored_secrets(self.instance)
        for option in self.asked:
            field = self.fields[field_name(option)]
            if not option.secret:
                field.initial = self.instance.options.get(option.name, "")
            elif option.name in stored:
                field.widget.attrs["placeholder"] = _("Unchanged")

    def clean(self) -> dict[str, Any]:
        """As the account would be: what is offered to buyers has to be usable; a draft may wait."""
        values = super().clean() or self.cleaned_data
        if self.errors:
            return values
        self._fill()
        self.instance.is_live = values["is_live"]
        if values["is_enabled"] and (problems := problems_of(self.instance)):
            raise ValidationError([*problems, _("Mend this, or save it without offering it to buyers.")])
        return values

    def _fill(self) -> None:
        typed = {option: self.cleaned_data.get(field_name(option), "") for option in self.asked}
        options = {option.name: value for option, value in typed.items() if not option.secret}
        self.instance.options = {name: value for name, value in (self.instance.options | options).items() if value}
        given = {option.name: value for option, value in typed.items() if option.secret and value.strip()}
        if given:
            _replace_secrets(self.instance, given)


def _stored_secrets(account: ProviderAccount) -> set[str]:
    try:
        return set(open_secrets(account))
    except SealBroken:
        return set()


def _replace_secrets(account: ProviderAccount, given: dict[str, str]) -> None:
    """Those that can't be opened any more are lost anyway: entering them again begins anew."""
    try:
        set_secrets(account, given)
    except SealBroken:
        account.secrets_sealed = None
        set_secrets(account, given)


def form_for(account: ProviderAccount) -> type[AccountForm]:
    """The form of an account of this provider. None of its fields ever holds a stored secret."""
    asked = options_of(account.provider)
    fields = {field_name(option): _field_of(option) for option in asked}
    return type("AccountForm", (AccountForm,), {**fields, "asked": asked})


def _field_of(option: Option) -> forms.CharField:
    """Nothing is required here: what is missing is said in the provider's own words."""
    widget: Any = UnfoldAdminTextareaWidget if option.long else UnfoldAdminTextInputWidget
    attrs = {"autocomplete": "off"}
    if option.secret:
        widget, attrs = UnfoldAdminPasswordWidget, {"autocomplete": "new-password"}
    hint = _(option.help) if option.help else ""
    if option.secret:
        hint = f"{hint} {_('Never shown again. Empty: it stays as it is.')}".strip()
    return forms.CharField(
        label=_(option.label),
        required=False,
        max_length=MAX_SECRET if option.secret else MAX_OPTION,
        help_text=hint,
        widget=widget(attrs=attrs),
    )


@admin.register(ProviderAccount)
class ProviderAccountAdmin(StaffAdmin):
    list_display = ("name", "provider_label", "slug", "mode", "state", "sort_order")
    list_filter = ("is_enabled", "is_live")
    search_fields = ("name", "slug")
    ordering = ("sort_order", "id")
    actions = ("enable", "disable")
    actions_detail = ("test",)
    change_form_outer_before_template = "admin/orders/provideraccount/panel.html"
    rotated = time_column("rotated_at", gettext_lazy("secrets replaced"))

    def get_form(
        self, request: HttpRequest, obj: ProviderAccount | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = form_for(obj) if obj and self.has_change_permission(request, obj) else NewAccountForm
        return super().get_form(request, obj, change=change, **{**kwargs, "form": form})

    def get_fieldsets(self, request: HttpRequest, obj: ProviderAccount | None = None) -> Any:
        if obj is None:
            return ((None, {"fields": ("provider", "slug", "name", "is_live")}),)
        about = (None, {"fields": ("name", ("provider_label", "slug"), ("is_enabled", "is_live"), "sort_order")})
        if not self.has_change_permission(request, obj):
            return (about,)
        asked = options_of(obj.provider)
        public = tuple(field_name(option) for option in asked if not option.secret)
        secret = tuple(field_name(option) for option in asked if option.secret)
        parts = [(_("Settings"), public), (_("Secrets"), (*secret, "rotated") if secret else ())]
        return (about, *((title, {"fields": fields}) for title, fields in parts if fields))

    def get_readonly_fields(self, request: HttpRequest, obj: ProviderAccount | None = None) -> tuple[str, ...]:
        """The short name is in the address that the gateway was given."""
        return () if obj is None else ("provider_label", "slug", "rotated")

    def has_delete_permission(self, request: HttpRequest, obj: ProviderAccount | None = None) -> bool:
        """What was paid there stays on record. Switch it off instead."""
        return False

    def save_model(self, request: HttpRequest, obj: ProviderAccount, form: Any, change: bool) -> None:
        if not change:
            obj.is_enabled = False  # until its settings are known
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: ProviderAccount, post_url_continue: str | None = None) -> Any:
        self.message_user(request, _("Now enter the settings of the account."), messages.INFO)
        return redirect("admin:orders_provideraccount_change", obj.pk)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        row = ProviderAccount.objects.filter(pk=object_id).first() if object_id and object_id.isdecimal() else None
        about = {"problems": problems_of(row), "notify_url": address_of(row)} if row else {}
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **about})

    @admin.display(description=gettext_lazy("provider"), ordering="provider")
    def provider_label(self, account: ProviderAccount) -> str:
        return label_of(account.provider)

    @display(description=gettext_lazy("mode"), ordering="is_live", label={REAL: "success", TEST: "warning"})
    def mode(self, account: ProviderAccount) -> Any:
        name = REAL if account.is_live else TEST
        return name, MODES[name]

    @admin.display(description=gettext_lazy("state"))
    def state(self, account: ProviderAccount) -> SafeString:
        """With what is wrong, so that nobody has to open each."""
        problems = problems_of(account)
        name = BROKEN if problems else OFFERED if account.is_enabled else OFF
        tones = {OFFERED: "text-green-700 dark:text-green-400", BROKEN: "text-red-700 dark:text-red-400"}
        words = " ".join([f"{STATES[name]}.", *problems[:1]]) if problems else STATES[name]
        return format_html('<span class="{}">{}</span>', tones.get(name, "text-base-500"), words)

    @admin.action(description=gettext_lazy("Offer to buyers"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: "QuerySet[ProviderAccount]") -> None:
        usable = [row.pk for row in queryset if not problems_of(row)]
        self._switch(request, queryset.filter(pk__in=usable, is_enabled=False), enabled=True)

    @admin.action(description=gettext_lazy("Offer no more; what was begun can still be paid"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: "QuerySet[ProviderAccount]") -> None:
        self._switch(request, queryset.filter(is_enabled=True), enabled=False)

    def _switch(self, request: HttpRequest, queryset: "QuerySet[ProviderAccount]", *, enabled: bool) -> None:
        rows = list(queryset)
        count = ProviderAccount.objects.filter(pk__in=[row.pk for row in rows]).update(is_enabled=enabled)
        for row in rows:
            self.log_change(request, row, "Offered to buyers." if enabled else "Offered no more.")
        words = ngettext("%(count)d account changed.", "%(count)d accounts changed.", count) % {"count": count}
        self.message_user(request, words, messages.SUCCESS if count else messages.WARNING)

    def has_test_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("orders.change_provideraccount")

    @action(description=gettext_lazy("Test"), icon="network_check", variant=ActionVariant.PRIMARY, permissions=["test"])
    def test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A POST, because it sends requests."""
        account = get_object_or_404(ProviderAccount, pk=object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Test %(account)s") % {"account": account},
            "opts": self.opts,
            "original": account,
            "findings": self_test(account) if request.method == "POST" else None,
            "back_url": reverse("admin:orders_provideraccount_change", args=[account.pk]),
        }
        return render(request, "admin/orders/provideraccount/test.html", context)


def address_of(account: ProviderAccount) -> str:
    """Where its gateway has to report to; empty for one that has none."""
    provider = PROVIDERS.get(account.provider)
    return "" if provider is None or isinstance(provider, NoGateway) else notify_url(account)
