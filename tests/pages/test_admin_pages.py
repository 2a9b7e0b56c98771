"""Every list and every page of the staff admin opens for staff, for nobody else, and never holds a secret."""

import re

import pytest
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets, label_for_field
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import translation

from accounts.models import User
from config.staff_menu import SECTIONS
from tests.factories import make_user
from tests.pages.admin_pages import addresses
from tests.pages.admin_rows import SECRET, list_url, make_rows, page_url, registered_names

NAMES = [
    "accounts_user",
    "billing_ledgerentry",
    "billing_modelprice",
    "billing_priceoverride",
    "billing_usagerecord",
    "billing_usagerollup",
    "billing_wallet",
    "config_announcement",
    "config_sitetext",
    "orders_codebatch",
    "orders_coupon",
    "orders_order",
    "orders_package",
    "orders_payment",
    "orders_provideraccount",
    "orders_redemptioncode",
    "orders_refund",
    "orders_statement",
    "orders_webhookevent",
    "relay_channel",
    "tokens_group",
    "tokens_groupaccess",
    "tokens_site",
    "tokens_token",
]
ADDABLE = [
    "accounts_user",
    "billing_modelprice",
    "billing_priceoverride",
    "config_announcement",
    "orders_codebatch",
    "orders_coupon",
    "orders_package",
    "orders_provideraccount",
    "relay_channel",
    "tokens_group",
    "tokens_groupaccess",
    "tokens_site",
]
READ_ONLY = [
    "billing_ledgerentry",
    "billing_usagerecord",
    "billing_usagerollup",
    "billing_wallet",
    "orders_order",
    "orders_payment",
    "orders_redemptioncode",
    "orders_refund",
    "orders_statement",
    "orders_webhookevent",
    "tokens_token",
]


@pytest.fixture
def rows(alice):
    return make_rows(alice)


@pytest.fixture
def staff(carol, client_of):
    return client_of(carol)


def test_nothing_is_registered_that_these_tests_do_not_open():
    assert registered_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_list_shows_its_row_and_links_to_its_page(name, rows, staff):
    answer = staff.get(list_url(name))
    assert answer.status_code == 200
    assert page_url(name, rows.by_name[name]) in answer.content.decode()


@pytest.mark.parametrize("name", ["billing_modelprice", "billing_usagerecord", "relay_channel", "tokens_token"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_good_state_is_green_in_every_language(name, language, rows, staff):
    html = staff.get(list_url(name), headers={"accept-language": language}).content.decode()
    assert re.search(r'<span class="[^"]*bg-green-100', html)


def test_rows_are_added_where_they_should_be(rows, carol):
    added = {url for url in addresses(rows.by_name, carol) if url.endswith("/add/")}
    assert added == {reverse(f"admin:{name}_add") for name in ADDABLE}


@pytest.mark.parametrize("name", READ_ONLY)
def test_read_only_rows_refuse_every_write(name, rows, staff):
    row = rows.by_name[name]
    before = type(row).objects.values().get(pk=row.pk)
    assert staff.get(reverse(f"admin:{name}_add")).status_code == 403
    assert staff.post(reverse(f"admin:{name}_add"), {}).status_code == 403
    assert staff.post(page_url(name, row), {"name": "x", "balance": "9"}).status_code == 403
    assert staff.post(reverse(f"admin:{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    assert type(row).objects.values().get(pk=row.pk) == before


@pytest.mark.parametrize("name", READ_ONLY)
def test_read_only_lists_offer_no_deletion(name, rows, staff):
    row = rows.by_name[name]
    staff.post(list_url(name), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert type(row).objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_visitor_is_sent_to_the_sites_own_sign_in(name, rows, client):
    answer = client.get(list_url(name), follow=True)
    address, _status = answer.redirect_chain[-1]
    assert address.startswith(reverse("account_login") + "?next=/admin/")


@pytest.mark.parametrize("name", NAMES)
def test_a_customer_is_refused(name, rows, alice, client_of):
    answer = client_of(alice).get(list_url(name))
    assert answer.status_code == 302
    assert client_of(alice).get(list_url(name), follow=True).status_code == 403


def test_no_page_of_the_admin_opens_for_a_customer(rows, alice, carol, client_of):
    browser = client_of(alice)
    answered = {url: browser.get(url).status_code for url in addresses(rows.by_name, carol)}
    assert {url: status for url, status in answered.items() if status not in (302, 403)} == {}


def test_staff_without_permissions_see_no_lists(rows, client_of):
    client = client_of(make_user("dave@example.com", is_staff=True))
    assert client.get(reverse("admin:index")).status_code == 200
    assert client.get(list_url("relay_channel")).status_code == 403
    assert list_url("relay_channel") not in client.get(reverse("admin:index")).content.decode()


def test_the_admins_own_password_pages_are_the_sites(staff):
    answer = staff.get(reverse("admin:password_change"))
    assert answer.url == reverse("account_change_password")
    assert staff.get("/admin/login/?next=/admin/relay/channel/").url == "/admin/relay/channel/"
    assert staff.get("/admin/login/?next=https://elsewhere.example/").url == reverse("admin:index")


def test_signing_out_of_the_admin_ends_in_the_shop(staff):
    assert staff.post(reverse("admin:logout")).url == reverse("home")
    assert staff.get(reverse("admin:index")).status_code == 302


def test_every_page_opens_and_none_holds_a_key_or_a_sealed_key(rows, carol, staff):
    token, channel = rows.tokens_token, rows.relay_channel
    hidden = [SECRET, bytes(token.key_hash).hex(), bytes(channel.keys.get().sealed).hex(), "key_hash", "sealed"]
    for url in addresses(rows.by_name, carol):
        answer = staff.get(url)
        assert answer.status_code == 200, url
        assert not [secret for secret in hidden if secret in answer.content.decode()], url


def test_the_wider_policy_is_for_the_admin_alone(staff):
    admin_policy = staff.get(reverse("admin:index")).headers["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval'" in admin_policy
    assert "unsafe" not in staff.get("/accounts/login/").headers["Content-Security-Policy"]


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model.__name__)
def test_every_column_and_field_has_a_name_in_chinese(model, rf):
    request = rf.get("/admin/")
    request.user = User(is_staff=True, is_superuser=True)
    with translation.override("zh-hans"):
        names = [str(name) for name in names_of(admin.site._registry[model], request)]
        names += [str(model._meta.verbose_name), str(model._meta.verbose_name_plural)]
    assert [name for name in names if name.isascii() and name not in ("ID", "Base URL")] == []


def names_of(model_admin, request):
    """What stands above columns and beside fields, inlines' too."""
    fieldsets = model_admin.get_fieldsets(request, model_admin.model())
    yield from (label_of(name, model_admin) for name in model_admin.get_list_display(request) if name != "__str__")
    yield from (label_of(name, model_admin) for name in flatten_fieldsets(fieldsets))
    for inline in model_admin.get_inline_instances(request):
        yield from (label_of(name, inline) for name in flatten_fieldsets(inline.get_fieldsets(request)))


def label_of(name, model_admin):
    typed = model_admin.form.declared_fields.get(name)
    return typed.label if typed and typed.label else label_for_field(name, model_admin.model, model_admin)


CONSOLE_LINKS = (
    *("relay_channel", "billing_modelprice", "tokens_group", "accounts_user"),
    *("orders_package", "orders_order", "orders_codebatch", "tokens_site"),
)


def admin_links(client):
    """Where the console's own side bar leads within the admin."""
    page = client.get(reverse("profile")).content.decode()
    return re.findall(r'class="side-link" href="(/admin/[^"]*)"', page)


def test_the_consoles_side_bar_leads_staff_to_what_they_may_see(staff, client_of, alice):
    business = reverse("staff-business")
    assert admin_links(staff) == [business, *(list_url(name) for name in CONSOLE_LINKS)]
    dave = make_user("dave@example.com", is_staff=True)
    dave.user_permissions.add(Permission.objects.get(codename="view_channel"))
    assert admin_links(client_of(dave)) == [reverse("admin:index"), list_url("relay_channel")]
    assert admin_links(client_of(alice)) == []


def test_the_side_bar_names_every_list(staff):
    html = staff.get(reverse("admin:index")).content.decode()
    for section in SECTIONS:
        for word, _icon, app, model in section[1]:
            assert str(word) in html
            assert list_url(f"{app}_{model}") in html
