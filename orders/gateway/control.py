"""The control API for tests: everything a customer, a bank or bad luck can do, in JSON and minor units.

A page of another site that a developer's browser happens to show can use none of it: POSTs must say that they are JSON,
and every call must know the gateway by a name of its own.
"""

import asyncio
import time
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import urlsplit

from .dialect import Tweak
from .faults import fault_of
from .merchants import StripeMerchant, described
from .state import Dispute, Happening, Kind, Message, Payment, Receipt, Refund, RefundStatus, Status, now
from .till import Call, Gateway
from .web import JSON, Refused, Response, as_json, checked

MOST_AT_ONCE = 500
TWEAK: dict[str, type] = {"set": dict, "remove": list, "amount": int, "signature": str, "age": int}
DELIVERY: dict[str, type] = {"times": int, "concurrent": bool, "delay": float, "fresh": bool, **TWEAK}
LOOPBACK = ("127.0.0.1", "localhost")
UNPAID = {Kind.WAITING: Status.WAITING, Kind.FAILED: Status.FAILED, Kind.EXPIRED: Status.EXPIRED}


async def merchants(gateway: Gateway, call: Call) -> Response:
    """GET /control/merchants: with their secrets, to set up a shop."""
    return as_json({"merchants": [described(merchant) for merchant in gateway.merchants]})


async def set_webhook(gateway: Gateway, call: Call) -> Response:
    """POST /control/merchants/{id} {"webhook_url"}: where a Stripe merchant is told."""
    url = _values(call, webhook_url=str).get("webhook_url", "")
    for merchant in gateway.merchants:
        if isinstance(merchant, StripeMerchant) and merchant.account == call.params["id"]:
            merchant.webhook_url = url
            return as_json(described(merchant))
    raise Refused("There is no such Stripe merchant.", status=404)


async def payments(gateway: Gateway, call: Call) -> Response:
    """GET /control/payments?reference=&protocol="""
    wanted = call.request.arguments()
    found = [
        described_payment(gateway, payment)
        for payment in gateway.state.payments.values()
        if wanted.get("reference") in (None, payment.reference)
        and wanted.get("protocol") in (None, payment.merchant.protocol)
    ]
    return as_json({"payments": found})


async def payment(gateway: Gateway, call: Call) -> Response:
    """GET /control/payments/{id}"""
    return _shown(gateway, _payment(gateway, call))


async def pay(gateway: Gateway, call: Call) -> Response:
    """POST …/pay {"amount", "currency", "txn_id", "delayed", "again"}: all of them optional."""
    values = _values(call, amount=int, currency=str, txn_id=str, delayed=bool, again=bool)
    paid = _payment(gateway, call)
    gateway.pay(paid, **values)
    return _shown(gateway, paid)


async def settle(gateway: Gateway, call: Call) -> Response:
    """POST …/settle {"succeeded"}: how a delayed payment ended."""
    waiting = _payment(gateway, call)
    gateway.settle(waiting, succeeded=_values(call, succeeded=bool).get("succeeded", True))
    return _shown(gateway, waiting)


async def expire(gateway: Gateway, call: Call) -> Response:
    """POST …/expire"""
    over = _payment(gateway, call)
    gateway.close(over, expired=True)
    return _shown(gateway, over)


async def refund(gateway: Gateway, call: Call) -> Response:
    """POST …/refund {"amount", "pending"}: made in the gateway's dashboard; without an amount, of all that is left."""
    values, paid = _values(call, amount=int, pending=bool), _payment(gateway, call)
    amount = values.get("amount", paid.paid - paid.refunded)
    made = gateway.refund(paid, amount, pending=values.get("pending", False), reason="")
    return as_json(_described_refund(made))


async def finish_refund(gateway: Gateway, call: Call) -> Response:
    """POST /control/refunds/{id}/finish {"succeeded"}"""
    paid, made = gateway.state.refund(call.params["id"])
    gateway.finish_refund(paid, made, succeeded=_values(call, succeeded=bool).get("succeeded", True))
    return as_json(_described_refund(made))


async def dispute(gateway: Gateway, call: Call) -> Response:
    """POST …/dispute {"amount"}: the customer asks his bank for the money."""
    raised = gateway.dispute(_payment(gateway, call), _values(call, amount=int).get("amount"))
    return as_json(asdict(raised))


async def close_dispute(gateway: Gateway, call: Call) -> Response:
    """POST …/dispute/close {"won"}"""
    disputed = _payment(gateway, call)
    gateway.close_dispute(disputed, won=_values(call, won=bool).get("won", False))
    return as_json(asdict(disputed.disputes[-1]))


async def notify(gateway: Gateway, call: Call) -> Response:
    """POST …/notify: send the latest message again, once more per `times`, and wait for the answers.

    {"times", "concurrent", "delay" (seconds), "fresh" (new event numbers), and a tweak: "set", "remove", "amount",
    "signature", "age"}.
    """
    told = _payment(gateway, call)
    message = next((m for m in reversed(gateway.state.messages.values()) if m.payment.id == told.id), None)
    if message is None:
        raise Refused("Nothing was told of this payment yet.", status=409)
    return as_json({"message": message.id, "answers": await _send(gateway, message, _values(call, **DELIVERY))})


async def tell(gateway: Gateway, call: Call) -> Response:
    """POST …/tell {"event", …as notify}: say that something happened, which did not."""
    values = _values(call, event=str, **DELIVERY)
    event = values.pop("event", "")
    if event not in tuple(Kind):
        raise Refused(f"An event is one of {', '.join(Kind)}.")
    answers = []
    for message in gateway.compose(*_pretended(gateway, _payment(gateway, call), Kind(event))):
        answers += await _send(gateway, message, values)
    return as_json({"answers": answers})


async def messages(gateway: Gateway, call: Call) -> Response:
    """GET /control/messages?state=&payment="""
    wanted = call.request.arguments()
    found = [
        _described_message(message)
        for message in gateway.state.messages.values()
        if wanted.get("state") in (None, message.state) and wanted.get("payment") in (None, message.payment.id)
    ]
    return as_json({"messages": found})


async def send(gateway: Gateway, call: Call) -> Response:
    """POST /control/messages/{id}/send {…as notify}"""
    message = gateway.state.messages.get(call.params["id"])
    if message is None:
        raise Refused("There is no such message.", status=404)
    return as_json({"message": message.id, "answers": await _send(gateway, message, _values(call, **DELIVERY))})


async def release(gateway: Gateway, call: Call) -> Response:
    """POST /control/release {"messages": [id, …]}: send these one by one; by default the held, oldest first."""
    known = gateway.state.messages
    named = _values(call, messages=list).get("messages")
    chosen = named if named is not None else [id for id, message in known.items() if message.state == "held"]
    if unknown := [id for id in chosen if id not in known]:
        raise Refused(f"There is no message {unknown}.", status=404)
    return as_json({"answers": [asdict(await gateway.notifier.send(known[id])) for id in chosen]})


async def faults(gateway: Gateway, call: Call) -> Response:
    """GET /control/faults"""
    return as_json({"faults": [asdict(fault) for fault in gateway.faults.ordered]})


async def order_fault(gateway: Gateway, call: Call) -> Response:
    """POST /control/faults {"on", "kind", "protocol", "times", "seconds"}"""
    gateway.faults.ordered.append(fault_of(call.request.json()))
    return await faults(gateway, call)


async def forget_faults(gateway: Gateway, call: Call) -> Response:
    """DELETE /control/faults"""
    gateway.faults.ordered.clear()
    return await faults(gateway, call)


async def statement(gateway: Gateway, call: Call) -> Response:
    """GET /control/statement?day=2026-04-06&protocol=: all money that moved on that day (UTC)."""
    wanted = call.request.arguments()
    day = wanted.get("day") or _day(now())
    mine = [
        payment
        for payment in gateway.state.payments.values()
        if wanted.get("protocol") in (None, payment.merchant.protocol)
    ]
    came = [_line(p, receipt) for p in mine for receipt in p.receipts if _day(receipt.paid_at) == day]
    went = [
        _refund_line(p, made)
        for p in mine
        for made in p.refunds
        if _day(made.created) == day and made.status == RefundStatus.SUCCEEDED
    ]
    return as_json({"day": day, "payments": came, "refunds": went})


async def reset(gateway: Gateway, call: Call) -> Response:
    """POST /control/reset: forget payments, messages and faults, but not the merchants."""
    await gateway.notifier.close()
    for known in (gateway.state.payments, gateway.state.messages, gateway.state.replies, gateway.faults.ordered):
        known.clear()
    return as_json({})


def check(gateway: Gateway, call: Call) -> None:
    """Raises Refused for a change that does not say it is JSON, and for a host name that is not the gateway's."""
    if _host(f"//{call.request.headers.get('host', '')}") not in (*LOOPBACK, _host(gateway.public_url)):
        raise Refused("The gateway has another name.", status=403)
    if call.request.method == "POST" and not call.request.headers.get("content-type", "").startswith(JSON):
        raise Refused("Send Content-Type: application/json.", status=415)


def refusal(refused: Refused) -> Response:
    return as_json({"error": refused.message}, refused.status)


def described_payment(gateway: Gateway, payment: Payment) -> dict[str, Any]:
    """A payment, its refunds, disputes and messages."""
    told = [message.id for message in gateway.state.messages.values() if message.payment.id == payment.id]
    return {
        "id": payment.id,
        "protocol": payment.merchant.protocol,
        "account": payment.merchant.account,
        "reference": payment.reference,
        "title": payment.title,
        "amount": payment.amount,
        "currency": payment.currency,
        "status": payment.status,
        "page": f"{gateway.public_url}/pay/{payment.id}",
        "notify_url": payment.notify_url,
        "return_url": payment.return_url,
        "receipts": [asdict(receipt) for receipt in payment.receipts],
        "refunds": [_described_refund(made) for made in payment.refunds],
        "disputes": [asdict(raised) for raised in payment.disputes],
        "messages": told,
    }


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _payment(gateway: Gateway, call: Call) -> Payment:
    return gateway.refresh(gateway.state.payment(call.params["id"]))


def _shown(gateway: Gateway, payment: Payment) -> Response:
    return as_json(described_payment(gateway, payment))


def _values(call: Call, **known: type) -> dict[str, Any]:
    return checked(call.request.json(), **known)


def _described_refund(made: Refund) -> dict[str, Any]:
    return {
        "id": made.id,
        "payment": made.payment_id,
        "amount": made.amount,
        "status": made.status,
        "reference": made.reference,
    }


def _described_message(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "payment": message.payment.id,
        "event": message.happening.kind,
        "url": message.url,
        "state": message.state,
        "content": message.content,
        "answers": [asdict(answer) for answer in message.answers],
    }


def _line(payment: Payment, receipt: Receipt) -> dict[str, Any]:
    return {
        "protocol": payment.merchant.protocol,
        "account": payment.merchant.account,
        "payment": payment.id,
        "reference": payment.reference,
        **asdict(receipt),
    }


def _refund_line(payment: Payment, made: Refund) -> dict[str, Any]:
    names = {"protocol": payment.merchant.protocol, "account": payment.merchant.account}
    return {**names, "reference": payment.reference, **_described_refund(made), "created": made.created}


def _day(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


async def _send(gateway: Gateway, message: Message, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Deliver a message as DELIVERY says."""
    times = values.get("times", 1)
    if not 0 < times <= MOST_AT_ONCE:
        raise Refused(f"From 1 to {MOST_AT_ONCE} times.")
    tweak = Tweak(**{name: value for name, value in values.items() if name in TWEAK})
    await asyncio.sleep(values.get("delay", 0))
    chosen = [_renewed(gateway, message) if values.get("fresh") else message for _ in range(times)]
    if values.get("concurrent"):
        answers = await asyncio.gather(*(gateway.notifier.send(each, tweak) for each in chosen))
    else:
        answers = [await gateway.notifier.send(each, tweak) for each in chosen]
    return [asdict(answer) for answer in answers]


def _renewed(gateway: Gateway, message: Message) -> Message:
    """The same happening as a new message: for Stripe another event, for the others another time and nonce."""
    renewed = gateway.compose(message.payment, message.happening)
    return next(each for each in renewed if each.content.get("type") == message.content.get("type"))


def _pretended(gateway: Gateway, payment: Payment, kind: Kind) -> tuple[Payment, Happening]:
    """A copy of the payment to which this has happened."""
    if kind in UNPAID:
        return replace(payment, status=UNPAID[kind], receipts=[]), Happening(kind)
    receipts = payment.receipts or [gateway.receipt(payment)]
    paid = replace(payment, status=Status.PAID, receipts=receipts)
    if kind in (Kind.PAID, Kind.SETTLED):
        return paid, Happening(kind)
    if kind in (Kind.DISPUTE_OPENED, Kind.DISPUTE_CLOSED):
        status = "needs_response" if kind == Kind.DISPUTE_OPENED else "lost"
        return paid, Happening(kind, dispute=Dispute(gateway.ids.name("du_"), paid.paid, now(), status))
    ends = {Kind.REFUND_PENDING: RefundStatus.PENDING, Kind.REFUND_FAILED: RefundStatus.FAILED}
    made = Refund(gateway.ids.name("re_"), paid.id, paid.paid, ends.get(kind, RefundStatus.SUCCEEDED), now())
    return replace(paid, refunds=[*paid.refunds, made]), Happening(kind, refund=made)
