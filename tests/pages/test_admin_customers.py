"""Users, groups and tokens in the admin: suspend, switch off, price; powers stay with superusers."""

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.urls import reverse
from unfold.templatetags import unfold_list

from accounts.models import User
from billing.models import Wallet
from tests.factories import give, make_group, make_token, make_user
from tests.pages.admin_rows import list_url, page_url
from tokens.admin import RatioField
from tokens.config_version import current_versions
from tokens.models import Group, Token


@pytest.fixture
def staff(carol, client_of):
    return client_of(carol)


@pytest.fixture
def clerk(db):
    """Staff who may change users and nothing else."""
    user = make_user("dave@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    return user


def act(client, name, action, *rows):
    return client.post(list_url(name), {"action": action, "_selected_action": [row.pk for row in rows]}, follow=True)


# ── Users ────────────────────────────────────────────────────────────────────


def test_the_list_shows_balances_and_is_searched_by_e_mail(staff, alice, bob):
    give(alice, "12.34")
    html = staff.get(list_url("accounts_user", "?q=alice")).content.decode()
    assert "$12.34" in html
    assert "bob@example.com" not in html


def test_the_number_of_statements_does_not_grow_with_users(staff, django_assert_max_num_queries):
    for _ in range(12):
        make_user()
    with django_assert_max_num_queries(12):
        staff.get(list_url("accounts_user"))


def test_a_users_page_asks_for_no_permission_alone(staff, alice, django_assert_max_num_queries):
    with django_assert_max_num_queries(40):
        staff.get(page_url("accounts_user", alice))


def test_a_list_makes_its_headers_once(staff, alice, bob, monkeypatch):
    asked = []
    monkeypatch.setattr(
        unfold_list, "label_for_field", lambda name, *_args, **_options: (asked.append(name) or "", None)
    )
    shown = staff.get(list_url("accounts_user")).content.decode()
    assert shown.count('name="_selected_action"') == 3
    assert len(asked) == len(set(asked)) > 5


def test_a_users_page_leads_to_tokens_ledger_and_usage(staff, alice):
    html = staff.get(page_url("accounts_user", alice)).content.decode()
    for target in ("tokens_token", "billing_ledgerentry", "billing_usagerecord"):
        assert list_url(target) in html
    for target, field in (
        ("tokens_token", "user__id__exact"),
        ("billing_ledgerentry", "wallet__user__id__exact"),
        ("billing_usagerecord", "user__id__exact"),
    ):
        assert staff.get(list_url(target, f"?{field}={alice.pk}")).status_code == 200


def test_suspending_signs_the_user_out_and_reinstating_lets_them_in(staff, alice, client_of):
    browser = client_of(alice)
    act(staff, "accounts_user", "suspend", alice)
    assert browser.get(reverse("dashboard")).status_code == 302
    act(staff, "accounts_user", "reinstate", alice)
    alice.refresh_from_db()
    assert alice.is_active


def test_nobody_suspends_themselves(staff, carol):
    act(staff, "accounts_user", "suspend", carol)
    carol.refresh_from_db()
    assert carol.is_active


def test_a_clerk_cannot_suspend_the_operator_nor_take_their_powers(clerk, carol, client_of):
    client = client_of(clerk)
    act(client, "accounts_user", "suspend", carol)
    client.post(
        page_url("accounts_user", clerk), {"name": "D", "is_active": "on", "is_superuser": "on", "is_staff": "on"}
    )
    for user in (clerk, carol):
        user.refresh_from_db()
    assert carol.is_active
    assert not clerk.is_superuser


def test_a_new_user_has_a_wallet_and_no_password(staff):
    answer = staff.post(reverse("admin:accounts_user_add"), management_forms({"email": "New@Example.com", "name": ""}))
    user = User.objects.get(email="new@example.com")
    assert answer.status_code == 302
    assert not user.has_usable_password()
    assert Wallet.objects.filter(user=user).exists()


def test_an_address_is_its_owners_to_change(staff, alice):
    staff.post(page_url("accounts_user", alice), management_forms({"email": "x@example.com", "is_active": "on"}))
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"


def test_users_are_never_deleted(staff, alice):
    url = reverse("admin:accounts_user_delete", args=[alice.pk])
    assert staff.post(url, {"post": "yes"}).status_code == 403


def management_forms(values):
    inlines = ("group_access", "wallet")
    counts = {f"{prefix}-{part}_FORMS": "0" for prefix in inlines for part in ("TOTAL", "INITIAL")}
    return {**counts, "time_zone": "UTC", **values}


# ── Groups ───────────────────────────────────────────────────────────────────


def group_form(**typed):
    return {"code": "vip", "ratio_ppm": "0.28", "sort_order": "10", "is_public": "on", **typed}


def test_a_ratio_is_typed_as_a_multiplier(staff):
    before = current_versions().get("groups", 0)
    assert staff.post(reverse("admin:tokens_group_add"), group_form()).status_code == 302
    assert Group.objects.get(code="vip").ratio_ppm == 280_000
    assert current_versions()["groups"] > before


@pytest.mark.parametrize("ratio", ["0", "-1", "1001", "0.0000001", "cheap", ""])
def test_ratios_that_are_refused(staff, ratio):
    assert staff.post(reverse("admin:tokens_group_add"), group_form(ratio_ppm=ratio)).status_code == 200
    assert not Group.objects.filter(code="vip").exists()


@pytest.mark.parametrize(("ppm", "shown"), [(280_000, "0.28"), (1_000_000, "1"), (1, "0.000001"), (20_000_000, "20")])
def test_a_ratio_survives_being_shown_and_typed_again(ppm, shown):
    field = RatioField()
    assert field.prepare_value(ppm) == shown
    assert field.clean(shown) == ppm
    assert not field.has_changed(ppm, shown)


def test_a_ratio_is_no_infinity():
    with pytest.raises(ValidationError):
        RatioField().clean("Infinity")


def test_the_automatic_group_is_nobodys_default(staff):
    Group.objects.filter(is_default=True).update(is_default=False)
    answer = staff.post(reverse("admin:tokens_group_add"), group_form(is_auto="on", is_default="on"))
    assert "cannot be the default" in answer.content.decode()


def test_a_group_in_use_is_kept(staff, alice):
    group = make_group("vip")
    make_token(alice, group=group)
    staff.post(reverse("admin:tokens_group_delete", args=[group.pk]), {"post": "yes"})
    assert Group.objects.filter(code="vip").exists()


# ── Tokens ───────────────────────────────────────────────────────────────────


def test_tokens_are_switched_off_and_on(staff, alice):
    token = make_token(alice)
    act(staff, "tokens_token", "disable", token)
    assert not Token.objects.get(pk=token.pk).is_enabled
    act(staff, "tokens_token", "enable", token)
    assert Token.objects.get(pk=token.pk).is_enabled


def test_only_staff_with_the_permission_switch_tokens(clerk, alice, client_of):
    token = make_token(alice)
    clerk.user_permissions.add(Permission.objects.get(codename="view_token"))
    act(client_of(clerk), "tokens_token", "disable", token)
    assert Token.objects.get(pk=token.pk).is_enabled


def test_a_token_is_found_by_its_owner_and_by_the_end_of_its_key(staff, alice, bob):
    make_token(alice, name="hers")
    make_token(bob, name="his")
    assert "hers" in staff.get(list_url("tokens_token", "?q=alice")).content.decode()
    html = staff.get(list_url("tokens_token", "?q=WxYz")).content.decode()
    assert "hers" in html
    assert "sk-AbCd*****WxYz" in html
