"""EPay V2: both sides sign with RSA and say the time, answers too; notifies by GET; code 0 is success."""

from typing import Any

from . import epay, money, signing
from .dialect import Post, Tweak
from .merchants import EpayV2Merchant
from .state import Happening, Ids, Message, Payment, Refund, RefundStatus, chinese_time, now
from .till import Call, Gateway
from .web import Refused, Response, as_json

SKEW_S = 300


async def create(gateway: Gateway, call: Call) -> Response:
    """POST /api/pay/create"""
    merchant, fields = _authenticated(gateway, call)
    payment = gateway.open(epay.payment_of(gateway.ids, merchant, fields))
    kind = "qrcode" if fields.get("method", "web") in ("web", "scan") else "jump"
    answer = {"trade_no": payment.id, "pay_type": kind, "pay_info": gateway.page_url(payment, call)}
    return _signed(answer, merchant, call)


async def query(gateway: Gateway, call: Call) -> Response:
    """POST /api/pay/query"""
    merchant, fields = _authenticated(gateway, call)
    payment = call.seen(epay.find(gateway, merchant, fields))
    answer = epay.described(payment) | _times(payment)
    if payment.refunded:
        answer["refundmoney"] = money.yuan(payment.refunded)
    return _signed(answer, merchant, call)


async def refund(gateway: Gateway, call: Call) -> Response:
    """POST /api/pay/refund: also a part; the same `out_refund_no` again is the same refund."""
    merchant, fields = _authenticated(gateway, call)
    payment = epay.find(gateway, merchant, fields)
    amount, reference = money.fen(fields.get("money", "")), fields.get("out_refund_no", "")
    made = _refund_of(payment, reference) if reference else None
    if made is not None and made.amount != amount:
        raise Refused("out_refund_no 已用于其他金额")
    made = made or gateway.refund(payment, amount, pending=call.fault.kind == "pending", reference=reference)
    return _signed(_described(payment, made) | {"reducemoney": money.yuan(amount)}, merchant, call)


async def refund_query(gateway: Gateway, call: Call) -> Response:
    """POST /api/pay/refundquery: status 1 once the money is back."""
    merchant, fields = _authenticated(gateway, call)
    mine = (payment for payment in gateway.state.payments.values() if payment.merchant == merchant)
    for payment in mine:
        for made in payment.refunds:
            if fields.get("refund_no") == made.id or (made.reference and fields.get("out_refund_no") == made.reference):
                status = int(made.status == RefundStatus.SUCCEEDED)
                return _signed(_described(payment, made) | {"status": status}, merchant, call)
    raise Refused("退款单不存在")


async def close(gateway: Gateway, call: Call) -> Response:
    """POST /api/pay/close"""
    merchant, fields = _authenticated(gateway, call)
    gateway.close(epay.find(gateway, merchant, fields), expired=False)
    return _signed({}, merchant, call)


amount_fields = epay.amount_fields
acknowledges = epay.acknowledges
refusal = epay.refusal


def contents(ids: Ids, payment: Payment, happening: Happening) -> list[dict[str, Any]]:
    return [content | _more(payment) for content in epay.contents(ids, payment, happening)]


def post(message: Message, content: dict[str, Any], tweak: Tweak) -> Post:
    merchant = message.payment.merchant
    assert isinstance(merchant, EpayV2Merchant)
    dated = content | {"timestamp": str(now() - tweak.age)}
    signature = tweak.signature_for(message, _sign(dated, merchant))
    signed = dated | ({"sign": signature, "sign_type": "RSA"} if signature else {})
    return Post("GET", epay.with_query(message.url, signed))


def return_url(payment: Payment) -> str:
    assert isinstance(payment.merchant, EpayV2Merchant)
    fields = epay.notified(payment) | _more(payment) | {"timestamp": str(now())}
    signed = fields | {"sign": _sign(fields, payment.merchant), "sign_type": "RSA"}
    return epay.with_query(payment.return_url, signed)


def _authenticated(gateway: Gateway, call: Call) -> tuple[EpayV2Merchant, dict[str, str]]:
    fields = call.request.form()
    mine = (merchant for merchant in gateway.merchants if isinstance(merchant, EpayV2Merchant))
    merchant = next((merchant for merchant in mine if merchant.pid == fields.get("pid")), None)
    if merchant is None:
        raise Refused("商户不存在")
    text = signing.joined(fields, without=epay.UNSIGNED)
    if not signing.rsa_verifies(merchant.merchant_public_key, text, fields.get("sign", "")):
        raise Refused("签名校验失败")
    stamp = fields.get("timestamp", "")
    if not stamp.isdecimal() or abs(int(stamp) - now()) > SKEW_S:
        raise Refused("时间戳错误")
    return merchant, fields


def _refund_of(payment: Payment, reference: str) -> Refund | None:
    return next((refund for refund in payment.refunds if refund.reference == reference), None)


def _described(payment: Payment, refund: Refund) -> dict[str, Any]:
    return {
        "refund_no": refund.id,
        "out_refund_no": refund.reference,
        "trade_no": payment.id,
        "out_trade_no": payment.reference,
        "money": money.yuan(refund.amount),
    }


def _more(payment: Payment) -> dict[str, str]:
    """What a notify of V2 has beyond those of V1."""
    receipt = payment.receipt
    return {"api_trade_no": receipt.txn_id if receipt else "", **_times(payment)}


def _times(payment: Payment) -> dict[str, str]:
    receipt = payment.receipt
    return {"addtime": chinese_time(payment.created), "endtime": chinese_time(receipt.paid_at) if receipt else ""}


def _sign(fields: dict[str, Any], merchant: EpayV2Merchant) -> str:
    texts = {name: str(value) for name, value in fields.items()}
    return signing.rsa_sign(merchant.platform_private_key, signing.joined(texts, without=epay.UNSIGNED))


def _signed(answer: dict[str, Any], merchant: EpayV2Merchant, call: Call) -> Response:
    whole = {"code": 0, "msg": "success", **answer, "timestamp": str(now())}
    return as_json(whole | {"sign": call.signature(_sign(whole, merchant)), "sign_type": "RSA"})
