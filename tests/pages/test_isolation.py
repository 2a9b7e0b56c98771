"""Bob never sees what is alice's: not by any id in an address, not in any list, sum, filter or export.

The addresses come from the URL space, so that none is forgotten: what takes something in its path is either one of
`OWNED`, which bob asks for with alice's ids, or stands in `NOT_BY_ID` with what protects it; all others have to say to
bob the same before alice has anything and afterwards.
"""

import re
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from asgiref.sync import async_to_sync
from django.urls import reverse
from django.utils import timezone

from billing.models import DRAWINGS, TASKS, LedgerEntry, UsageRecord
from billing.pricing import Usage
from billing.rollups import roll_up_usage
from billing.statement import TOP
from config.kernel.ids import uuid7
from config.kernel.money import usd
from orders.models import Order
from tests.billing.usage_rows import make_record
from tests.factories import give, make_group, make_price
from tests.journeys.every_page import places
from tests.journeys.rooms import recently_signed_in
from tests.orders.shop import order_top_up, pay, report
from tokens.models import GroupAccess, Token, new_token_id
from tokens.services import issue_token

pytestmark = pytest.mark.django_db

NAME, EMAIL, GROUP, SPENT = "alices-project", "alice@example.com", "alices-lane", 4_242_424
HERS = (NAME, EMAIL, GROUP, f"{SPENT:,}", str(SPENT))
OWNED = {
    "usage-record": "record",
    "playground-receipt": "record",
    "token-edit": "token",
    "token-rotate": "token",
    "token-former-key": "token",
    "api-token": "token",
    "api-token-disable": "token",
    "api-token-enable": "token",
    "api-token-rotate": "token",
    "api-token-former-key": "token",
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
FIRST, LAST = UUID("00000000-0000-7000-8000-000000000000"), UUID("ffffffff-ffff-7fff-bfff-ffffffffffff")
LOGS = [f"{log}{what}" for log in ("usage", "drawing", "tasks") for what in ("", "-csv", "-live")]
WIDE = {  # ways to ask a page for more than it shows at first, without an id
    **dict.fromkeys(LOGS, ("", "?range=90d", f"?older={LAST}", f"?newer={FIRST}", "?status=failed", "?stream=no")),
    **dict.fromkeys(("wallet", "statement-csv"), ("", f"?older={TOP}", "?newer=0.20200101", "?kind=top_up")),
    "orders": ("", "?status=credited"),
    "tokens": ("", "?q=alices", f"?group={GROUP}"),
    "dashboard": ("", "?range=24h", "?range=7d", "?range=90d"),
}
SHOWN = {  # what of hers alice herself sees there: where nothing would be, bob's page would prove nothing
    **dict.fromkeys(("usage", "usage-csv", "drawing", "drawing-csv", "tasks", "tasks-csv"), (NAME, GROUP)),
    **dict.fromkeys(("dashboard", "tokens", "export_data", "api-tokens"), (NAME,)),
    **dict.fromkeys(("wallet", "statement-csv", "orders", "mfa_list_webauthn", "usersessions_list", "profile"), ()),
    **dict.fromkeys(("token-new", "playground", "pricing"), (GROUP,)),
}
OF_NOBODY = ("status", "mfa_activate_totp", "mfa_add_webauthn")  # how models answered whoever called; drawn lots
CHANGING = re.compile(
    r'(?is)<time.*?</time>|csrf\w*"[^>]*>|"X-CSRFToken": "\w+"|"made_at": "[^"]*"|data-newest="[^"]*"'
)
POST_ANSWERS = {"end_session": 302, "pay-return": 405}  # the sessions page, where hers still stands


@pytest.fixture
def hers(alice, shop, gateway):
    """One of everything of alice's, by kind: what stands in addresses."""
    give(alice, "5")
    lane = make_group(GROUP, is_public=False)
    GroupAccess.objects.create(user=alice, group=lane)
    token = issue_token(user=alice, name=NAME, group=lane).token
    long_ago, now = timezone.now() - timedelta(hours=3), timezone.now()
    calls = {"group": GROUP, "usage": Usage(input=SPENT, output=SPENT), "hold": usd("20")}
    for at in (long_ago, now):
        for endpoint in ("chat.completions", *DRAWINGS, *TASKS[:1]):
            record = make_record(token, at=at, endpoint=endpoint, **calls)
    make_record(token, at=now, status="failed", group=GROUP)
    running = make_record(token, at=now, status="open", group=GROUP)
    order = order_top_up(alice, token=token)
    attempt = pay(order)
    gateway.pays(attempt)
    report(shop, attempt)
    while roll_up_usage(now=now):
        pass
    session = UserSession.objects.create(user=alice, ip="203.0.113.9", session_key="hers", user_agent=NAME)
    passkey = Authenticator.objects.create(user=alice, type="webauthn", data={"name": NAME, "credential": {}})
    return SimpleNamespace(
        record=str(record.pk),
        running=str(running.pk),
        token=token.public_id,
        key=token.masked_key,
        order=order.number,
        session=session.pk,
        passkey=passkey.pk,
    )


@pytest.fixture
def bobs(bob, shop):
    """His browser. He has a key, some credit and an order, so that his pages are not those of a newcomer."""
    make_group("default", is_default=True)
    make_price("test-model")  # prices are everybody's
    give(bob, "3")
    order_top_up(bob, token=issue_token(user=bob, name="bobs").token)
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


def said(client, address):
    """A page's text without what differs each time it is asked for."""
    return CHANGING.sub("", body_of(client.get(address)))


def asked_for():
    """Every page and every export that is not about something, with the ways to ask for more."""
    pages = [name for name in names(by_id=False) if name not in OF_NOBODY]
    return [reverse(name) + query for name in pages for query in WIDE.get(name, ("",))]


def test_nothing_that_alice_does_changes_a_page_or_an_export_of_bobs(request, bobs):
    before = {address: said(bobs, address) for address in asked_for()}
    hers = request.getfixturevalue("hers")
    after = {address: said(bobs, address) for address in before}
    assert [address for address, text in before.items() if text != after[address]] == []
    marks = (*HERS, hers.key, hers.order, hers.record)
    shown = {address: text.replace(GROUP, "") if GROUP in address else text for address, text in after.items()}
    assert [(address, mark) for address, text in shown.items() for mark in marks if mark in text] == []


def test_no_filter_and_no_cursor_finds_hers(hers, bobs):
    of_logs = (f"?token={hers.token}", f"?id={hers.record}", f"?newer={FIRST}&running={hers.running}")
    of_orders = (f"?orderNo={hers.order}&contactEmail=bob@example.com", f"?number={hers.order}")
    queries = dict.fromkeys(LOGS, of_logs) | dict.fromkeys(("order-find", "top-up-pay", "purchase-pay"), of_orders)
    queries |= {"orders": (f"?older={hers.order}", f"?newer={hers.order}"), "tokens": (f"?q={hers.token}",)}
    queries |= dict.fromkeys(OF_NOBODY, ("",))
    addresses = [reverse(name) + query for name, asked in queries.items() for query in asked]
    found = {address: body_of(bobs.get(address)) for address in addresses}
    assert [(address, mark) for address, text in found.items() for mark in (*HERS, hers.key) if mark in text] == []


def test_an_id_of_hers_is_answered_like_one_that_never_was(hers, bobs):
    never = {hers.token: new_token_id(), hers.record: str(uuid7()), hers.order: hers.order[:-4] + "2222"}
    asked = [(name, f"?token={hers.token}", hers.token) for name in LOGS if "-live" not in name]
    asked += [(name, f"?id={hers.record}", hers.record) for name in LOGS]
    asked += [("orders", f"?{side}={hers.order}", hers.order) for side in ("older", "newer")]
    for name, query, real in asked:
        address = reverse(name) + query
        unknown = said(bobs, address.replace(real, never[real])).replace(never[real], "")
        assert (address, said(bobs, address).replace(real, "")) == (address, unknown)


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
    key = issue_token(user=bob, name="another").plain_key
    for path in ("/api/quota/query", "/api/quota/logs"):
        answer = bobs.post(path, {"apiKey": key}, content_type="application/json")
        assert answer.status_code == 200
        assert [mark for mark in HERS if mark in body_of(answer)] == []
    assert [each["displayName"] for each in bobs.get("/api/tokens").json()["items"]] == ["another", "bobs"]


def test_alice_sees_on_each_of_these_pages_what_bob_does_not(alice, hers, bobs):
    """So that this file would notice."""
    browser = recently_signed_in(alice)
    for name, marks in SHOWN.items():
        text = body_of(browser.get(reverse(name)))
        assert [(name, mark) for mark in marks if mark not in text] == []
        assert CHANGING.sub("", text) != said(bobs, reverse(name))
    for name in ("usage-live", "drawing-live", "tasks-live"):
        assert NAME in body_of(browser.get(reverse(name) + f"?newer={FIRST}"))
    assert hers.order in body_of(browser.get(reverse("orders")))
