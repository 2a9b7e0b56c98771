"""Redemption codes: made in batches, handed out as a file, shown by their last letters alone."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from accounts.staff import EndlessAdmin, StaffAdmin
from config.kernel.money import format_usd
from orders.admin.shared import LINK, actor_of, link_column, time_column
from orders.clock import database_now
from orders.codes import credit_of, export, make_batch
from orders.models import CodeBatch, RedemptionCode

OPEN, ENDED, OFF = "open", "ended", "off"
STATES = {OPEN: _("Redeemable"), ENDED: _("Over"), OFF: _("Switched off")}


class NewBatchForm(forms.ModelForm):  # type: ignore[type-arg]
    """A batch's terms; its codes are made with it and never change."""

    class Meta:
        model = CodeBatch
        fields = ("name", "quota", "count", "expires_at", "per_customer")

    def clean_expires_at(self) -> Any:
        expires_at = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= database_now():
            raise forms.ValidationError(_("Choose an end that lies ahead."))
        return expires_at


@admin.register(CodeBatch)
class CodeBatchAdmin(StaffAdmin):
    list_display = ("name", "worth", "redeemed_of", "expires", "state", "created", "created_by")
    list_filter = ("is_active",)
    list_select_related = ("created_by",)
    search_fields = ("name",)
    ordering = ("-created_at",)
    actions = ("switch_on", "switch_off")
    actions_detail = ("download",)
    expires = time_column("expires_at", _("redeemable until"))
    created = time_column("created_at", _("created"))

    def get_queryset(self, request: HttpRequest) -> "QuerySet[CodeBatch]":
        redeemed = Count("codes", filter=Q(codes__redeemed_at__isnull=False))
        batches: QuerySet[CodeBatch] = super().get_queryset(request).annotate(redeemed=redeemed)
        return batches

    def get_fields(self, request: HttpRequest, obj: CodeBatch | None = None) -> Any:
        if obj is None:
            return ("name", ("quota", "count"), "expires_at", "per_customer")
        return ("name", "is_active", ("worth", "redeemed_of"), ("expires", "per_customer"), "see_also")

    def get_readonly_fields(self, request: HttpRequest, obj: CodeBatch | None = None) -> Any:
        return () if obj is None else ("worth", "redeemed_of", "expires", "per_customer", "see_also")

    def get_form(self, request: HttpRequest, obj: CodeBatch | None = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **(kwargs if obj else {**kwargs, "form": NewBatchForm}))

    def save_model(self, request: HttpRequest, obj: CodeBatch, form: Any, change: bool) -> None:
        """A new batch is made with its codes, by the service that makes both."""
        if change:
            super().save_model(request, obj, form, change)
            return
        made = make_batch(
            name=obj.name,
            quota=obj.quota,
            count=obj.count,
            expires_at=obj.expires_at,
            per_customer=obj.per_customer,
            actor_id=actor_of(request).pk,
        )
        obj.pk = made.pk
        obj.refresh_from_db()

    def has_delete_permission(self, request: HttpRequest, obj: CodeBatch | None = None) -> bool:
        """Its codes are in people's hands. Switch it off instead."""
        return False

    @admin.display(description=_("worth of each"), ordering="quota")
    def worth(self, batch: CodeBatch) -> str:
        return format_usd(credit_of(batch))

    @admin.display(description=_("redeemed"))
    def redeemed_of(self, batch: CodeBatch) -> str:
        return f"{getattr(batch, 'redeemed', 0)} / {batch.count}"

    @display(description=_("state"), label={OPEN: "success", ENDED: "warning", OFF: "danger"})
    def state(self, batch: CodeBatch) -> Any:
        is_over = batch.expires_at is not None and batch.expires_at <= database_now()
        name = OFF if not batch.is_active else ENDED if is_over else OPEN
        return name, STATES[name]

    @admin.display(description=_("see also"))
    def see_also(self, batch: CodeBatch) -> SafeString:
        url = reverse("admin:orders_redemptioncode_changelist") + f"?batch__id__exact={batch.pk}"
        return format_html('<a class="{}" href="{}">{}</a>', LINK, url, _("Codes"))

    def has_download_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("orders.change_codebatch")

    @action(description=_("Download CSV"), icon="download", variant=ActionVariant.PRIMARY, permissions=["download"])
    def download(self, request: HttpRequest, object_id: str) -> HttpResponse | StreamingHttpResponse:
        """All codes in clear: whoever has the file can redeem them, so that it was taken is written down."""
        batch = get_object_or_404(CodeBatch, pk=object_id)
        self.log_change(request, batch, "Codes downloaded.")
        name = slugify(batch.name) or f"batch-{batch.pk}"
        headers = {"Content-Disposition": f'attachment; filename="codes-{name}.csv"', "Cache-Control": "no-store"}
        return StreamingHttpResponse(export(batch), content_type="text/csv; charset=utf-8", headers=headers)

    @admin.action(description=_("Switch on"), permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: "QuerySet[CodeBatch]") -> None:
        self._switch(request, queryset, is_active=True)

    @admin.action(description=_("Switch off"), permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: "QuerySet[CodeBatch]") -> None:
        self._switch(request, queryset, is_active=False)

    def _switch(self, request: HttpRequest, queryset: "QuerySet[CodeBatch]", *, is_active: bool) -> None:
        rows = list(queryset.exclude(is_active=is_active))
        CodeBatch.objects.filter(pk__in=[row.pk for row in rows]).update(is_active=is_active)
        for row in rows:
            self.log_change(request, row, "Switched on." if is_active else "Switched off.")
        words = ngettext("%(count)d batch changed.", "%(count)d batches changed.", len(rows)) % {"count": len(rows)}
        self.message_user(request, words, messages.SUCCESS if rows else messages.WARNING)


class RedeemedFilter(admin.SimpleListFilter):
    """Whether somebody has used it."""

    title = _("redeemed")
    parameter_name = "redeemed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return (("yes", _("Yes")), ("no", _("No")))

    def queryset(self, request: HttpRequest, queryset: "QuerySet[RedemptionCode]") -> "QuerySet[RedemptionCode]":
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(redeemed_at__isnull=self.value() == "no")


@admin.register(RedemptionCode)
class RedemptionCodeAdmin(EndlessAdmin):
    list_display = ("ending", "batch", "redeemed", "redeemed_by")
    list_filter = (RedeemedFilter,)
    list_select_related = ("batch", "redeemed_by")
    search_fields = ("tail", "redeemed_by__email")
    search_help_text = _("Last four letters, or the e-mail of who redeemed it")
    redeemed = time_column("redeemed_at", _("redeemed"))
    batch_link = link_column("batch", _("batch of codes"))
    user_link = link_column("redeemed_by", _("redeemed by"))
    fields = readonly_fields = ("ending", "batch_link", "redeemed", "user_link")

    @admin.display(description=_("ends in"))
    def ending(self, code: RedemptionCode) -> str:
        return str(code)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup == "batch__id__exact" or super().lookup_allowed(lookup, value, request)
