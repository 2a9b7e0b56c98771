"""The key of a first purchase: made once, mailed as one link, shown once, whatever the mail does."""

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.utils import timezone

from billing.proof import check_books
from orders import delivering
from orders.models import Delivery, Order
from tests.factories import make_group, make_user
from tests.orders.shop import order_purchase, order_top_up, pay, report
from tokens.keys import is_well_formed
from tokens.models import Token
from tokens.selectors import token_by_key

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _books_agree(shop):
    yield
    assert check_books() == []


@pytest.fixture
def delivery(shop, gateway):
    gateway.confirms = True
    order = order_purchase("bob@example.com")
    report(shop, pay(order))
    return Delivery.objects.get()


def links():
    return [re.search(r"/keys/reveal/(\S+)", message.body)[1] for message in mail.outbox]


def test_the_mail_has_a_link_and_no_key(delivery):
    delivering.deliver_due()
    delivering.deliver_due()
    (message,) = mail.outbox
    assert message.to == ["bob@example.com"]
    assert "sk-" not in message.body.replace(delivery.token.masked_key, "")
    delivery.order.refresh_from_db()
    assert delivery.order.status == Order.Status.DELIVERED


def test_the_link_shows_a_working_key_once(delivery):
    delivering.deliver_due()
    (link,) = links()
    key = delivering.reveal_by_link(delivering.delivery_of(link))
    assert is_well_formed(key)
    assert token_by_key(key).id == delivery.token_id
    assert delivering.delivery_of(link) is None
    delivery.refresh_from_db()
    assert delivery.key_sealed is None


def test_two_who_open_the_link_at_once_see_one_key(delivery):
    first, second = (delivering.delivery_of(delivering.link_token(delivery)) for _ in range(2))
    assert delivering.reveal_by_link(first)
    assert delivering.reveal_by_link(second) is None


def test_the_pay_page_shows_it_once_too_and_the_link_still_works(delivery):
    order = delivery.order
    assert delivering.is_showable(order)
    assert delivering.reveal_on_page(order) == delivering.reveal_by_link(
        delivering.delivery_of(delivering.link_token(delivery))
    )
    assert not delivering.is_showable(order)
    assert delivering.reveal_on_page(order) is None


def test_the_pay_page_shows_it_for_an_hour(delivery):
    Delivery.objects.update(created_at=timezone.now() - timedelta(hours=2))
    assert not delivering.is_showable(delivery.order)


def test_an_old_link_is_dead_and_its_copy_gone(delivery):
    Delivery.objects.update(created_at=timezone.now() - timedelta(days=8))
    assert delivering.delivery_of(delivering.link_token(delivery)) is None
    delivering.forget_keys()
    assert Delivery.objects.get().key_sealed is None


@pytest.mark.parametrize("link", ["", "1", "1~x", "2~" + "a" * 43, "\x00", "~"])
def test_a_made_up_link_shows_nothing(delivery, link):
    assert delivering.delivery_of(link) is None


def test_a_mail_that_fails_undoes_nothing_and_is_tried_again(delivery, settings):
    with_failure = "tests.orders.broken_mail.Backend"
    real, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, with_failure
    delivering.deliver_due()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.tries, delivery.last_error) == ("failed", 1, "ConnectionRefusedError")
    assert delivery.order.user.wallet.balance
    settings.EMAIL_BACKEND = real
    Delivery.objects.update(next_try_at=timezone.now())
    delivering.deliver_due()
    delivery.refresh_from_db()
    assert delivery.state == "sent"


def test_sent_again_it_is_the_same_key_and_link(delivery):
    delivering.deliver_due()
    for _ in range(5):
        delivery.refresh_from_db()
        delivering.resend(delivery)
    assert len(links()) == 6
    assert len(set(links())) == 1
    assert Token.objects.count() == 1


def test_the_mail_speaks_the_buyers_language(shop, gateway):
    gateway.confirms = True
    order = order_purchase("bob@example.com")
    Order.objects.update(language="zh-hans")
    report(shop, pay(order))
    delivering.deliver_due()
    assert "密钥" in mail.outbox[0].subject


def test_a_top_up_has_a_receipt(shop, gateway):
    gateway.confirms = True
    order = order_top_up()
    report(shop, pay(order))
    delivering.deliver_due()
    assert order.number in mail.outbox[0].subject
    assert "/keys/reveal/" not in mail.outbox[0].body


def test_a_buyer_who_has_an_account_gets_the_credit_there(shop, gateway):
    gateway.confirms = True
    make_group("default", is_default=True)
    bob = make_user("bob@example.com")
    EmailAddress.objects.create(user=bob, email=bob.email, verified=True, primary=True)
    order = order_purchase("Bob@Example.com")
    report(shop, pay(order))
    order.refresh_from_db()
    assert order.user == bob
    assert bob.has_usable_password()


def test_whoever_took_the_address_first_without_proof_cannot_get_in(shop, gateway):
    gateway.confirms = True
    make_group("default", is_default=True)
    squatter = make_user("bob@example.com")
    EmailAddress.objects.create(user=squatter, email=squatter.email, verified=False, primary=True)
    report(shop, pay(order_purchase("bob@example.com")))
    squatter.refresh_from_db()
    assert not squatter.has_usable_password()


def test_the_key_runs_out_and_has_its_group_as_the_package_said(shop, gateway):
    from orders.models import Package

    gateway.confirms = True
    vip = make_group("vip", is_public=False)
    Package.objects.filter(code="starter").update(valid_days=30, group=vip)
    report(shop, pay(order_purchase()))
    token = Token.objects.get()
    assert token.group == vip
    assert timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)
