"""Groups, who may use them, and tokens. No page here can show a key: only what is kept in clear of it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.admin import UserAdmin
from accounts.staff import ReadOnlyAdmin, StaffAdmin, StaffTabular, usd_column
from config.kernel.brands import Brand
from config.kernel.money import PPM, format_ratio
from tokens.models import MAX_RATIO_PPM, Group, GroupAccess, Site, Token
from tokens.services import set_enabled
from tokens.sites import brand_of_site

DELETED = "deleted"


class RatioField(forms.DecimalField):
    """A multiplier such as 0.28, kept as parts per million."""

    widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "suffix": "x", "class": "pr-7"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=Decimal(1) / PPM, max_value=MAX_RATIO_PPM // PPM, decimal_places=6, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return format_ratio(value).removesuffix("x") if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        ratio = super().clean(value)
        return None if ratio is None else int(ratio * PPM)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.to_python(self.prepare_value(initial)), data)


class GroupForm(forms.ModelForm):  # type: ignore[type-arg]
    ratio_ppm = RatioField(label=_("Ratio"), help_text=_("Exact multiplier on list prices, such as 0.28."))

    class Meta:
        model = Group
        fields = "__all__"  # noqa: DJ007 - the admin's fieldsets name them

    def clean(self) -> dict[str, Any]:
        """Only one group may be the automatic one, and it is nobody's default: it has no channels of its own."""
        values = super().clean() or self.cleaned_data
        if values.get("is_auto") and values.get("is_default"):
            raise ValidationError(_("The automatic group cannot be the default for new users."))
        return values


@admin.register(Group)
class GroupAdmin(StaffAdmin):
    form = GroupForm
    list_display = ("code", "ratio_label", "about", "is_public", "is_default", "is_auto", "sort_order")
    search_fields = ("code", "description")
    readonly_fields = ("who_has_access",)
    fieldsets = (
        (None, {"fields": ("code", "ratio_ppm", "description", "description_zh", "sort_order")}),
        (_("Access"), {"fields": ("is_public", "is_default", "is_auto", "who_has_access")}),
    )

    @admin.display(description=_("ratio"), ordering="ratio_ppm")
    def ratio_label(self, group: Group) -> str:
        return group.ratio_label

    @admin.display(description=_("description"), ordering="description")
    def about(self, group: Group) -> str:
        return group.local_description

    def get_fieldsets(self, request: HttpRequest, obj: Group | None = None) -> Any:
        """A group that does not exist yet has nobody with access to show."""
        about, (title, options) = self.fieldsets
        return (about, (title, {"fields": options["fields"][:-1]})) if obj is None else self.fieldsets

    @admin.display(description=_("who has access"))
    def who_has_access(self, group: Group) -> str:
        url = reverse("admin:tokens_groupaccess_changelist") + f"?group__id__exact={group.pk}"
        return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, _("Show users"))


@admin.register(GroupAccess)
class GroupAccessAdmin(StaffAdmin):
    list_display = ("user", "group", "is_default")
    list_filter = ("group",)
    list_select_related = ("user", "group")
    search_fields = ("user__email",)
    autocomplete_fields = ("user",)


class GroupAccessInline(StaffTabular):
    """The groups of one user, on the user's page."""

    model = GroupAccess
    extra = 0
    tab = True


@admin.register(Token)
class TokenAdmin(ReadOnlyAdmin):
    """Read, and switched off or on: what a key may do is its owner's to say."""

    list_display = ("name", "masked_key", "user", "group", "state", "used_usd", "quota_label", "last_used_at")
    list_display_links = ("name", "masked_key")
    list_filter = ("is_enabled", "group")
    list_select_related = ("user", "group")
    search_fields = ("name", "user__email", "public_id", "key_tail")
    ordering = ("-id",)
    actions = ("disable", "enable")
    used_usd = usd_column("used", _("used"))
    held_usd = usd_column("held", _("held"))
    fieldsets = (
        (None, {"fields": ("name", "public_id", "masked_key", "user", "group", "status_label")}),
        (_("Quota"), {"fields": ("quota_label", "used_usd", "held_usd")}),
        (_("Access"), {"fields": ("models_list", "ips_list", "expires_at")}),
        (_("Dates"), {"fields": ("created_at", "last_used_at", "deleted_at")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Token | None = None) -> tuple[str, ...]:
        return tuple(field for _title, options in self.fieldsets for field in options["fields"])

    @admin.display(description=_("key"))
    def masked_key(self, token: Token) -> str:
        return token.masked_key

    @display(
        description=_("status"),
        label={"enabled": "success", "disabled": "danger", "expired": "warning", "exhausted": "warning", DELETED: None},
    )
    def state(self, token: Token) -> Any:
        return DELETED if token.deleted_at else token.status, self.status_label(token)

    @admin.display(description=_("status"))
    def status_label(self, token: Token) -> Any:
        return _("Deleted") if token.deleted_at else token.status.label

    @admin.display(description=_("quota"), ordering="quota")
    def quota_label(self, token: Token) -> str:
        return str(_("Unlimited")) if token.quota is None else usd_column("quota", "")(self, token)

    @admin.display(description=_("models"))
    def models_list(self, token: Token) -> str:
        return ", ".join(token.models_allowed) or str(_("Every model of the group"))

    @admin.display(description=_("addresses"))
    def ips_list(self, token: Token) -> str:
        return ", ".join(token.ips_allowed) or str(_("Any address"))

    def has_switch_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tokens.change_token")

    @admin.action(description=_("Disable"), permissions=["switch"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Token]) -> None:
        self._switch(request, queryset, enabled=False)

    @admin.action(description=_("Enable"), permissions=["switch"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Token]) -> None:
        self._switch(request, queryset, enabled=True)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Token], *, enabled: bool) -> None:
        tokens = list(queryset.filter(deleted_at=None).exclude(is_enabled=enabled))
        for token in tokens:
            set_enabled(token=token, enabled=enabled)
            self.log_change(request, token, "Enabled." if enabled else "Disabled.")
        text = ngettext("%(count)d token changed.", "%(count)d tokens changed.", len(tokens)) % {"count": len(tokens)}
        self.message_user(request, text, messages.SUCCESS if tokens else messages.WARNING)


UserAdmin.also_show(
    inlines=(GroupAccessInline,),
    links=((_("Tokens"), "admin:tokens_token_changelist", "user__id__exact"),),
)


class SiteForm(forms.ModelForm):  # type: ignore[type-arg]
    language = forms.ChoiceField(
        label=_("language"),
        choices=[("", _("As the browser asks")), *settings.LANGUAGES],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = Site
        fields = "__all__"  # noqa: DJ007 - the admin's fieldsets name them

    def clean_host(self) -> str:
        """Operators paste addresses."""
        return str(self.cleaned_data["host"]).strip().lower()


@admin.register(Site)
class SiteAdmin(StaffAdmin):
    form = SiteForm
    list_display = ("host", "name", "kind", "group", "is_active")
    list_filter = ("kind", "is_active")
    list_select_related = ("group",)
    search_fields = ("host", "name")
    readonly_fields = ("in_words",)
    fieldsets = (
        (None, {"fields": ("host", "kind", "is_active", "in_words")}),
        (_("Face"), {"fields": ("name", "logo", "accent", "language")}),
        (_("Customers"), {"fields": ("group", "api_base_url")}),
    )

    @admin.display(description=_("what happens there"))
    def in_words(self, site: Site) -> str:
        """What a request to this host meets, checked against what this process answers."""
        if not site.pk:
            return "–"
        brand = brand_of_site(site)
        return format_html_join(mark_safe("<br>"), "{}", ((line,) for line in _host_in_words(site, brand)))


def _host_in_words(site: Site, brand: Brand) -> Iterator[str]:
    if not site.is_active:
        yield str(_("Not answered: the host is refused unless ALLOWED_HOSTS names it."))
        return
    if brand.is_api_only:
        yield str(_("%(address)s answers /v1 and health checks; every page is refused with 404.")) % {
            "address": brand.site_url
        }
        return
    yield str(_("%(address)s shows the pages of “%(name)s”, and answers /v1.")) % {
        "address": brand.site_url,
        "name": brand.name,
    }
    yield str(_("Docs and samples name the base URL %(url)s.")) % {"url": brand.api_base_url}
    group = site.group.code if site.group else str(_("everybody's default"))
    yield str(_("Who signs up there starts in the group: %(group)s.")) % {"group": group}
