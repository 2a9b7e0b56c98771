"""The address of every page of the staff admin, found out from the admin itself: new ones need not be listed."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.test import RequestFactory
from django.urls import URLPattern, reverse

from accounts.models import User
from orders.models import Delivery
from tests.pages.admin_rows import list_url

OWN = ("changelist", "add", "change", "delete", "history")  # what every model has
NO_PAGES = (
    "relay_channel_test",
    "relay_channel_enable",
    "orders_webhookevent_process_one",
    "orders_codebatch_download",
)
LEADING_ON = {"billing_modelprice_new_version": "billing_modelprice_add"}  # to a form filled in from the row


def addresses(rows: dict[str, Any], user: User) -> list[str]:
    """Lists, forms and pages about the given rows (by `app_model`), as far as this member of staff may open them."""
    request = RequestFactory().get("/admin/")
    request.user = user
    found = [reverse("admin:index"), reverse("staff-business")]
    found += [reverse("admin:app_list", args=[label]) for label in sorted({name.split("_")[0] for name in rows})]
    for model, model_admin in admin.site._registry.items():
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        found += _of_model(name, model_admin, rows[name], request)
    return found


def _of_model(name: str, model_admin: Any, row: Any, request: Any) -> Iterator[str]:
    yield list_url(name)
    if model_admin.search_fields:
        yield list_url(name, "?q=no-such-row")
    if model_admin.has_add_permission(request):
        yield reverse(f"admin:{name}_add")
    yield reverse(f"admin:{name}_change", args=[row.pk])
    yield reverse(f"admin:{name}_history", args=[row.pk])
    if model_admin.has_delete_permission(request, row):
        yield reverse(f"admin:{name}_delete", args=[row.pk])
    for action, takes_row in sorted(actions_of(name, model_admin)):
        about = _with_delivery(row) if action == "orders_order_resend" else row
        if action in NO_PAGES or about is None:
            continue
        if action in LEADING_ON:
            yield reverse(f"admin:{LEADING_ON[action]}") + f"?from={about.pk}"
        else:
            yield reverse(f"admin:{action}", args=[about.pk] if takes_row else [])


def actions_of(name: str, model_admin: Any) -> set[tuple[str, bool]]:
    """Names of what a model's admin has besides its own pages, and whether each is about a row."""
    patterns = [pattern for pattern in model_admin.get_urls() if isinstance(pattern, URLPattern)]
    named = {(pattern.name or "", bool(pattern.pattern.converters)) for pattern in patterns}
    own = {"", *(f"{name}_{page}" for page in OWN)}
    return {(action, takes_row) for action, takes_row in named if action not in own}


def _with_delivery(order: Any) -> Any:
    """Only what was delivered can be sent again."""
    delivery = Delivery.objects.filter(order=order).first() or Delivery.objects.first()
    return delivery and delivery.order
