"""Bob never sees what is alice's: not by any id in an address, not in any list, any filter or any export.

The addresses come from the URL space, so that none is forgotten: what takes something in its path is either one of
`OWNED`, which bob asks for with alice's ids, or stands in `NOT_BY_ID` with what protects it.
"""

import re
from types import SimpleNamespace

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from asgiref.sync import async_to_sync
from django.urls import reverse

from billing.models import LedgerEntry, UsageRecord
from billing.rollups import roll_up_usage
from orders.models import Order
from tests.billing.usage_rows import make_record
from tests.factories import give, make_group
from tests.journeys.every_page import places
from tests.journeys.rooms import recently_signed_in
from tests.orders.shop import order_top_up, pay, report
from tokens.models import Token
from tokens.services import issue_token

pytestmark = pytest.mark.django_db

NAME, EMAIL = "alices-project", "alice@example.com"
HERS = (NAME, EMAIL)
OWNED = {
    "usage-record": "record",
    "playground-receipt": "record",
    "token-edit": "token",
    "api-token": "token",
    "api-token-disable": "token",
    "api-token-enable": "token",
    "order": "order",
    "order-receipt": "order",
    "order-cancel": "order",
    "pay-return": "order",
    "end_session": "session",
    "mfa_edit_webauthn": "passkey",
    "mfa_remove_webauthn": "passkey",
}
NOT_BY_ID = {
    "public": "docs-page buy sign_in_with payment-notify openid_connect_login openid_connect_callback",
    "a signature in the address is the permission, whoever brings it": (
        "purchase-pay-order top-up-pay-order pay-status pay-check pay-cancel pay-resend pay-key payment-qr "
        "key-reveal sign_in_link account_reset_password_from_key"
    ),
}
POST_ANSWERS = {"end_session": 302, "pay-return": 405}  # the sessions page, where hers still stands


@pytest.fixture
def hers(alice, shop, gateway):
    """One of everything of alice's, by kind: what stands in addresses."""
    make_group("default", is_default=True)
    give(alice, "5")
    token = issue_token(user=alice, name=NAME).token
    record = make_record(token)
    order = order_top_up(alice, token=token)
    attempt = pay(order)
    gateway.pays(attempt)
    report(shop, attempt)
    while roll_up_usage(now=record.created_at):
        pass
    session = UserSession.objects.create(user=alice, ip="203.0.113.9", session_key="hers", user_agent=NAME)
    passkey = Authenticator.objects.create(user=alice, type="webauthn", data={"name": NAME, "credential": {}})
    return SimpleNamespace(
        record=str(record.pk), token=token.public_id, order=order.number, session=session.pk, passkey=passkey.pk
    )


@pytest.fixture
def bobs(bob):
    return recently_signed_in(bob)


def rows_of(user):
    """Everything of a user's that a request could change."""
    of_user = (Token, Order, UsageRecord, UserSession, Authenticator)
    rows = [list(model.objects.filter(user=user).order_by("pk").values()) for model in of_user]
    return [*rows, list(LedgerEntry.objects.filter(wallet__user=user).values())]


def body_of(answer):
    if not answer.streaming:
        return answer.content.decode()
    if not answer.is_async:
        return b"".join(answer.streaming_content).decode()

    async def read():
        return b"".join([piece async for piece in answer.streaming_content])

    return async_to_sync(read)().decode()


def names(*, by_id):
    """Named addresses that take something in their path, or those that take nothing."""
    takes = re.compile(r"<|\(\?P")
    return sorted({place.name for place in places() if place.name and bool(takes.search(place.route)) == by_id})


def test_no_address_with_something_in_it_is_forgotten():
    protected = [name for each in NOT_BY_ID.values() for name in each.split()]
    assert sorted([*OWNED, *protected]) == names(by_id=True)


@pytest.mark.parametrize("name", OWNED)
def test_an_id_of_hers_leads_bob_nowhere(name, alice, hers, bobs):
    before, address = rows_of(alice), reverse(name, args=[getattr(hers, OWNED[name])])
    answer = bobs.get(address)
    body = body_of(answer)
    assert [mark for mark in HERS if mark in body] == []
    assert answer.status_code in {404, 405} or is_empty(name, body)
    answer = bobs.post(address, {"name": "bob was here", "sure": "yes"})
    assert answer.status_code == POST_ANSWERS.get(name, answer.status_code if answer.status_code in {404, 405} else 404)
    for method in (bobs.patch, bobs.put, bobs.delete):
        assert method(address, {"name": "bob was here"}, content_type="application/json").status_code in {404, 405}
    assert rows_of(alice) == before


def is_empty(name, body):
    """Two answers say nothing without being a 404: a form for the e-mail, and "not yet"."""
    return (name == "pay-return" and 'name="email"' in body) or (name == "playground-receipt" and "false" in body)


@pytest.mark.parametrize("name", names(by_id=False))
def test_no_page_and_no_export_of_bobs_has_a_row_of_hers(name, hers, bobs):
    queries = ["", f"?token={hers.token}", f"?request_id={hers.record}", f"?q={hers.order}", "?group=default"]
    for query in queries:
        answer = bobs.get(reverse(name) + query)
        assert [mark for mark in HERS if mark in body_of(answer)] == []


@pytest.mark.parametrize("name", ["tokens-reveal", "tokens-disable", "tokens-enable", "tokens-delete"])
def test_no_act_on_selected_tokens_takes_hers(name, alice, hers, bobs):
    before = rows_of(alice)
    answer = bobs.post(reverse(name), {"token": [hers.token], "confirmed": "yes"}, follow=True)
    assert NAME not in body_of(answer)
    assert rows_of(alice) == before


def test_a_call_from_the_playground_cannot_use_her_token(hers, bobs):
    assert bobs.post(reverse("playground-pass"), {"token": hers.token}).status_code == 404


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/api/topup/query", {"contactEmail": "bob@example.com"}),
        ("/api/purchase/query", {"contactEmail": "bob@example.com"}),
        ("/api/topup/pay", {"contactEmail": "bob@example.com"}),
    ],
)
def test_her_order_is_not_found_with_bobs_address(path, fields, hers, bobs):
    answer = bobs.post(path, {"orderNo": hers.order, **fields}, content_type="application/json")
    assert answer.status_code in {400, 404}
    assert [mark for mark in HERS if mark in body_of(answer)] == []


def test_bobs_key_tells_nothing_of_hers(hers, bob, bobs):
    key = issue_token(user=bob, name="bobs").plain_key
    for path in ("/api/quota/query", "/api/quota/logs"):
        answer = bobs.post(path, {"apiKey": key}, content_type="application/json")
        assert answer.status_code == 200
        assert [mark for mark in HERS if mark in body_of(answer)] == []
    assert [each["displayName"] for each in bobs.get("/api/tokens").json()["items"]] == ["bobs"]


def test_the_marks_are_there_for_alice(alice, hers, client_of):
    """So that this file would notice."""
    pages = [reverse(name) for name in ("usage", "tokens", "orders", "wallet", "dashboard", "profile")]
    shown = "".join(body_of(client_of(alice).get(address)) for address in pages)
    assert [mark for mark in HERS if mark not in shown] == []
