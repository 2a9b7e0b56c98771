"""Stripe Checkout: create, pay, be told, read, refund; and that it is as strict as Stripe."""

import json
import time

import pytest

from tests.orders.gateway.signatures import stripe_is_right

SESSIONS = "/v1/checkout/sessions"


def events(shop, count):
    """The events told so far, by type."""
    return {event["type"]: event for event in (json.loads(told.body) for told in shop.wait_for(count))}


def paid(calls, shop):
    session = calls.stripe_create().json()
    calls.pay(session["url"])
    shop.wait_for()
    return calls.stripe_get(f"{SESSIONS}/{session['id']}").json()


def test_a_payment_from_session_to_event(calls, gateway, shop):
    made = calls.stripe_create().json()

    assert (made["status"], made["payment_status"], made["amount_total"]) == ("open", "unpaid", 29900)
    clicked = calls.pay(made["url"])
    assert clicked.headers["location"] == f"{shop.return_url}/{made['id']}"
    (told,) = shop.wait_for()
    assert stripe_is_right(told, gateway.merchant("stripe")["webhook_secret"])
    event = json.loads(told.body)
    assert (event["type"], event["livemode"]) == ("checkout.session.completed", False)
    assert (
        event["data"]["object"].items()
        >= {
            "id": made["id"],
            "amount_total": 29900,
            "client_reference_id": "TOP1",
            "currency": "cny",
            "metadata": {"order_no": "ORDER1"},
            "payment_status": "paid",
            "status": "complete",
        }.items()
    )


def test_a_session_can_be_read_with_its_charge(calls, shop):
    session = paid(calls, shop)

    path = f"{SESSIONS}/{session['id']}?expand[]=payment_intent.latest_charge"
    expanded = calls.stripe_get(path).json()["payment_intent"]

    assert expanded["id"] == session["payment_intent"]
    assert (expanded["status"], expanded["amount_received"]) == ("succeeded", 29900)
    assert (expanded["latest_charge"]["object"], expanded["latest_charge"]["amount_refunded"]) == ("charge", 0)
    intent = calls.stripe_get(f"/v1/payment_intents/{session['payment_intent']}").json()
    assert intent["latest_charge"] == expanded["latest_charge"]["id"]
    listed = calls.stripe_get(f"{SESSIONS}?payment_intent={session['payment_intent']}").json()["data"]
    assert [each["id"] for each in listed] == [session["id"]]


def test_an_idempotency_key_makes_one_object(calls, gateway):
    first = calls.stripe_create(Idempotency_Key="attempt:1").json()
    again = calls.stripe_create(Idempotency_Key="attempt:1")
    other = calls.stripe_create("TOP2", Idempotency_Key="attempt:1")

    assert again.json()["id"] == first["id"]
    assert again.headers["idempotent-replayed"] == "true"
    assert (other.status, other.json()["error"]["type"]) == (400, "idempotency_error")
    assert len(gateway.get("/control/payments").json()["payments"]) == 1


def test_refunds_may_be_partial_and_repeated_until_all_is_gone(calls, shop):
    intent = paid(calls, shop)["payment_intent"]

    first = calls.stripe("/v1/refunds", {"payment_intent": intent, "amount": 9900}, Idempotency_Key="refund:1").json()
    again = calls.stripe("/v1/refunds", {"payment_intent": intent, "amount": 9900}, Idempotency_Key="refund:1").json()
    too_much = calls.stripe("/v1/refunds", {"payment_intent": intent, "amount": 20001})
    rest = calls.stripe("/v1/refunds", {"payment_intent": intent, "metadata[refund]": "2"}).json()
    nothing = calls.stripe("/v1/refunds", {"payment_intent": intent})

    assert (first["status"], again["id"]) == ("succeeded", first["id"])
    assert too_much.status == 400
    assert (rest["amount"], rest["metadata"]) == (20000, {"refund": "2"})
    assert nothing.json()["error"]["code"] == "charge_already_refunded"
    listed = calls.stripe_get(f"/v1/refunds?payment_intent={intent}").json()["data"]
    assert [refund["id"] for refund in listed] == [rest["id"], first["id"]]
    assert calls.stripe_get(f"/v1/refunds/{first['id']}").json() == first
    assert events(shop, 5)["charge.refunded"]["data"]["object"]["refunded"] is True


def test_a_session_can_be_expired_while_it_is_open(calls, shop):
    session = calls.stripe_create().json()

    expired = calls.stripe(f"{SESSIONS}/{session['id']}/expire", {})
    again = calls.stripe(f"{SESSIONS}/{session['id']}/expire", {})

    assert (expired.json()["status"], expired.json()["url"]) == ("expired", None)
    assert again.status == 400
    assert "checkout.session.expired" in events(shop, 1)
    assert calls.pay(session["url"]).status == 409


@pytest.mark.parametrize(
    ("succeeded", "kind", "status"),
    [
        (True, "checkout.session.async_payment_succeeded", "paid"),
        (False, "checkout.session.async_payment_failed", "unpaid"),
    ],
)
def test_a_delayed_method(calls, gateway, shop, succeeded, kind, status):
    session = calls.stripe_create().json()

    gateway.control(f"/payments/{session['id']}/pay", delayed=True)
    waiting = events(shop, 1)["checkout.session.completed"]["data"]["object"]
    gateway.control(f"/payments/{session['id']}/settle", succeeded=succeeded)

    assert (waiting["status"], waiting["payment_status"]) == ("complete", "unpaid")
    ended = events(shop, 2)[kind]["data"]["object"]
    assert (ended["payment_status"], ended["payment_intent"]) == (status, waiting["payment_intent"])


@pytest.mark.parametrize("won", [True, False])
def test_disputes(calls, gateway, shop, won):
    session = paid(calls, shop)

    gateway.control(f"/payments/{session['id']}/dispute")
    gateway.control(f"/payments/{session['id']}/dispute/close", won=won)

    told = events(shop, 3)
    assert told["charge.dispute.created"]["data"]["object"]["payment_intent"] == session["payment_intent"]
    assert told["charge.dispute.closed"]["data"]["object"]["status"] == ("won" if won else "lost")


@pytest.mark.parametrize(
    "fields",
    [
        {"surprise": "1"},
        {"mode": "subscription"},
        {"line_items[0][price_data][unit_amount]": "299.5"},
        {"line_items[0][price_data][unit_amount]": "-1"},
        {"line_items[0][price_data][surprise]": "1"},
        {"line_items[0][price_data][currency]": "yuan"},
        {"success_url": ""},
        {"expires_at": int(time.time()) + 60},
        {"expires_at": int(time.time()) + 3 * 86400},
        {"allowed_payment_method_types[0]": "wechat_pay"},
        {"allowed_payment_method_types[0]": "barter"},
        {"mode[x]": "1"},
    ],
)
def test_it_refuses(calls, fields):
    answer = calls.stripe_create(fields=fields)

    assert answer.status == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_it_takes_what_the_console_may_send(calls):
    fields = {
        "allowed_payment_method_types[0]": "alipay",
        "allowed_payment_method_types[1]": "wechat_pay",
        "payment_method_options[wechat_pay][client]": "web",
        "adaptive_pricing[enabled]": "false",
        "allow_promotion_codes": "false",
        "payment_intent_data[metadata][order_no]": "ORDER1",
        "expires_at": int(time.time()) + 1800,
    }

    made = calls.stripe_create(fields=fields).json()

    assert made["payment_method_types"] == ["alipay", "wechat_pay"]
    assert made["adaptive_pricing"] == {"enabled": False}
    assert made["expires_at"] == fields["expires_at"]


def test_a_new_address_is_told_of_open_sessions_too(calls, gateway, shop):
    session = calls.stripe_create().json()

    gateway.control("/merchants/Demo%20shop", webhook_url=f"{shop.url}/moved")
    calls.pay(session["url"])

    assert shop.wait_for()[0].path == "/moved"
    assert calls.stripe_get(f"{SESSIONS}/{session['id']}").json()["status"] == "complete"


def test_what_is_not_there_is_told_in_json(calls):
    answer = calls.stripe_get("/v1/customers")

    assert (answer.status, answer.json()["error"]["type"]) == (404, "invalid_request_error")


def test_strangers_see_nothing(calls, gateway):
    session = calls.stripe_create().json()

    for authorization in ("", "Bearer sk_test_other"):
        headers = {"Authorization": authorization}
        assert gateway.request("GET", f"{SESSIONS}/{session['id']}", headers=headers).status == 401
    assert calls.stripe_get(f"{SESSIONS}/cs_test_other").status == 404
