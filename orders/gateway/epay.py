"""EPay V1: signed with MD5, notifies by GET, amounts in yuan; code 1 is success."""

from typing import Any
from urllib.parse import urlencode

from . import money, signing
from .dialect import Post, Tweak
from .merchants import EpayMerchant, EpayV2Merchant
from .state import Happening, Ids, Kind, Message, Payment, Status
from .till import Call, Gateway
from .web import Refused, Response, as_json, redirect

UNSIGNED = ("sign", "sign_type")
NEEDED = ("type", "out_trade_no", "notify_url", "return_url", "name", "money")
TYPES = ("alipay", "wxpay", "qqpay", "bank", "usdt")
UNPAID, PAID, REFUNDED = 0, 1, 2


def sign(fields: dict[str, str], key: str) -> str:
    """The `sign` of these fields."""
    return signing.md5(signing.joined(fields, without=UNSIGNED) + key)


async def create(gateway: Gateway, call: Call) -> Response:
    """POST /mapi.php"""
    fields = call.request.form()
    _demand(fields, ("clientip",))
    payment = _open(gateway, fields)
    page = gateway.page_url(payment, call)
    answer = {"code": 1, "msg": "", "trade_no": payment.id, "payurl": page}
    return as_json(answer if fields.get("device") == "jump" else answer | {"qrcode": page})


async def submit(gateway: Gateway, call: Call) -> Response:
    """GET or POST /submit.php: the customer's browser brings the order along."""
    fields = call.request.arguments() if call.request.method == "GET" else call.request.form()
    return redirect(gateway.page_url(_open(gateway, fields), call))


async def query(gateway: Gateway, call: Call) -> Response:
    """GET /api.php?act=order"""
    fields = call.request.arguments()
    _demand_act(fields, "order")
    payment = call.seen(find(gateway, _merchant_by_key(gateway, fields), fields))
    return as_json({"code": 1, "msg": "succ"} | described(payment))


async def refund(gateway: Gateway, call: Call) -> Response:
    """POST /api.php?act=refund"""
    fields = call.request.form()
    _demand_act(call.request.arguments() | fields, "refund")
    payment = find(gateway, _merchant_by_key(gateway, fields), fields)
    gateway.refund(payment, money.fen(fields.get("money", "")), pending=call.fault.kind == "pending")
    return as_json({"code": 1, "msg": "退款成功"})


def contents(ids: Ids, payment: Payment, happening: Happening) -> list[dict[str, Any]]:
    if happening.kind not in (Kind.PAID, Kind.SETTLED):
        return []
    return [notified(payment)]


def amount_fields(amount: int) -> dict[str, Any]:
    return {"money": money.yuan(amount)}


def post(message: Message, content: dict[str, Any], tweak: Tweak) -> Post:
    merchant = message.payment.merchant
    assert isinstance(merchant, EpayMerchant)
    signature = tweak.signature_for(message, sign(content, merchant.key))
    return Post("GET", with_query(message.url, content | _signature_fields(signature)))


def acknowledges(status: int, body: bytes) -> bool:
    return status == 200 and body == b"success"


def return_url(payment: Payment) -> str:
    """The browser brings the merchant the same signed fields as the notify."""
    assert isinstance(payment.merchant, EpayMerchant)
    fields = notified(payment)
    return with_query(payment.return_url, fields | _signature_fields(sign(fields, payment.merchant.key)))


def refusal(refused: Refused) -> Response:
    return as_json({"code": -1, "msg": refused.message})


def payment_of(ids: Ids, merchant: EpayMerchant | EpayV2Merchant, fields: dict[str, str]) -> Payment:
    """The payment that these fields ask for. Raises Refused when one is missing or makes no sense."""
    _demand(fields, NEEDED)
    if fields["type"] not in TYPES:
        raise Refused(f"type is one of {', '.join(TYPES)}")
    return Payment(
        id=ids.number(),
        merchant=merchant,
        reference=fields["out_trade_no"],
        title=fields["name"],
        amount=money.fen(fields["money"]),
        currency="CNY",
        notify_url=fields["notify_url"],
        return_url=fields["return_url"],
        details={name: fields[name] for name in ("type", "param") if fields.get(name)},
    )


def find(gateway: Gateway, merchant: EpayMerchant | EpayV2Merchant, fields: dict[str, str]) -> Payment:
    """By the gateway's number, or by the merchant's own."""
    if fields.get("trade_no"):
        payment = gateway.state.payments.get(fields["trade_no"])
    else:
        payment = gateway.state.by_reference(merchant, fields.get("out_trade_no", ""))
    if payment is None or payment.merchant != merchant:
        raise Refused("订单不存在")
    return gateway.refresh(payment)


def described(payment: Payment) -> dict[str, Any]:
    """An order as a query shows it."""
    return {
        "trade_no": payment.id,
        "out_trade_no": payment.reference,
        "api_trade_no": payment.receipt.txn_id if payment.receipt else "",
        "type": payment.details["type"],
        "pid": payment.merchant.account,
        "name": payment.title,
        "money": money.yuan(payment.receipt.amount if payment.receipt else payment.amount),
        "status": REFUNDED if payment.is_refunded else PAID if payment.status == Status.PAID else UNPAID,
        "param": payment.details.get("param", ""),
    }


def notified(payment: Payment) -> dict[str, str]:
    """What a notify says, before it is signed."""
    fields = {
        "pid": payment.merchant.account,
        "trade_no": payment.id,
        "out_trade_no": payment.reference,
        "type": payment.details["type"],
        "name": payment.title,
        "money": money.yuan(payment.receipt.amount if payment.receipt else payment.amount),
        "trade_status": "TRADE_SUCCESS",
    }
    return fields | ({"param": payment.details["param"]} if "param" in payment.details else {})


def with_query(url: str, fields: dict[str, Any]) -> str:
    """The address with these fields in its query string."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(fields)}"


def _open(gateway: Gateway, fields: dict[str, str]) -> Payment:
    merchant = _merchant(gateway, fields)
    if not signing.same(fields.get("sign", ""), sign(fields, merchant.key)):
        raise Refused("签名校验失败")
    return gateway.open(payment_of(gateway.ids, merchant, fields))


def _merchant(gateway: Gateway, fields: dict[str, str]) -> EpayMerchant:
    mine = (merchant for merchant in gateway.merchants if isinstance(merchant, EpayMerchant))
    merchant = next((merchant for merchant in mine if merchant.pid == fields.get("pid")), None)
    if merchant is None:
        raise Refused("商户不存在")
    return merchant


def _merchant_by_key(gateway: Gateway, fields: dict[str, str]) -> EpayMerchant:
    merchant = _merchant(gateway, fields)
    if not signing.same(fields.get("key", ""), merchant.key):
        raise Refused("商户密钥错误")
    return merchant


def _demand_act(fields: dict[str, str], act: str) -> None:
    if fields.get("act") != act:
        raise Refused("No Act!")


def _demand(fields: dict[str, str], names: tuple[str, ...]) -> None:
    for name in names:
        if not fields.get(name):
            raise Refused(f"{name} 不能为空")


def _signature_fields(signature: str) -> dict[str, str]:
    return {"sign": signature, "sign_type": "MD5"} if signature else {}
