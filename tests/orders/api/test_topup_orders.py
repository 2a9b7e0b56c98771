"""A key is topped up by whoever has it."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from billing.models import Wallet
from config.kernel.money import quota_to_nano, usd
from orders.models import CouponUse, Order
from tests.factories import give
from tests.orders.api.refusals import refused
from tests.orders.shop import make_coupon, pay, report
from tokens.keys import make_key
from tokens.models import Token

pytestmark = pytest.mark.django_db
PATH = "/api/topup/orders"


def body_of(key, **fields):
    return {"apiKey": key, "packageCode": "topup_100", "contactEmail": "buyer@example.com"} | fields


def in_quota(nano, settings):
    return nano * settings.QUOTA_PER_USD // 1_000_000_000


class TestPreview:
    PATH = "/api/topup/preview"

    def test_of_an_account(self, alice, key, data):
        give(alice, "3")
        assert data(self.PATH, {"apiKey": key}) == {
            "tokenName": "Production Key",
            "availableQuota": 1_500_000,
            "usedQuota": 0,
            "totalQuota": 1_500_000,
        }

    def test_of_a_key_with_a_quota(self, alice, issue, data):
        give(alice, "100")
        issued = issue(alice, quota=usd("14"))
        Token.objects.update(used=usd("3.2000001"))
        assert data(self.PATH, {"apiKey": issued.plain_key}) == {
            "tokenName": "Production Key",
            "availableQuota": 5_399_999,  # nobody is shown more than there is
            "usedQuota": 1_600_001,
            "totalQuota": 7_000_000,
        }

    def test_of_a_key_that_is_used_up(self, alice, issue, data):
        issued = issue(alice, quota=usd("1"))
        Token.objects.update(used=usd("1"))
        assert data(self.PATH, {"apiKey": issued.plain_key})["availableQuota"] == 0


class TestRefusedKeys:
    CHANGES = [
        ({"deleted_at": timezone.now(), "is_enabled": False}, "deleted"),
        ({"is_enabled": False}, "disabled"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expired"),
        ({"ips_allowed": ["203.0.113.0/24"]}, "your address"),
    ]
    PLACES = [("/api/topup/preview", "topup_preview_failed"), (PATH, "topup_order_create_failed")]

    @pytest.mark.parametrize(("change", "word"), CHANGES)
    @pytest.mark.parametrize(("path", "code"), PLACES)
    def test_of_the_key(self, shop, key, call, path, code, change, word):
        Token.objects.update(**change)
        assert word in refused(call(path, body_of(key)), 400, code)
        assert not Order.objects.exists()

    @pytest.mark.parametrize(("path", "code"), PLACES)
    def test_of_a_suspended_owner(self, shop, key, call, path, code):
        User.objects.update(is_active=False)
        assert "suspended" in refused(call(path, body_of(key)), 400, code)

    @pytest.mark.parametrize(("path", "code"), PLACES)
    def test_unknown_and_malformed_ones(self, shop, key, call, path, code, django_assert_num_queries):
        answers = []
        for wrong in (make_key(), key[:-1] + ("a" if key[-1] != "a" else "b"), "sk-", "", "é" * 51, "Bearer " + key):
            with django_assert_num_queries(1):
                answers.append(call(path, body_of(wrong)))
        refused(answers[0], 400, code)
        assert all(answer == answers[0] for answer in answers)

    def test_a_right_key_takes_the_same_statement(self, shop, key, call, django_assert_num_queries):
        with django_assert_num_queries(1):
            assert call("/api/topup/preview", {"apiKey": key})[0] == 200

    def test_an_address_of_the_list_is_let_in(self, shop, key, data):
        Token.objects.update(ips_allowed=["127.0.0.1"])
        data("/api/topup/preview", {"apiKey": key})


def test_an_order(shop, alice, key, data):
    told = data(PATH, body_of(key))
    number = told["orderNo"]
    assert re.fullmatch(r"TOP\d{12}[A-Z0-9]{4}", number)
    assert told == {
        "orderNo": number,
        "amountCents": 10_000,
        "contactEmail": "buyer@example.com",
        "payUrl": f"/topup/pay?orderNo={number}&contactEmail=buyer%40example.com",
    }
    order = Order.objects.get()
    assert (order.user, order.token) == (alice, Token.objects.get())


def test_spring10_takes_a_tenth_off(shop, key, data):
    make_coupon("SPRING10", off_bps=1000)
    assert data(PATH, body_of(key, couponCode="SPRING10"))["amountCents"] == 9000


def test_what_cannot_be_ordered(shop, key, call):
    make_coupon("OLD", ends_at=timezone.now(), starts_at=timezone.now() - timedelta(days=1))
    code = "topup_order_create_failed"
    assert "not on sale" in refused(call(PATH, body_of(key, packageCode="starter")), 400, code)
    assert "expired" in refused(call(PATH, body_of(key, couponCode="OLD")), 400, code, "couponCode")
    refused(call(PATH, body_of(key, contactEmail="nobody")), 400, "invalid_payload", "contactEmail")


def test_the_money_goes_to_the_owner_and_raises_the_keys_quota(shop, gateway, alice, bob, issue, data, settings):
    issued = issue(alice, quota=usd("1"))
    data(PATH, body_of(issued.plain_key, contactEmail=bob.email))
    attempt = pay(Order.objects.get())
    gateway.pays(attempt)
    report(shop, attempt)
    credit = quota_to_nano(6_000_000_000, quota_per_usd=settings.QUOTA_PER_USD)
    assert Wallet.objects.get(user=alice).balance == credit
    assert not Wallet.objects.filter(user=bob, balance__gt=0).exists()
    assert data("/api/topup/preview", {"apiKey": issued.plain_key})["totalQuota"] == 500_000 + 6_000_000_000


def test_one_use_for_each_customer_is_of_the_account_not_of_the_address(shop, alice, key, call, data):
    make_coupon("ONCE", per_customer=1)
    data(PATH, body_of(key, couponCode="ONCE", contactEmail="one@example.com"))
    answer = call(PATH, body_of(key, couponCode="ONCE", contactEmail="two@example.com"))
    assert "already" in refused(answer, 400, "topup_order_create_failed", "couponCode")
    assert CouponUse.objects.get().customer == alice.email
