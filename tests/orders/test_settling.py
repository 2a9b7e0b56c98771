"""A payment is credited once, on its order's terms, or kept for a person."""

import pytest

from billing.credit import credit_of
from billing.ledger import post_entry
from billing.models import LedgerEntry
from billing.proof import check_books
from config.kernel.money import usd
from orders.models import Delivery, Order, Payment, WebhookEvent
from orders.ordering import Buyer, place_order
from orders.payments.refunding import request_refund
from orders.payments.settling import accept
from tests.factories import make_group, make_token, make_user
from tests.orders.shop import CREDIT, balance_of, make_coupon, order_purchase, order_top_up, pay, report
from tokens.models import Token

pytestmark = [pytest.mark.money, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _books_agree(shop):
    yield
    assert check_books() == []


def test_a_top_up_is_credited_to_the_owner_with_its_bonus(shop, gateway):
    order = order_top_up()
    attempt = pay(order)
    gateway.pays(attempt)
    assert report(shop, attempt).body == "success"
    order.refresh_from_db()
    assert order.status == Order.Status.CREDITED
    assert balance_of(order) == CREDIT
    kinds = LedgerEntry.objects.values_list("kind", "amount").order_by("id")
    assert list(kinds) == [("top_up", CREDIT * 5 // 6), ("bonus", CREDIT // 6)]


def test_a_first_purchase_makes_account_and_key(shop, gateway):
    order = order_purchase("stranger@example.com")
    attempt = pay(order)
    gateway.pays(attempt)
    report(shop, attempt)
    order.refresh_from_db()
    assert (order.status, order.user.email) == (Order.Status.PAID, "stranger@example.com")
    assert Token.objects.get(user=order.user) == Delivery.objects.get(order=order).token
    assert not order.user.has_usable_password()


def test_a_strangers_key_spends_what_they_paid_for_and_nothing_else_of_the_account(shop, gateway):
    bob, order = make_user("bob@example.com"), order_purchase("bob@example.com")
    post_entry(user_id=bob.pk, amount=usd("500"), kind=LedgerEntry.Kind.GRANT, idempotency_key="grant")
    gateway.confirms = True
    report(shop, pay(order))
    key = Token.objects.get()
    assert (key.user, key.quota) == (bob, order.credit)
    assert credit_of(key.pk).left == order.credit
    payment = Payment.objects.get()
    request_refund(payment=payment, amount_minor=payment.amount_minor, reason="asked", actor_id=bob.pk, key="form")
    assert credit_of(key.pk).left == 0


def test_the_key_of_somebody_signed_in_spends_their_balance(shop, gateway):
    bob = make_user("bob@example.com")
    make_group("default", is_default=True)
    buyer = Buyer(bob.email, user=bob, is_known=True)
    order = place_order(kind=Order.Kind.PURCHASE, buyer=buyer, package_code="starter")
    gateway.confirms = True
    report(shop, pay(order))
    assert Token.objects.get().quota is None


def test_a_repeated_report_changes_nothing(shop, gateway):
    order = order_top_up()
    attempt = pay(order)
    gateway.pays(attempt)
    for _ in range(3):
        assert report(shop, attempt).body == "success"
    report(shop, attempt, dedupe="told differently")
    assert WebhookEvent.objects.count() == 2
    assert Payment.objects.count() == 1
    assert balance_of(order) == CREDIT


@pytest.mark.parametrize(("minor", "currency"), [(1, "CNY"), (9_999, "CNY"), (10_001, "CNY"), (10_000, "USD")])
def test_another_amount_goes_to_review(shop, gateway, minor, currency):
    order = order_top_up()
    attempt = pay(order)
    gateway.pays(attempt, minor=minor, currency=currency)
    report(shop, attempt, minor=minor, currency=currency)
    order.refresh_from_db()
    assert order.status == Order.Status.REVIEW
    assert Payment.objects.get().state == Payment.State.MISMATCH
    assert balance_of(order) == 0


def test_an_operator_accepts_from_review(shop, gateway):
    order = order_top_up()
    attempt = pay(order)
    gateway.pays(attempt, minor=9_999)
    report(shop, attempt, minor=9_999)
    carol = make_user("carol@example.com", is_staff=True)
    payment = Payment.objects.get()
    assert accept(payment, actor_id=carol.pk, reason="one fen is forgiven")
    assert not accept(payment, actor_id=carol.pk, reason="twice")
    order.refresh_from_db()
    assert order.status == Order.Status.CREDITED
    assert balance_of(order) == CREDIT


def test_the_gateways_own_word_decides(shop, gateway):
    order = order_top_up()
    attempt = pay(order)
    report(shop, attempt)  # its query says: waiting
    order.refresh_from_db()
    assert order.status == Order.Status.PENDING
    assert WebhookEvent.objects.get().state == WebhookEvent.State.NEW


def test_a_quota_of_the_keys_own_grows_with_the_credit(shop, gateway):
    alice = make_user("alice@example.com")
    token = make_token(alice, quota=1_000)
    attempt = pay(order_top_up(alice, token=token))
    gateway.pays(attempt)
    report(shop, attempt)
    token.refresh_from_db()
    assert token.quota == 1_000 + CREDIT


def test_a_deleted_key_loses_no_credit(shop, gateway):
    alice = make_user("alice@example.com")
    token = make_token(alice, quota=1_000)
    attempt = pay(order_top_up(alice, token=token))
    Token.objects.update(deleted_at=attempt.created_at, is_enabled=False)
    gateway.pays(attempt)
    report(shop, attempt)
    alice.wallet.refresh_from_db()
    assert alice.wallet.balance == CREDIT


def test_a_coupon_is_used_with_the_payment(shop, gateway):
    coupon = make_coupon()
    order = order_top_up(coupon="spring10")
    assert order.amount_minor == 9_000
    attempt = pay(order)
    gateway.pays(attempt)
    report(shop, attempt)
    coupon.refresh_from_db()
    assert (coupon.uses, order.coupon_use.state) == (1, "reserved")
    order.coupon_use.refresh_from_db()
    assert order.coupon_use.state == "used"
