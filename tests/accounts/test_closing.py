"""Closing an account: who may, what stops, what is forgotten, and what the books keep."""

import json

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP
from allauth.socialaccount.models import SocialAccount
from asgiref.sync import async_to_sync
from django.core import mail
from django.db import connection

from accounts.closing import close_account
from accounts.models import User
from accounts.services import set_active
from billing.models import LedgerEntry, Wallet
from billing.proof import check_books
from config.kernel.errors import Conflict
from orders.history import move
from orders.models import Order
from tests.factories import give, make_group
from tests.orders.conftest import gateway  # noqa: F401 - a fixture
from tests.orders.shop import make_account, make_package, order_top_up
from tokens.models import Token
from tokens.selectors import token_by_key
from tokens.services import issue_token

PASSWORD = "correct horse battery"
CLOSE = "/accounts/profile/close"


pytestmark = pytest.mark.usefixtures("gateway")


@pytest.fixture
def group(db):
    return make_group("default", is_default=True, is_public=True)


def make_order(user, **changes):
    """A top-up of the user's account, as far as `changes` say it has come."""
    make_package("topup_100")
    make_account()
    order = order_top_up(user)
    if changes:
        Order.objects.filter(pk=order.pk).update(**changes)
    order.refresh_from_db()
    return order


@pytest.fixture
def browser(client, alice):
    client.post("/accounts/login/", {"login": alice.email, "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def test_a_stolen_session_closes_nothing(client_of, alice):
    for response in (client_of(alice).get(CLOSE), client_of(alice).post(CLOSE, {"sure": "yes"})):
        assert response.url.startswith("/accounts/reauthenticate/")
    alice.refresh_from_db()
    assert alice.is_active


def test_without_the_tick_nothing_happens(browser, alice):
    assert browser.post(CLOSE).status_code == 200
    alice.refresh_from_db()
    assert alice.closed_at is None


def test_the_owner_is_signed_out_everywhere_and_told(browser, client_of, alice):
    other = client_of(alice)
    assert browser.post(CLOSE, {"sure": "yes"}).url == "/"
    assert browser.get("/dashboard").status_code == 302
    assert other.get("/dashboard").status_code == 302
    assert mail.outbox[-1].to == ["alice@example.com"]
    assert "is closed" in mail.outbox[-1].body


def test_every_key_stops(browser, alice, group):
    key = issue_token(user=alice, name="prod", group=group).plain_key
    browser.post(CLOSE, {"sure": "yes"})
    assert token_by_key(key).refusal() is not None
    assert not Token.objects.filter(user=alice, deleted_at=None).exists()


def test_nothing_that_names_the_person_stays(browser, alice, group):
    issue_token(user=alice, name="alice's laptop", group=group, ips=["203.0.113.9"])
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    SocialAccount.objects.create(user=alice, provider="sso", uid="alice-at-acme")
    make_order(alice, status=Order.Status.CREDITED)
    browser.post(CLOSE, {"sure": "yes"})
    assert not rows_that_name(["alice@example.com", "Alice", "alice's laptop", "203.0.113.9", "alice-at-acme"])


def rows_that_name(words):
    """Tables of ours and allauth's with one of the words in any column."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            text = str(cursor.fetchall())
            found += [(table, word) for word in words if word in text]
    return found


def test_the_books_stay_and_still_prove_themselves(browser, alice):
    give(alice, "5")
    order = make_order(alice)
    move(order, start=[Order.Status.PENDING], to=Order.Status.CANCELLED, what="cancelled")
    before = list(LedgerEntry.objects.filter(wallet__user=alice).values_list("amount", "kind"))
    browser.post(CLOSE, {"sure": "yes"})
    assert list(LedgerEntry.objects.filter(wallet__user=alice).values_list("amount", "kind")) == before
    assert Wallet.objects.get(user=alice).balance == 5 * 10**9
    assert Order.objects.get(pk=order.pk).contact_email == f"closed-{alice.pk}@account.invalid"
    assert check_books(full=True) == []


@pytest.mark.parametrize("status", ["pending", "paid", "review", "refund_pending"])
def test_unsettled_orders_are_in_the_way(browser, alice, status):
    order = make_order(alice, status=status)
    page = browser.get(CLOSE).content.decode()
    assert order.number in page
    assert 'name="sure"' not in page
    assert browser.post(CLOSE, {"sure": "yes"}).url == CLOSE
    alice.refresh_from_db()
    assert alice.is_active


def test_so_is_a_dispute(alice):
    make_order(alice, status=Order.Status.CREDITED, is_disputed=True)
    with pytest.raises(Conflict):
        close_account(user=alice)


def test_an_order_of_somebody_elses_is_not(alice, bob):
    make_order(bob, status=Order.Status.PENDING)
    close_account(user=alice)
    assert User.objects.get(pk=alice.pk).closed_at is not None


def test_staff_do_not_close_their_own(carol):
    with pytest.raises(Conflict):
        close_account(user=carol)


def test_a_closed_account_is_not_let_in_again(alice):
    close_account(user=alice)
    assert set_active(users=[User.objects.get(pk=alice.pk)], active=True) == 0


def test_the_address_is_free_again(browser, client, alice):
    browser.post(CLOSE, {"sure": "yes"})
    client.cookies.clear()
    client.post("/accounts/signup/", {"email": "alice@example.com", "password1": "a quite new password"})
    assert EmailAddress.objects.get(email="alice@example.com").user_id != alice.pk


def exported(client):
    response = client.get("/accounts/profile/export")
    assert response["Content-Type"] == "application/json"

    async def read():
        return b"".join([piece async for piece in response.streaming_content])

    return json.loads(async_to_sync(read)())


def test_the_export_holds_what_is_hers_and_no_secret(browser, alice, bob, group):
    key = issue_token(user=alice, name="prod", group=group).plain_key
    issue_token(user=bob, name="bob's", group=group)
    give(alice, "5")
    order = make_order(alice, status=Order.Status.CREDITED)
    data = exported(browser)
    assert data["profile"]["email"] == "alice@example.com"
    assert [row["key"] for row in data["tokens"] if row["name"] == "prod"] == [f"{key[:7]}…{key[-4:]}"]
    assert [row["amount_usd"] for row in data["ledger"]] == ["5"]
    assert [row["number"] for row in data["orders"]] == [order.number]
    text = json.dumps(data)
    assert not [secret for secret in (key, "bob", alice.password, "key_hash", "session_key") if secret in text]


def test_a_long_ledger_is_read_in_chunks(browser, alice, monkeypatch):
    monkeypatch.setattr("accounts.personal_data.CHUNK", 3)
    for amount in range(1, 8):
        give(alice, str(amount))
    assert [row["amount_usd"] for row in exported(browser)["ledger"]] == list("1234567")


def test_the_export_asks_for_the_password(client_of, alice):
    assert client_of(alice).get("/accounts/profile/export").url.startswith("/accounts/reauthenticate/")


def test_who_wants_no_receipts_gets_none_but_always_a_key(browser, alice):
    browser.post("/accounts/profile/mail", {})
    alice.refresh_from_db()
    assert not alice.wants_receipts
    browser.post("/accounts/profile/mail", {"wants_receipts": "on"})
    alice.refresh_from_db()
    assert alice.wants_receipts
