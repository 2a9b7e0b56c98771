"""Channels: what they serve, whether they work, and keys that go in and never come out."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.staff import StaffAdmin
from billing.dollars import price_field
from billing.models import PriceField
from config.kernel.errors import InvalidInput
from relay.base_url import clean_base_url
from relay.models import Channel, ChannelModel
from relay.providers import PROVIDERS, label_of
from relay.services import (
    KEY_AGAIN,
    ChannelTest,
    checked_secret,
    demand_permitted,
    needs_key_again,
    probe_channel,
    set_secret,
    set_status,
)
from tokens.models import Group

PASSED, FAILED, UNTESTED = _("Passed"), _("Failed"), _("Not tested")


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    """`secret` is write-only: the page never holds the stored key, not even sealed."""

    provider = forms.ChoiceField(label=_("Provider"), widget=UnfoldAdminSelectWidget)
    base_url = forms.CharField(
        label=_("Base URL"),
        required=False,
        max_length=300,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Up to and with /v1. Empty: the provider's own."),
    )
    secret = forms.CharField(
        label=_("Key"), required=False, widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    )
    remove_secret = forms.BooleanField(
        label=_("Remove the key"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("For an upstream that asks for none."),
    )
    groups = forms.ModelMultipleChoiceField(
        label=_("Groups"),
        queryset=Group.objects.filter(is_auto=False),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("The automatic group finds its channels through these."),
    )

    class Meta:
        model = Channel
        fields = ("name", "provider", "base_url", "groups", "priority", "weight", "status", "is_sandbox")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        codes = dict.fromkeys([*PROVIDERS, *filter(None, [self.instance.provider])])
        self.fields["provider"].choices = [(code, label_of(code)) for code in codes]  # type: ignore[attr-defined]
        has_secret = self.instance.secret_sealed is not None
        self.fields["secret"].help_text = (
            _("A key is stored. Leave empty to keep it.") if has_secret else _("No key is stored.")
        )

    def clean_secret(self) -> str:
        try:
            return checked_secret(self.cleaned_data["secret"])
        except InvalidInput as error:
            raise ValidationError(error.message) from None

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        preset = PROVIDERS.get(values.get("provider", ""))
        try:
            url = clean_base_url(values.get("base_url") or (preset.base_url if preset else ""))
        except ValueError as error:
            hint = preset.base_url if preset and preset.own_part else ""
            self.add_error("base_url", f"{error} {hint}".strip())
            return values
        try:
            demand_permitted(url)
        except InvalidInput as error:
            self.add_error("base_url", error.message)
        values["base_url"] = url
        gives_key = values.get("secret") or values.get("remove_secret")
        if self.instance.pk and not gives_key and needs_key_again(self.stored(), url):
            self.add_error("secret", KEY_AGAIN)
        return values

    def stored(self) -> Channel:
        """The row as it is in the database; by now the form may have changed its own instance."""
        return Channel.objects.get(pk=self.instance.pk)


class ChannelModelInline(TabularInline):
    model = ChannelModel
    extra = 0
    fields = ("model", "upstream_model", "cost_input", "cost_output", "cost_cache_read")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, PriceField):
            return price_field(db_field)
        return super().formfield_for_dbfield(db_field, request, **kwargs)


@admin.register(Channel)
class ChannelAdmin(StaffAdmin):
    form = ChannelForm
    inlines = (ChannelModelInline,)
    list_display = ("name", "provider_label", "base_url", "models_served", "priority", "weight", "state", "last_test")
    list_filter = ("status", "provider", "groups")
    search_fields = ("name", "base_url", "channel_models__model")
    actions = ("test", "enable", "disable")
    change_form_outer_before_template = "admin/relay/channel/test_panel.html"
    fieldsets = (
        (None, {"fields": ("name", "provider", "base_url", "secret", "remove_secret", "status")}),
        (_("Routing"), {"fields": ("groups", "priority", "weight", "is_sandbox")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        return super().get_queryset(request).annotate(model_count=Count("channel_models"))

    def get_urls(self) -> list[URLPattern]:
        test = path("<int:pk>/test/", self.admin_site.admin_view(self.test_view), name="relay_channel_test")
        return [test, *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.cleaned_data["secret"] or form.cleaned_data["remove_secret"]:
            set_secret(channel=obj, secret=form.cleaned_data["secret"])

    @admin.display(description=_("provider"), ordering="provider")
    def provider_label(self, channel: Channel) -> str:
        return label_of(channel.provider)

    @admin.display(description=_("models"), ordering="model_count")
    def models_served(self, channel: Channel) -> int:
        return int(getattr(channel, "model_count", 0))

    @display(
        description=_("status"),
        ordering="status",
        label={Channel.Status.ENABLED.label: "success", Channel.Status.DISABLED.label: "danger"},
    )
    def state(self, channel: Channel) -> Any:
        return Channel.Status(channel.status).label

    @display(description=_("last test"), label={PASSED: "success", FAILED: "danger", UNTESTED: None})
    def last_test(self, channel: Channel) -> Any:
        if channel.test_ok is None:
            return UNTESTED
        return (PASSED, f"{channel.test_ms} ms") if channel.test_ok else FAILED

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button of the change form: a POST, because a test spends the operator's money."""
        if request.method != "POST" or not self.has_change_permission(request):
            raise PermissionDenied
        channel = get_object_or_404(Channel, pk=pk)
        self._say_outcome(request, channel, probe_channel(channel=channel, model=request.POST.get("model") or None))
        return redirect("admin:relay_channel_change", pk)

    @admin.action(description=_("Test"), permissions=["change"])
    def test(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        for channel in queryset:
            self._say_outcome(request, channel, probe_channel(channel=channel))

    @admin.action(description=_("Enable"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        self._switch(request, queryset, Channel.Status.ENABLED)

    @admin.action(description=_("Disable"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        self._switch(request, queryset, Channel.Status.DISABLED)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Channel], status: Channel.Status) -> None:
        channels = list(queryset.exclude(status=status))
        set_status(channels=channels, status=status)
        for channel in channels:
            self.log_change(request, channel, f"Status: {status.value}.")
        count = len(channels)
        text = ngettext("%(count)d channel changed.", "%(count)d channels changed.", count) % {"count": count}
        self.message_user(request, text, messages.SUCCESS if channels else messages.WARNING)

    def _say_outcome(self, request: HttpRequest, channel: Channel, outcome: ChannelTest) -> None:
        if outcome.ok:
            words = _("%(name)s answered with %(model)s: first byte after %(first)d ms, complete after %(total)d ms.")
        else:
            words = _("%(name)s failed with %(model)s: %(error)s")
        facts = {
            "name": channel.name,
            "model": outcome.model or "–",
            "first": outcome.first_byte_ms or 0,
            "total": outcome.total_ms or 0,
            "error": outcome.error,
        }
        self.message_user(request, words % facts, messages.SUCCESS if outcome.ok else messages.ERROR)
