"""What both versions of EPay have in common: where it is, what is sent with a payment, how an order is read."""

from typing import Final, Protocol

from orders.providers.addresses import checked_address, pasted_base
from orders.providers.base import (
    Account,
    Capabilities,
    Charge,
    Checkout,
    GatewayRefused,
    Money,
    PaymentState,
    PaymentStatus,
    RefundCall,
    RefundState,
)
from orders.providers.calling import Answer, text
from orders.providers.forms import Shape, beijing_time, cny, fen, plain_title, yuan
from orders.providers.options import extra_fields

MAX_TITLE_BYTES: Final = 127
MAX_QR_CHARACTERS: Final = 1_000
UNSIGNED: Final = frozenset({"sign", "sign_type"})
NOTIFIED: Final = frozenset(
    {"pid", "trade_no", "out_trade_no", "type", "name", "money", "trade_status", "sign", "sign_type"}
)
# Fields of requests alone. A notification that has one is a request's signature in another dress.
REQUESTED: Final = frozenset(
    {"notify_url", "return_url", "sitename", "clientip", "device", "method", "channel_id", "act", "key", "cid"}
    | {"auth_code", "sub_openid", "sub_appid"}
)
RESERVED: Final = UNSIGNED | {
    "pid",
    "type",
    "out_trade_no",
    "notify_url",
    "return_url",
    "name",
    "money",
    "clientip",
    "timestamp",
    "key",
    "act",
}
PAGES: Final = (
    "/submit.php",
    "/mapi.php",
    "/api.php",
    "/api/pay/create",
    "/api/pay/submit",
    "/api/pay/query",
    "/api/pay/refund",
    "/api/pay/close",
)
SUCCESS: Final = "TRADE_SUCCESS"
_STATUSES: Final = {"0": PaymentStatus.WAITING, "1": PaymentStatus.PAID, "2": PaymentStatus.REFUNDED}
_TRADE_STATUSES: Final = {
    SUCCESS: PaymentStatus.PAID,
    "TRADE_CLOSED": PaymentStatus.CLOSED,
    "TRADE_REFUND": PaymentStatus.REFUNDED,
}


class Version(Protocol):
    """One version of the protocol."""

    shape: Shape
    sign_types: frozenset[str]

    def capabilities(self, account: Account) -> Capabilities: ...

    def key_problems(self, account: Account) -> list[str]: ...

    def is_signed(self, account: Account, fields: dict[str, str]) -> bool: ...

    def create(self, account: Account, charge: Charge) -> Checkout: ...

    def query(self, account: Account, reference: str) -> PaymentState: ...

    def refund(self, account: Account, call: RefundCall) -> RefundState: ...

    def close(self, account: Account, reference: str) -> None: ...


def base_of(account: Account) -> str:
    return pasted_base(account.options.get("base_url", ""), PAGES)


def payment_fields(account: Account, charge: Charge) -> dict[str, str]:
    """What a payment is registered with, before it is signed."""
    return extra_fields(account) | {
        "pid": account.options["pid"],
        "type": account.options["payment_type"],
        "out_trade_no": charge.reference,
        "notify_url": charge.notify_url,
        "return_url": charge.return_url,
        "name": plain_title(charge.title, most_bytes=MAX_TITLE_BYTES, fallback=charge.reference),
        "money": yuan(charge.amount.minor),
        "clientip": charge.client_ip or "127.0.0.1",
    }


def checkout(account: Account, answer: Answer, *, url: str, qrcode: str) -> Checkout:
    """Where to pay, checked. A code is text for a wallet to scan: an address of the wallet's, not of the gateway."""
    if not url and not qrcode:
        raise GatewayRefused("The gateway answered with neither an address to pay at nor a QR code.")
    if len(qrcode) > MAX_QR_CHARACTERS or not qrcode.isprintable():
        raise GatewayRefused("The gateway answered with a QR code that can't be drawn.")
    checked = checked_address(account, base_of(account), url) if url else ""
    return Checkout(url=checked, qrcode=qrcode, provider_ref=text(answer, "trade_no"))


def order_state(account: Account, order: Answer, reference: str) -> PaymentState:
    """An order as the gateway describes it. Raises GatewayRefused when it is another one or says no amount."""
    pid = text(order, "pid")
    if text(order, "out_trade_no") != reference or pid not in ("", account.options["pid"]):
        raise GatewayRefused("The gateway answered about another order than it was asked for.")
    status = _status(order)
    if status not in (PaymentStatus.PAID, PaymentStatus.REFUNDED):
        return PaymentState(status, provider_ref=text(order, "trade_no"))
    amount, refunded = _amounts(order)
    if status == PaymentStatus.REFUNDED and not refunded:
        refunded = amount.minor
    is_whole = refunded >= amount.minor
    return PaymentState(
        PaymentStatus.REFUNDED if is_whole else PaymentStatus.PAID,
        amount=amount,
        txn_id=text(order, "trade_no"),
        provider_ref=text(order, "trade_no"),
        paid_at=beijing_time(text(order, "endtime")),
        refunded_minor=refunded,
    )


def _status(order: Answer) -> PaymentStatus:
    """`trade_status` decides where there is one: some sites have status 1 while they wait for the money.

    Frozen (3) and only authorised (4) money is not ours: WAITING.
    """
    if order.get("trade_status") is not None:
        return _TRADE_STATUSES.get(text(order, "trade_status"), PaymentStatus.WAITING)
    return _STATUSES.get(text(order, "status"), PaymentStatus.WAITING)


def _amounts(order: Answer) -> tuple[Money, int]:
    """What was paid, and how much of it (fen) was given back."""
    try:
        return cny(text(order, "money")), fen(text(order, "refundmoney") or "0")
    except ValueError:
        raise GatewayRefused("The gateway answered with an amount that can't be read.") from None
