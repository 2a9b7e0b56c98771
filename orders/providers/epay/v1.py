"""EPay V1: MD5 with a shared key; success is code 1.

Payments are registered from here (mapi.php). The other way, a link to submit.php, would show our signature to the
customer, who could make a notification of it. Queries carry the key in the address: no address may be logged.
"""

from orders.providers.base import (
    Account,
    Capabilities,
    Charge,
    Checkout,
    GatewayRefused,
    PaymentState,
    PaymentStatus,
    RefundCall,
    RefundState,
    RefundStatus,
    RefundSupport,
)
from orders.providers.calling import Answer, ask, means_unknown, quoted, text, unclear
from orders.providers.epay.common import NOTIFIED, UNSIGNED, base_of, checkout, order_state, payment_fields
from orders.providers.forms import Shape, yuan
from orders.providers.options import secrets_of
from orders.providers.signing import is_md5_signature, md5_signature, secret_problem, signed_text


class V1:
    shape = Shape(signature="sign", required=NOTIFIED, optional=frozenset({"param"}))
    sign_types = frozenset({"MD5"})

    def capabilities(self, account: Account) -> Capabilities:
        """Many sites have switched refunds off, so an account has to say that its site gives money back."""
        refund = RefundSupport.FULL if account.options.get("refund") == "full" else RefundSupport.NONE
        return Capabilities(currencies=frozenset({"CNY"}), refund=refund, query=True)

    def key_problems(self, account: Account) -> list[str]:
        return [secret_problem(account.secrets.get("secret", ""))]

    def is_signed(self, account: Account, fields: dict[str, str]) -> bool:
        return is_md5_signature(fields["sign"], signed_text(fields, without=UNSIGNED), secrets_of(account))

    def create(self, account: Account, charge: Charge) -> Checkout:
        form = payment_fields(account, charge)
        form |= {"sign": md5_signature(signed_text(form, without=UNSIGNED), _key(account)), "sign_type": "MD5"}
        answer = ask(f"{base_of(account)}/mapi.php", form=form)
        _demand_success(answer)
        return checkout(account, answer, url=text(answer, "payurl"), qrcode=text(answer, "qrcode"))

    def query(self, account: Account, reference: str) -> PaymentState:
        known = {"act": "order", "pid": account.options["pid"], "key": _key(account), "out_trade_no": reference}
        answer = ask(f"{base_of(account)}/api.php", query=known)
        if text(answer, "code") != "1" and means_unknown(text(answer, "msg")):
            return PaymentState(PaymentStatus.UNKNOWN)
        _demand_success(answer)
        return order_state(account, answer, reference)

    def refund(self, account: Account, call: RefundCall) -> RefundState:
        """Whole payments alone: a part that is asked for twice, because an answer was lost, would be paid twice."""
        if call.amount != call.total or self.capabilities(account).refund is RefundSupport.NONE:
            raise GatewayRefused("This account gives back nothing, or whole payments only.")
        form = {"pid": account.options["pid"], "key": _key(account), "out_trade_no": call.reference}
        form["money"] = yuan(call.amount.minor)
        answer = ask(f"{base_of(account)}/api.php", query={"act": "refund"}, form=form)
        if text(answer, "code") == "1":
            return RefundState(RefundStatus.SUCCEEDED)
        with unclear():
            state = self.query(account, call.reference)
        if state.status is PaymentStatus.REFUNDED:
            return RefundState(RefundStatus.SUCCEEDED, detail=quoted(text(answer, "msg")))
        raise GatewayRefused(f"The gateway refused the refund: {quoted(text(answer, 'msg'))}")

    def close(self, account: Account, reference: str) -> None:
        """There is no such call."""


def _key(account: Account) -> str:
    return account.secrets["secret"]


def _demand_success(answer: Answer) -> None:
    if text(answer, "code") != "1":
        raise GatewayRefused(f"The gateway refused: {quoted(text(answer, 'msg'))}")
