"""xunhupay: form posts signed with MD5, answers in JSON, notifies as form posts, amounts in yuan."""

from typing import Any
from urllib.parse import urlencode

from . import money, signing
from .dialect import Post, Tweak
from .merchants import XunhupayMerchant
from .state import Happening, Ids, Kind, Message, Payment, Refund, RefundStatus, Status, chinese_time, now
from .till import Call, Gateway
from .web import Refused, Response, as_json

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SKEW_S = 300
ECHOED = ("plugins", "attach")
NOTIFIED = {
    Kind.PAID: "OD",
    Kind.SETTLED: "OD",
    Kind.REFUNDED: "CD",
    Kind.REFUND_SETTLED: "CD",
    Kind.REFUND_PENDING: "RD",
    Kind.REFUND_FAILED: "UD",
}
REFUND_STATES = {RefundStatus.SUCCEEDED: "CD", RefundStatus.PENDING: "RD", RefundStatus.FAILED: "UD"}
NEEDED = ("version", "trade_order_id", "total_fee", "title", "notify_url")
LONGEST = {"trade_order_id": 32, "title": 127, "notify_url": 128, "nonce_str": 32, "reason": 80}


def sign(fields: dict[str, str], secret: str) -> str:
    """The `hash` of these fields."""
    return signing.md5(signing.joined(fields, without=("hash",)) + secret)


async def create(gateway: Gateway, call: Call) -> Response:
    """POST /payment/do.html"""
    fields = call.request.form()
    merchant = _merchant(gateway, fields)
    _demand(fields, NEEDED)
    payment = gateway.open(_payment(gateway.ids, merchant, fields))
    answer = {
        "openid": payment.id,
        "url": gateway.page_url(payment, call),
        "url_qrcode": gateway.page_url(payment, call, "qr"),
        "errcode": 0,
        "errmsg": "success!",
    }
    return _signed(answer, merchant, call)


async def query(gateway: Gateway, call: Call) -> Response:
    """POST or GET /payment/query.html. The answer is not signed: the data are nested."""
    fields = call.request.arguments() if call.request.method == "GET" else call.request.form()
    merchant = _merchant(gateway, fields)
    payment = call.seen(_find(gateway, merchant, fields, "out_trade_order"))
    receipt = payment.receipt
    data = {
        "open_order_id": payment.id,
        "out_trade_order": payment.reference,
        "paid_date": chinese_time(receipt.paid_at) if receipt else None,
        "pay_url": gateway.page_url(payment, call),
        "payment_method": "wechat",
        "status": _status(payment),
        "title": payment.title,
        "total_amount": money.yuan(receipt.amount if receipt else payment.amount),
        "transaction_id": receipt.txn_id if receipt else None,
    }
    return as_json({"errcode": 0, "errmsg": "", "data": data})


async def refund(gateway: Gateway, call: Call) -> Response:
    """POST /payment/refund.html: all of it or nothing; a second time it is the first refund again."""
    fields = call.request.form()
    merchant = _merchant(gateway, fields)
    payment = _find(gateway, merchant, fields, "trade_order_id")
    standing = [refund for refund in payment.refunds if refund.status != RefundStatus.FAILED]
    made = standing[0] if standing else _refund(gateway, payment, fields, call)
    answer = {
        "trade_order_id": payment.reference,
        "transaction_id": payment.receipt.txn_id if payment.receipt else "",
        "out_refund_no": made.id,
        "refund_fee": money.yuan(made.amount),
        "reason": made.reason,
        "refund_status": REFUND_STATES[made.status],
        "refund_time": chinese_time(made.created),
        "errcode": 0,
        "errmsg": "success!",
    }
    return _signed(answer, merchant, call)


def contents(ids: Ids, payment: Payment, happening: Happening) -> list[dict[str, Any]]:
    status, receipt = NOTIFIED.get(happening.kind), payment.receipt
    if status is None or receipt is None or not isinstance(payment.merchant, XunhupayMerchant):
        return []
    fields = {
        "trade_order_id": payment.reference,
        "total_fee": money.yuan(receipt.amount),
        "transaction_id": receipt.txn_id,
        "open_order_id": payment.id,
        "order_title": payment.title,
        "status": status,
        "appid": payment.merchant.appid,
        "time": str(now()),
        "nonce_str": ids.digits(10),
    }
    return [fields | payment.details]


def amount_fields(amount: int) -> dict[str, Any]:
    return {"total_fee": money.yuan(amount)}


def post(message: Message, content: dict[str, Any], tweak: Tweak) -> Post:
    merchant = message.payment.merchant
    assert isinstance(merchant, XunhupayMerchant)
    signature = tweak.signature_for(message, sign(content, merchant.secret))
    signed = content | ({"hash": signature} if signature else {})
    return Post("POST", message.url, urlencode(signed).encode(), FORM)


def acknowledges(status: int, body: bytes) -> bool:
    return status == 200 and body == b"success"


def return_url(payment: Payment) -> str:
    return payment.return_url


def refusal(refused: Refused) -> Response:
    return as_json({"errcode": 500, "errmsg": refused.message})


def _merchant(gateway: Gateway, fields: dict[str, str]) -> XunhupayMerchant:
    """Whose call this is: checks account, signature and time."""
    mine = (merchant for merchant in gateway.merchants if isinstance(merchant, XunhupayMerchant))
    merchant = next((merchant for merchant in mine if merchant.appid == fields.get("appid")), None)
    if merchant is None:
        raise Refused("invalid appid")
    if not signing.same(fields.get("hash", ""), sign(fields, merchant.secret)):
        raise Refused("invalid hash")
    _demand(fields, ("time", "nonce_str"))
    if not fields["time"].isdecimal() or abs(int(fields["time"]) - now()) > SKEW_S:
        raise Refused("invalid time")
    return merchant


def _demand(fields: dict[str, str], names: tuple[str, ...]) -> None:
    for name in names:
        if not fields.get(name):
            raise Refused(f"{name} is required")
    for name, most in LONGEST.items():
        if len(fields.get(name, "").encode()) > most:
            raise Refused(f"{name} is too long")


def _payment(ids: Ids, merchant: XunhupayMerchant, fields: dict[str, str]) -> Payment:
    return Payment(
        id=ids.number(),
        merchant=merchant,
        reference=fields["trade_order_id"],
        title=fields["title"],
        amount=money.fen(fields["total_fee"]),
        currency="CNY",
        notify_url=fields["notify_url"],
        return_url=fields.get("return_url", ""),
        cancel_url=fields.get("callback_url", ""),
        details={name: fields[name] for name in ECHOED if fields.get(name)},
    )


def _find(gateway: Gateway, merchant: XunhupayMerchant, fields: dict[str, str], ours: str) -> Payment:
    """By the merchant's number, or by the gateway's own."""
    if fields.get(ours):
        payment = gateway.state.by_reference(merchant, fields[ours])
    else:
        payment = gateway.state.payments.get(fields.get("open_order_id", ""))
    if payment is None or payment.merchant != merchant:
        raise Refused("order not found")
    return gateway.refresh(payment)


def _refund(gateway: Gateway, payment: Payment, fields: dict[str, str], call: Call) -> Refund:
    _demand(fields, ("reason",))
    pending = call.fault.kind == "pending"
    return gateway.refund(payment, payment.paid, pending=pending, reason=fields["reason"])


def _status(payment: Payment) -> str:
    if payment.is_refunded or payment.status in (Status.CLOSED, Status.EXPIRED):
        return "CD"
    if any(refund.status == RefundStatus.PENDING for refund in payment.refunds):
        return "RD"
    return "OD" if payment.status == Status.PAID else "WP"


def _signed(answer: dict[str, Any], merchant: XunhupayMerchant, call: Call) -> Response:
    texts = {name: str(value) for name, value in answer.items()}
    return as_json(answer | {"hash": call.signature(sign(texts, merchant.secret))})
