"""xunhupay (虎皮椒): WeChat Pay and Alipay for people without a merchant licence. One account is one appid, and so one
way to pay. Every message is a form with an MD5 hash; the hash proves little, so the gateway is asked before a credit.

Its status CD means "cancelled" for an order that was not paid and "refunded" for one that was. A notification does not
say which, so it becomes REFUNDED without an amount: ask `query`, which tells them apart, and act on that.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from secrets import token_hex

from django.utils.translation import gettext_noop

from orders.providers.addresses import base_problem, checked_address, demand_plain, hosts_problem, pasted_base
from orders.providers.base import (
    Account,
    BadSignature,
    Capabilities,
    Charge,
    Checkout,
    Event,
    EventKind,
    GatewayRefused,
    GatewayUnreachable,
    Malformed,
    Money,
    Option,
    PaymentState,
    PaymentStatus,
    RefundCall,
    RefundState,
    RefundStatus,
    RefundSupport,
    Reply,
    Webhook,
)
from orders.providers.calling import Answer, ask, demand_no, means_unknown, quoted, scalars, text, unclear
from orders.providers.forms import (
    Shape,
    beijing_time,
    cny,
    dedupe_key,
    notified_amount,
    notify_fields,
    plain_title,
    yuan,
)
from orders.providers.options import (
    ALLOWED_HOSTS,
    EXTRA_FIELDS,
    extra_fields,
    extra_fields_problem,
    missing,
    secrets_of,
)
from orders.providers.signing import is_md5_signature, md5_signature, secret_problem, signed_text

BASE_URL = "https://api.xunhupay.com"
QR_LIFETIME = timedelta(minutes=5)
MAX_TITLE_BYTES, MAX_REASON_BYTES, MAX_URL = 127, 80, 128
_PAGES = ("/payment/do.html", "/payment/query.html", "/payment/refund.html")
_UNSIGNED = frozenset({"hash"})
_OURS = frozenset(
    {"version", "appid", "trade_order_id", "total_fee", "title", "time", "notify_url", "return_url", "nonce_str"}
    | _UNSIGNED
)

# Fields may be added to a notification at any time. None of these: only our requests and the answers to them have
# them, and a hash that was made for one of those is no word about a payment.
_NOTIFY = Shape(
    signature="hash",
    required=frozenset({"trade_order_id", "total_fee", "status", "appid", "time", "nonce_str", "hash"}),
    optional=frozenset({"transaction_id", "open_order_id", "order_title", "plugins", "attach"}),
    is_open=True,
    forbidden=frozenset(
        {"version", "title", "notify_url", "return_url", "callback_url", "type", "wap_url", "wap_name", "redirect"}
        | {"payment", "lang", "device_id", "modal", "out_trade_order"}
        | {"errcode", "errmsg", "url", "url_qrcode", "openid", "oderid"}
    ),
)
_PROOF = ("transaction_id", "open_order_id")  # a paid order has them; a cancelled one may not
_EVENTS = {
    "OD": EventKind.PAID,
    "CD": EventKind.REFUNDED,
    "RD": EventKind.OTHER,
    "UD": EventKind.REFUND_FAILED,
    "WP": EventKind.WAITING,
}
_REFUNDS = {"CD": RefundStatus.SUCCEEDED, "RD": RefundStatus.PENDING, "UD": RefundStatus.FAILED}


class Xunhupay:
    """The provider `xunhupay`. An account has a `secret`; a `previous_secret` verifies notifications as well."""

    name = "xunhupay"
    label = "xunhupay (虎皮椒)"
    options: Sequence[Option] = (
        Option("appid", gettext_noop("App id")),
        Option("secret", gettext_noop("App secret"), secret=True),
        Option("base_url", gettext_noop("Base address"), BASE_URL, required=False),
        ALLOWED_HOSTS,
        EXTRA_FIELDS,
    )

    def capabilities(self, account: Account) -> Capabilities:
        return Capabilities(currencies=frozenset({"CNY"}), refund=RefundSupport.FULL, query=True)

    def check_config(self, account: Account) -> list[str]:
        problems = [
            *missing(account, self.options),
            base_problem(account, _base(account)),
            secret_problem(account.secrets.get("secret", "")),
            hosts_problem(account),
            extra_fields_problem(account, _OURS),
        ]
        return [problem for problem in problems if problem]

    def create(self, account: Account, charge: Charge) -> Checkout:
        """Ask for a page and a QR code. The code works for five minutes; the same charge again gives a new one."""
        demand_plain(charge.notify_url, charge.return_url)
        self._demand_config(account)
        if charge.amount.currency != "CNY" or len(charge.notify_url) > MAX_URL:
            raise GatewayRefused("xunhupay takes CNY alone, and a notify address of at most 128 characters.")
        fields = extra_fields(account) | {
            "version": "1.1",
            "trade_order_id": charge.reference,
            "total_fee": yuan(charge.amount.minor),
            "title": plain_title(charge.title, most_bytes=MAX_TITLE_BYTES, fallback=charge.reference),
            "notify_url": charge.notify_url,
            "return_url": charge.return_url,
        }
        answer = _ask(account, "do", fields)
        if text(answer, "errcode") != "0":
            raise GatewayRefused(f"xunhupay refused: {quoted(text(answer, 'errmsg'))}")
        if not _is_genuine(account, answer):
            raise GatewayRefused("The answer of xunhupay has a wrong hash. Check the app secret.")
        return _checkout(account, answer)

    def parse_webhook(self, account: Account, webhook: Webhook) -> Sequence[Event]:
        """One event. Repetitions differ in time and nonce alone and have one dedupe key."""
        fields = notify_fields(webhook, methods=frozenset({"POST"}))
        _NOTIFY.check(fields)
        if not is_md5_signature(fields["hash"], signed_text(fields, without=_UNSIGNED), secrets_of(account)):
            raise BadSignature("signature")
        if fields["appid"] != account.options.get("appid"):
            raise Malformed("foreign_account")
        amount = notified_amount(fields["total_fee"])
        return [_event(account, fields, amount)]

    def reply(self, account: Account, *, accepted: bool) -> Reply:
        return Reply(200, "success") if accepted else Reply(400, "fail")

    def query(self, account: Account, *, reference: str, provider_ref: str) -> PaymentState:
        """By our number; where the gateway does not find that, by its own, which must lead to our number again.

        An order whose refund is on its way counts as WAITING: it must neither be credited nor given up.
        """
        self._demand_config(account)
        answer = _order(account, reference, provider_ref)
        if answer is None:
            return PaymentState(PaymentStatus.UNKNOWN)
        status = _status(answer)
        paid = status in (PaymentStatus.PAID, PaymentStatus.REFUNDED)
        amount = _total(answer) if paid else None
        return PaymentState(
            status,
            amount=amount,
            txn_id=text(answer, "transaction_id"),
            provider_ref=text(answer, "open_order_id"),
            paid_at=beijing_time(text(answer, "paid_date")) if paid else None,
            refunded_minor=amount.minor if amount and status == PaymentStatus.REFUNDED else 0,
            refund_failed=text(answer, "status") == "UD",
        )

    def refund(self, account: Account, call: RefundCall) -> RefundState:
        """All of the payment or nothing. Where a repeated call is refused, the order says what became of the first."""
        self._demand_config(account)
        if call.amount != call.total:
            raise GatewayRefused("xunhupay gives back whole payments only.")
        reason = plain_title(call.reason, most_bytes=MAX_REASON_BYTES, fallback="refund")
        answer = _ask(account, "refund", {"trade_order_id": call.reference, "reason": reason})
        is_done, words = text(answer, "errcode") == "0", quoted(text(answer, "errmsg"))
        if is_done and not _is_genuine(account, answer):
            raise GatewayUnreachable("xunhupay answered the refund with a wrong hash.")
        if is_done:
            status = _REFUNDS.get(text(answer, "refund_status"), RefundStatus.PENDING)
            return RefundState(status, refund_ref=text(answer, "out_refund_no"))
        with unclear():
            order = _order(account, call.reference, call.provider_ref)
        known = _REFUNDS.get(text(order, "status")) if order else None
        if known in (RefundStatus.SUCCEEDED, RefundStatus.PENDING):
            return RefundState(known, detail=words)
        raise GatewayRefused(f"xunhupay refused the refund: {words}")

    def close(self, account: Account, *, reference: str, provider_ref: str) -> None:
        """There is no such call: an order ends by itself."""

    def _demand_config(self, account: Account) -> None:
        demand_no(self.check_config(account))


# ── Calls ────────────────────────────────────────────────────────────────────


def _base(account: Account) -> str:
    return pasted_base(account.options.get("base_url") or BASE_URL, _PAGES)


def _ask(account: Account, page: str, fields: dict[str, str]) -> Answer:
    base = _base(account)
    form = fields | {
        "appid": account.options["appid"],
        "time": str(int(time.time())),
        "nonce_str": token_hex(16),
    }
    form["hash"] = md5_signature(signed_text(form, without=_UNSIGNED), account.secrets["secret"])
    return ask(f"{base}/payment/{page}.html", form=form)


def _is_genuine(account: Account, answer: Answer) -> bool:
    """Not every gateway signs its answers; one that does has to do it right."""
    fields = scalars(answer)
    text_signed = signed_text(fields, without=_UNSIGNED)
    return "hash" not in answer or is_md5_signature(fields.get("hash", ""), text_signed, [account.secrets["secret"]])


def _checkout(account: Account, answer: Answer) -> Checkout:
    base, url, picture = _base(account), text(answer, "url"), text(answer, "url_qrcode")
    if not url and not picture:
        raise GatewayRefused("xunhupay answered without an address to pay at.")
    return Checkout(
        url=checked_address(account, base, url) if url else "",
        qrcode=checked_address(account, base, picture) if picture else "",
        qrcode_is_image=bool(picture),
        provider_ref=_provider_ref(answer),
        expires_at=datetime.now(UTC) + QR_LIFETIME if picture else None,
    )


def _provider_ref(answer: Answer) -> str:
    """Its manual says `oderid`, its server `openid`, its notifications `open_order_id`."""
    names = ("openid", "oderid", "open_order_id")
    return next((found for name in names if (found := text(answer, name))), "")


# ── What it says ─────────────────────────────────────────────────────────────


def _event(account: Account, fields: dict[str, str], amount: Money) -> Event:
    status = fields["status"]
    kind = _EVENTS.get(status, EventKind.OTHER)
    if kind is EventKind.PAID and not all(fields.get(name) for name in _PROOF):
        raise Malformed("missing_field")
    txn_id = fields.get("transaction_id", "")
    return Event(
        kind=kind,
        dedupe_key=dedupe_key(txn_id=txn_id, reference=fields["trade_order_id"], status=status, amount=amount),
        reference=fields["trade_order_id"],
        provider_ref=fields.get("open_order_id", ""),
        txn_id=txn_id,
        amount=amount if kind is EventKind.PAID else None,
        refund_ref=fields.get("out_refund_no", ""),
        live=account.live,
    )


def _order(account: Account, reference: str, provider_ref: str) -> Answer | None:
    """What the gateway knows of an order of ours; None when it says that it knows none."""
    names = [("out_trade_order", reference)] + ([("open_order_id", provider_ref)] if provider_ref else [])
    for name, number in names:
        answer = _ask(account, "query", {name: number})
        if text(answer, "errcode") == "0":
            return _our_order(answer, reference)
        if not means_unknown(words := text(answer, "errmsg")):
            raise GatewayRefused(f"xunhupay refused: {quoted(words)}")
    return None


def _our_order(answer: Answer, reference: str) -> Answer:
    order = answer.get("data")
    if not isinstance(order, dict) or text(order, "out_trade_order") != reference:
        raise GatewayRefused("xunhupay answered about another order than it was asked for.")
    return order


def _status(order: Answer) -> PaymentStatus:
    status = text(order, "status")
    if status == "CD":
        was_paid = text(order, "transaction_id") or text(order, "paid_date")
        return PaymentStatus.REFUNDED if was_paid else PaymentStatus.CLOSED
    return PaymentStatus.PAID if status in ("OD", "UD") else PaymentStatus.WAITING


def _total(order: Answer) -> Money:
    try:
        return cny(text(order, "total_amount"))
    except ValueError:
        raise GatewayRefused("xunhupay answered with an amount that can't be read.") from None
