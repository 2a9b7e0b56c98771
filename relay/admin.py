"""Channels: what they serve, whether they work, and keys that go in and never come out."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.staff import StaffAdmin, StaffFormSet, StaffTabular, short_time, state_column
from billing.dollars import price_field
from billing.models import PriceField
from config.kernel.errors import InvalidInput
from relay.base_url import clean_base_url
from relay.channel_keys import checked_secret, sealed_for
from relay.channel_log import LOOK_BACK, channel_log
from relay.endpoints import Endpoint
from relay.models import Channel, ChannelKey, ChannelModel
from relay.overrides import check_body_overrides, check_header_overrides
from relay.providers import PROVIDERS, label_of
from relay.services import (
    KEY_AGAIN,
    ChannelTest,
    demand_permitted,
    needs_key_again,
    probe_channel,
    set_status,
)
from tokens.models import Group

PASSED, FAILED, UNTESTED = "passed", "failed", "untested"


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a channel is and how it is routed to; its keys and models are inlines."""

    provider = forms.ChoiceField(label=_("Provider"), widget=UnfoldAdminSelectWidget)
    base_url = forms.CharField(
        label=_("Base URL"),
        required=False,
        max_length=300,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Up to and with /v1. Empty: the provider's own."),
    )
    groups = forms.ModelMultipleChoiceField(
        label=_("Groups"),
        queryset=Group.objects.filter(is_auto=False),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("The automatic group finds its channels through these."),
    )

    speaks = forms.MultipleChoiceField(
        label=_("Endpoints"),
        required=False,
        choices=[(endpoint.value, endpoint.path) for endpoint in Endpoint],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("None chosen: those the provider is known to have."),
    )

    class Meta:
        model = Channel
        fields = (
            "name",
            "provider",
            "base_url",
            "api_version",
            "groups",
            "priority",
            "weight",
            "speaks",
            "is_sandbox",
            "max_concurrent",
            "requests_per_minute",
            "on_disconnect",
            "body_overrides",
            "header_overrides",
            "status",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        codes = dict.fromkeys([*PROVIDERS, *filter(None, [self.instance.provider])])
        self.fields["provider"].choices = [(code, label_of(code)) for code in codes]  # type: ignore[attr-defined]
        _offer_statuses(self)

    def clean_body_overrides(self) -> dict[str, Any]:
        overrides = self.cleaned_data["body_overrides"] or {}
        _complain(check_body_overrides, overrides)
        return dict(overrides)

    def clean_header_overrides(self) -> dict[str, str]:
        overrides = self.cleaned_data["header_overrides"] or {}
        _complain(check_header_overrides, overrides)
        return dict(overrides)

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
        return values


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """`secret` is write-only: the page never holds the stored key, not even sealed."""

    secret = forms.CharField(
        label=_("Key"), required=False, widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    )

    class Meta:
        model = ChannelKey
        fields = ("label", "weight", "status")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer_statuses(self)
        if self.instance.pk:
            self.fields["secret"].widget.attrs["placeholder"] = _("Unchanged")

    def clean_secret(self) -> str:
        secret = str(_complain(checked_secret, self.cleaned_data["secret"]))
        if not secret and self.instance.pk is None:
            raise ValidationError(_("Enter the key."))
        return secret

    def save(self, commit: bool = True) -> ChannelKey:
        key: ChannelKey = self.instance
        if secret := self.cleaned_data["secret"]:
            key.sealed = sealed_for(key.channel, secret)
        if "status" in self.changed_data:
            key.status_reason = ""
            key.status_at = None if key.status == ChannelKey.Status.ENABLED else timezone.now()
        return super().save(commit)


class KeyFormSet(StaffFormSet):
    """Stored keys are never sent to another host: who changes the host has to know each."""

    def clean(self) -> None:
        super().clean()
        stored = Channel.objects.filter(pk=self.instance.pk).first()
        if stored is None or not needs_key_again(stored, self.instance.base_url):
            return
        for form in self.initial_forms:
            if not form.cleaned_data.get("secret") and not form.cleaned_data.get("DELETE"):
                form.add_error("secret", KEY_AGAIN)


class ChannelKeyInline(StaffTabular):
    model = ChannelKey
    form = KeyForm
    formset = KeyFormSet
    extra = 0
    fields = ("label", "secret", "weight", "status", "why")
    readonly_fields = ("why",)
    verbose_name_plural = _("Keys; none for an upstream that asks for none")

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 1 if obj is None else 0

    @admin.display(description=_("reason"))
    def why(self, key: ChannelKey) -> str:
        if key.status == ChannelKey.Status.ENABLED or key.status_at is None:
            return "–"
        return f"{short_time(key.status_at)} {key.status_reason}".strip()


class ChannelModelInline(StaffTabular):
    model = ChannelModel
    extra = 0
    per_page = 20
    fields = ("model", "upstream_model", "cost_input", "cost_output", "cost_cache_read")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, PriceField):
            return price_field(db_field)
        return super().formfield_for_dbfield(db_field, request, **kwargs)


@admin.register(Channel)
class ChannelAdmin(StaffAdmin):
    form = ChannelForm
    inlines = (ChannelKeyInline, ChannelModelInline)
    list_display = (
        "name",
        "provider_label",
        "base_url",
        "models_served",
        "key_count",
        "priority",
        "state",
        "last_test",
    )
    list_filter = ("status", "provider", "groups")
    search_fields = ("name", "base_url", "channel_models__model")
    actions = ("test", "enable", "disable")
    change_form_outer_before_template = "admin/relay/channel/panels.html"
    TONES = {"enabled": "success", "disabled": "danger", "auto_disabled": "warning"}
    state = state_column("status", TONES, _("status"))
    fieldsets = (
        (None, {"fields": ("name", "provider", "base_url", "api_version", "status")}),
        (_("Routing"), {"fields": ("groups", ("priority", "weight"), "speaks", "is_sandbox")}),
        (_("Limits"), {"fields": (("max_concurrent", "requests_per_minute"), "on_disconnect")}),
        (_("Overrides"), {"fields": ("body_overrides", "header_overrides"), "classes": ("collapse",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        usable = Count("keys", distinct=True, filter=Q(keys__status=ChannelKey.Status.ENABLED))
        counts = {"model_count": Count("channel_models", distinct=True), "keys_all": Count("keys", distinct=True)}
        return super().get_queryset(request).annotate(**counts, keys_usable=usable)

    def get_urls(self) -> list[URLPattern]:
        test = path("<int:pk>/test/", self.admin_site.admin_view(self.test_view), name="relay_channel_test")
        enable = path("<int:pk>/enable/", self.admin_site.admin_view(self.enable_view), name="relay_channel_enable")
        return [test, enable, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        channel = context["original"]
        log = {"log": channel_log(channel.name), "log_minutes": LOOK_BACK.seconds // 60} if channel else {}
        return super().render_change_form(request, context | log, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "status" in form.changed_data:
            set_status(channels=[obj], status=Channel.Status(obj.status))

    @admin.display(description=_("provider"), ordering="provider")
    def provider_label(self, channel: Channel) -> str:
        return label_of(channel.provider)

    @admin.display(description=_("models"), ordering="model_count")
    def models_served(self, channel: Channel) -> int:
        return int(getattr(channel, "model_count", 0))

    @admin.display(description=_("keys"))
    def key_count(self, channel: Channel) -> str:
        usable, every = getattr(channel, "keys_usable", 0), getattr(channel, "keys_all", 0)
        return f"{usable} / {every}" if every else "–"

    @display(description=_("last test"), label={PASSED: "success", FAILED: "danger", UNTESTED: None})
    def last_test(self, channel: Channel) -> Any:
        if channel.test_ok is None:
            return UNTESTED, _("Not tested")
        return (PASSED, f"{channel.test_ms} ms") if channel.test_ok else (FAILED, _("Failed"))

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button of the change form: a POST, because a test spends the operator's money."""
        if request.method != "POST" or not self.has_change_permission(request):
            raise PermissionDenied
        channel = get_object_or_404(Channel, pk=pk)
        self._say_outcome(request, channel, probe_channel(channel=channel, model=request.POST.get("model") or None))
        return redirect("admin:relay_channel_change", pk)

    def enable_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button of a channel that was disabled automatically."""
        if request.method != "POST" or not self.has_change_permission(request):
            raise PermissionDenied
        get_object_or_404(Channel, pk=pk)
        self._switch(request, Channel.objects.filter(pk=pk), Channel.Status.ENABLED)
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
        refused = Q(keys__status=ChannelKey.Status.AUTO_DISABLED) if status == Channel.Status.ENABLED else Q(pk=None)
        channels = list(queryset.filter(~Q(status=status) | refused).distinct())
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


def _offer_statuses(form: Any) -> None:
    """Staff enable and disable; that something was disabled automatically is shown, not chosen."""
    shown = {Channel.Status.ENABLED.value, Channel.Status.DISABLED.value, form.instance.status}
    field: Any = form.fields["status"]
    field.choices = [choice for choice in Channel.Status.choices if choice[0] in shown]


def _complain(check: Callable[[Any], Any], value: Any) -> Any:
    """What the check makes of the value; its complaint goes to the form."""
    try:
        return check(value)
    except InvalidInput as error:
        raise ValidationError(error.message) from None
