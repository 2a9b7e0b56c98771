"""Users. The apps above this one add what they know about a user with `UserAdmin.also_show`."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, ClassVar

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.auth.models import Group as PermissionGroup
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.forms.models import ModelChoiceIterator, ModelMultipleChoiceField
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import User
from accounts.services import set_active
from accounts.staff import StaffAdmin

# Their own pages would show e-mail keys and the seeds of second factors, and let staff confirm addresses unseen.
for model in (EmailAddress, Authenticator, UserSession, SocialAccount, SocialApp, SocialToken, PermissionGroup):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


class _Permissions(ModelChoiceIterator):  # type: ignore[type-arg]
    """Two hundred choices, whose names have one of fifty kinds of object in them: each named once."""

    def __iter__(self) -> Iterator[tuple[Any, str]]:
        kind = cache(lambda app, model: str(ContentType(app_label=app, model=model)))
        rows = self.queryset.values_list("content_type__app_label", "content_type__model", "pk", "name")
        return ((pk, f"{kind(app, model)} | {name}") for app, model, pk, name in rows)


class PermissionsField(ModelMultipleChoiceField):  # type: ignore[type-arg]
    iterator = _Permissions


@admin.register(User)
class UserAdmin(StaffAdmin):
    list_display: ClassVar[list[Any]] = ["email", "name", "is_active", "is_staff", "date_joined"]
    list_filter = ("is_active", "is_staff")
    list_select_related: ClassVar[list[str]] = []
    search_fields = ("email", "name")
    ordering = ("-date_joined",)
    date_hierarchy = None
    inlines: ClassVar[list[Any]] = []
    actions = ("suspend", "reinstate")
    filter_horizontal = ("user_permissions",)
    readonly_fields = ("date_joined", "last_login", "addresses", "second_factor", "see_also")
    add_fieldsets = ((None, {"fields": ("email", "name", "is_staff")}),)
    fieldsets = (
        (None, {"fields": ("email", "name", "see_also")}),
        (_("Access"), {"fields": ("is_active", "addresses", "second_factor", "last_login", "date_joined")}),
        (_("Preferences"), {"fields": ("language", "time_zone")}),
        (_("Staff"), {"fields": ("is_staff", "is_superuser", "user_permissions"), "classes": ("tab",)}),
    )

    links: ClassVar[list[tuple[Any, str, str]]] = []

    @classmethod
    def also_show(
        cls,
        *,
        columns: tuple[Callable[[User], Any], ...] = (),
        inlines: tuple[Any, ...] = (),
        related: tuple[str, ...] = (),
        links: tuple[tuple[Any, str, str], ...] = (),
    ) -> None:
        """Columns of the list (with what they select), inlines of the form, and links (label, URL name, parameter)."""
        cls.list_display[-1:-1] = columns
        cls.inlines.extend(inlines)
        cls.list_select_related.extend(related)
        cls.links.extend(links)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """The address is its owner's to change; who is staff, and with which powers, is a superuser's."""
        fields = super().get_readonly_fields(request, obj)
        if obj is not None:
            fields = (*fields, "email")
        if not request.user.is_superuser:
            fields = (*fields, "is_staff", "is_superuser", "user_permissions")
        return tuple(fields)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "user_permissions":
            kwargs["form_class"] = PermissionsField
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody with a wallet can be deleted: its ledger stays. Suspend instead."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            obj.email = obj.email.strip().lower()
            obj.set_unusable_password()  # entered by a reset
        super().save_model(request, obj, form, change)

    @admin.display(description=_("see also"))
    def see_also(self, user: User) -> str:
        rows = ((reverse(name) + f"?{parameter}={user.pk}", label) for label, name, parameter in self.links)
        return format_html_join(" · ", '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', rows)

    @admin.display(description=_("addresses"))
    def addresses(self, user: User) -> str:
        rows = EmailAddress.objects.filter(user=user)
        return ", ".join(f"{row.email} ({_('verified') if row.verified else _('unverified')})" for row in rows) or "–"

    @admin.display(description=_("second factor"), boolean=True)
    def second_factor(self, user: User) -> bool:
        return Authenticator.objects.filter(user=user).exists()

    @admin.action(description=_("Suspend: no sign-in, no calls"), permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Never oneself, and a superuser only by another."""
        allowed = queryset.exclude(pk=request.user.pk or 0)
        if not request.user.is_superuser:
            allowed = allowed.filter(is_superuser=False)
        self._say(request, set_active(users=allowed, active=False))

    @admin.action(description=_("Reinstate"), permissions=["change"])
    def reinstate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._say(request, set_active(users=queryset, active=True))

    def _say(self, request: HttpRequest, count: int) -> None:
        text = ngettext("%(count)d account changed.", "%(count)d accounts changed.", count) % {"count": count}
        self.message_user(request, text, messages.SUCCESS if count else messages.WARNING)
