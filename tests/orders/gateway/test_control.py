"""The control API: what a test can make a customer, a bank and the network do."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.orders.gateway.signatures import md5_of, stripe_is_right, stripe_signature


@pytest.fixture
def secret(gateway):
    return gateway.merchant("xunhupay")["secret"]


@pytest.fixture
def open_payment(calls, gateway):
    calls.xunhupay_create("TOP1")
    return f"/payments/{gateway.payment('TOP1')['id']}"


@pytest.fixture
def paid(open_payment, gateway, shop):
    """A paid payment; the shop has been told once."""
    gateway.control(f"{open_payment}/pay")
    shop.wait_for()
    return open_payment


def test_pay_another_amount_under_another_number(open_payment, gateway, shop, secret):
    shown = gateway.control(f"{open_payment}/pay", amount=100, txn_id="T1")

    assert [(receipt["txn_id"], receipt["amount"]) for receipt in shown["receipts"]] == [("T1", 100)]
    (told,) = shop.wait_for()
    assert (told.fields["total_fee"], told.fields["transaction_id"]) == ("1.00", "T1")
    assert told.fields["hash"] == md5_of(told.fields, secret)


def test_pay_twice(paid, gateway, shop):
    refused = gateway.request("POST", f"/control{paid}/pay", b"{}", {"Content-Type": "application/json"})
    gateway.control(f"{paid}/pay", again=True)

    assert refused.status == 409
    first, second = (told.fields["transaction_id"] for told in shop.wait_for(2))
    assert first != second


def test_another_currency(calls, gateway, shop):
    gateway.control(f"/payments/{calls.stripe_create().json()['id']}/pay", currency="usd")

    assert json.loads(shop.wait_for()[0].body)["data"]["object"]["currency"] == "usd"


def test_notify_again_many_times_at_once(paid, gateway, shop):
    answers = gateway.control(f"{paid}/notify", times=20, concurrent=True)["answers"]

    assert [answer["acknowledged"] for answer in answers] == [True] * 20
    told = shop.wait_for(21)
    assert len({one.body for one in told}) == 1


def test_fresh_notifies_differ_in_number_alone(paid, calls, gateway, shop):
    session = calls.stripe_create("TOP2").json()["id"]
    gateway.control(f"/payments/{session}/pay")
    shop.wait_for(2)

    gateway.control(f"/payments/{session}/notify", fresh=True)

    first, second = (json.loads(told.body) for told in shop.wait_for(3)[1:])
    assert first["id"] != second["id"]
    assert first["data"] == second["data"]


def test_notify_with_other_content_truly_signed(paid, gateway, shop, secret):
    gateway.control(f"{paid}/notify", amount=1, set={"extra": "1"}, remove=["plugins", "order_title"])

    told = shop.wait_for(2)[1].fields
    assert (told["total_fee"], told["extra"], "order_title" in told) == ("0.01", "1", False)
    assert told["hash"] == md5_of(told, secret)


@pytest.mark.parametrize("signature", ["wrong", "none", "upper"])
def test_notify_with_a_bad_signature(paid, gateway, shop, secret, signature):
    gateway.control(f"{paid}/notify", signature=signature)

    told = shop.wait_for(2)[1].fields
    right = md5_of(told, secret)
    assert told.get("hash") != right
    assert (told.get("hash") is None, told.get("hash") == right.upper()) == (signature == "none", signature == "upper")


def test_notify_with_an_old_signature(paid, gateway, shop):
    gateway.control(f"{paid}/notify", signature="old", amount=1)

    first, second = shop.wait_for(2)
    assert second.fields["hash"] == first.fields["hash"]
    assert second.fields["total_fee"] == "0.01"


def test_a_stripe_event_of_yesterday(calls, gateway, shop):
    session = calls.stripe_create().json()["id"]
    gateway.control(f"/payments/{session}/pay")
    (first,) = shop.wait_for()

    gateway.control(f"/payments/{session}/notify", age=86400)

    second = shop.wait_for(2)[1]
    times = [stripe_signature(told.headers["stripe-signature"])[0] for told in (first, second)]
    assert 80000 < times[0] - times[1] <= 86400
    assert stripe_is_right(second, gateway.merchant("stripe")["webhook_secret"])


def test_tell_what_did_not_happen(open_payment, calls, gateway, shop, secret):
    answers = gateway.control(f"{open_payment}/tell", event="paid")["answers"]

    assert [answer["acknowledged"] for answer in answers] == [True]
    (told,) = shop.wait_for()
    assert (told.fields["status"], told.fields["hash"]) == ("OD", md5_of(told.fields, secret))
    asked = calls.xunhupay("/payment/query.html", out_trade_order="TOP1").json()["data"]
    assert asked["status"] == "WP"


@pytest.mark.parametrize("event", ["refunded", "refund_failed", "dispute_opened", "expired", "waiting"])
def test_tell_any_stripe_event(calls, gateway, shop, event):
    session = calls.stripe_create().json()["id"]

    answers = gateway.control(f"/payments/{session}/tell", event=event)["answers"]

    assert answers
    assert len(shop.wait_for()) == len(answers)


def test_dropped(open_payment, calls, gateway, shop):
    gateway.control("/faults", on="notify", kind="drop")
    gateway.control(f"{open_payment}/pay")
    gateway.control(f"{open_payment}/notify")

    (message,) = gateway.get("/control/messages").json()["messages"]
    assert len(message["answers"]) == len(shop.wait_for()) == 1


def test_held_and_released_in_another_order(paid, gateway, shop):
    gateway.control("/faults", on="notify", kind="hold", times=None)
    gateway.control(f"{paid}/refund")
    gateway.control(f"{paid}/pay", again=True)
    held = [message["id"] for message in gateway.get("/control/messages", state="held").json()["messages"]]

    gateway.control("/release", messages=held[::-1])

    assert [told.fields["status"] for told in shop.wait_for(3)[1:]] == ["OD", "CD"]


def test_delayed(open_payment, calls, gateway, shop):
    calls.xunhupay_create("TOP2")
    gateway.control("/faults", on="notify", kind="delay", seconds=1)

    gateway.control(f"{open_payment}/pay")
    gateway.control(f"/payments/{gateway.payment('TOP2')['id']}/pay")

    assert [told.fields["trade_order_id"] for told in shop.wait_for(2)] == ["TOP2", "TOP1"]


@pytest.mark.parametrize("kind", ["wrong-signature", "no-signature", "upper-signature"])
def test_badly_signed_from_the_start(open_payment, gateway, shop, secret, kind):
    gateway.control("/faults", on="notify", kind=kind)
    gateway.control(f"{open_payment}/pay")

    (told,) = shop.wait_for()
    assert told.fields.get("hash") != md5_of(told.fields, secret)


def test_a_wrong_amount_truly_signed(open_payment, gateway, shop, secret):
    gateway.control("/faults", on="notify", kind="wrong-amount")
    gateway.control(f"{open_payment}/pay")

    (told,) = shop.wait_for()
    assert told.fields["total_fee"] == "149.50"
    assert told.fields["hash"] == md5_of(told.fields, secret)


def test_a_refund_from_the_dashboard_that_fails_later(calls, gateway, shop):
    session = calls.stripe_create().json()["id"]
    gateway.control(f"/payments/{session}/pay")
    shop.wait_for()

    made = gateway.control(f"/payments/{session}/refund", amount=100)
    failed = gateway.control(f"/refunds/{made['id']}/finish", succeeded=False)

    assert (made["status"], failed["status"]) == ("succeeded", "failed")
    told = [json.loads(one.body)["type"] for one in shop.wait_for(5)]
    assert sorted(told[1:]) == ["charge.refunded", "refund.created", "refund.failed", "refund.updated"]


def test_a_pending_refund(calls, gateway, shop, paid):
    gateway.control("/faults", on="refund", kind="pending")

    asked = calls.xunhupay("/payment/refund.html", trade_order_id="TOP1", reason="x").json()
    shop.wait_for(2)
    gateway.control(f"/refunds/{asked['out_refund_no']}/finish", succeeded=False)

    assert asked["refund_status"] == "RD"
    assert [told.fields["status"] for told in shop.wait_for(3)] == ["OD", "RD", "UD"]


def test_the_statement_of_a_day(paid, gateway, calls):
    refund = gateway.control(f"{paid}/refund")
    calls.xunhupay_create("TOP2")

    today = gateway.get("/control/statement", protocol="xunhupay").json()
    other = gateway.get("/control/statement", day="2001-01-01").json()

    assert [(line["reference"], line["amount"], line["currency"]) for line in today["payments"]] == [
        ("TOP1", 29900, "CNY")
    ]
    assert [(line["id"], line["amount"]) for line in today["refunds"]] == [(refund["id"], 29900)]
    assert (other["payments"], other["refunds"]) == ([], [])


def test_a_form_of_another_site_changes_nothing(open_payment, gateway):
    answer = gateway.post(f"/control{open_payment}/pay", {})

    assert answer.status == 415
    assert gateway.payment("TOP1")["status"] == "open"


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("pay", {"amount": "1"}),
        ("pay", {"amount": True}),
        ("pay", {"amount": -1}),
        ("pay", {"sum": 1}),
        ("notify", {"times": 0}),
        ("notify", {"times": 501}),
        ("notify", {"delay": "1"}),
        ("notify", {"signature": "mine"}),
        ("tell", {"event": "rain"}),
        ("refund", {"amount": 29901}),
        ("refund", {"amount": 0}),
        ("dispute/close", {"won": 1}),
    ],
)
def test_it_refuses_what_it_does_not_understand(paid, gateway, path, values):
    body = json.dumps(values | ({"again": True} if path == "pay" else {})).encode()

    answer = gateway.request("POST", f"/control{paid}/{path}", body, {"Content-Type": "application/json"})

    assert (answer.status, list(answer.json())) == (400, ["error"])
    assert len(gateway.payment("TOP1")["receipts"]) == 1


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff"])
def test_it_refuses_what_is_no_object(paid, gateway, body):
    assert gateway.request("POST", f"/control{paid}/pay", body, {"Content-Type": "application/json"}).status == 400


def test_a_page_under_another_name_reads_no_secrets(gateway):
    answer = gateway.request("GET", "/control/merchants", headers={"Host": "rebound.example"})

    assert (answer.status, b"secret" in answer.body) == (403, False)


@pytest.mark.parametrize("fault", [{}, {"on": "create", "kind": "flood"}, {"on": "query", "kind": "drop", "x": 1}])
def test_there_is_no_such_fault(gateway, fault):
    body = json.dumps(fault).encode()

    assert gateway.request("POST", "/control/faults", body, {"Content-Type": "application/json"}).status == 400


def test_many_customers_at_once(calls, gateway, shop):
    made = [calls.xunhupay_create(f"TOP{number}").json()["url"] for number in range(20)]

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(calls.pay, made))

    assert len({told.fields["trade_order_id"] for told in shop.wait_for(20)}) == 20
