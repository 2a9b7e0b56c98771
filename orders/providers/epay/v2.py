"""EPay V2: RSA. We sign with the merchant's private key, the platform's public key checks what comes; success is 0."""

import hashlib
import re
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from django.utils.translation import gettext as _

from orders.providers.base import (
    Account,
    Capabilities,
    Charge,
    Checkout,
    GatewayRefused,
    GatewayUnreachable,
    Malformed,
    PaymentState,
    PaymentStatus,
    RefundCall,
    RefundState,
    RefundStatus,
    RefundSupport,
)
from orders.providers.calling import Answer, ask, means_unknown, quoted, scalars, text
from orders.providers.epay.common import NOTIFIED, UNSIGNED, base_of, checkout, order_state, payment_fields
from orders.providers.forms import Shape, yuan
from orders.providers.signing import (
    LEAST_RSA_BITS,
    is_rsa_signature,
    private_key,
    public_key,
    rsa_signature,
    signed_text,
)

MOST_SECONDS_OFF = 300
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_REFUNDS = {"0": RefundStatus.FAILED, "1": RefundStatus.SUCCEEDED}
_REFUND_NUMBER = re.compile(r"[A-Za-z0-9]{1,32}")


class V2:
    shape = Shape(
        signature="sign",
        required=NOTIFIED | {"timestamp"},
        optional=frozenset({"param", "api_trade_no", "addtime", "endtime", "buyer"}),
    )
    sign_types = frozenset({"RSA", "SHA256WithRSA"})

    def capabilities(self, account: Account) -> Capabilities:
        return Capabilities(currencies=frozenset({"CNY"}), refund=RefundSupport.PARTIAL, query=True, close=True)

    def key_problems(self, account: Account) -> list[str]:
        private, public = account.secrets.get("private_key", ""), account.secrets.get("platform_public_key", "")
        problems = [
            _key_problem(private, private_key, _("The merchant's private key")),
            _key_problem(public, public_key, _("The platform's public key")),
        ]
        if not any(problems) and private_key(private).public_key() == public_key(public):
            problems.append(_("This is your own public key. Enter the platform's."))
        return problems

    def is_signed(self, account: Account, fields: dict[str, str]) -> bool:
        """Raises Malformed for a message that is too old or too new."""
        if not _is_signed(account, fields):
            return False
        if not _is_fresh(fields["timestamp"]):
            raise Malformed("stale")
        return True

    def create(self, account: Account, charge: Charge) -> Checkout:
        form = {"method": "web", "device": "pc"} | payment_fields(account, charge)
        answer = _ask(account, "create", form)
        _demand_success(answer)
        kind, found = text(answer, "pay_type"), text(answer, "pay_info")
        return checkout(account, answer, url=found if kind == "jump" else "", qrcode=found if kind == "qrcode" else "")

    def query(self, account: Account, reference: str) -> PaymentState:
        answer = _ask(account, "query", {"out_trade_no": reference})
        if text(answer, "code") != "0" and means_unknown(text(answer, "msg")):
            return PaymentState(PaymentStatus.UNKNOWN)
        _demand_success(answer)
        return order_state(account, answer, reference)

    def refund(self, account: Account, call: RefundCall) -> RefundState:
        """Code 0 says on some sites that the wish was accepted, and a repeated call is refused on others: where a
        site can be asked about the refund itself, that decides."""
        number = _refund_number(call.idempotency_key)
        form = {"out_trade_no": call.reference, "out_refund_no": number, "money": yuan(call.amount.minor)}
        answer = _ask(account, "refund", form)
        is_accepted = text(answer, "code") == "0" and text(answer, "out_refund_no") in ("", number)
        words = quoted(text(answer, "msg"))
        status = _refund_status(account, number, otherwise=RefundStatus.SUCCEEDED if is_accepted else None)
        if status is None:
            raise GatewayRefused(f"The gateway refused the refund: {words}")
        return RefundState(status, refund_ref=text(answer, "refund_no"), detail=words)

    def close(self, account: Account, reference: str) -> None:
        _demand_success(_ask(account, "close", {"out_trade_no": reference}))


# ── Keys ─────────────────────────────────────────────────────────────────────


def _key_problem(key: str, read: Callable[[str], RSAPrivateKey | RSAPublicKey], label: str) -> str:
    try:
        bits = read(key).key_size if key else 0
    except ValueError:
        return _("%(key)s can't be read.") % {"key": label}
    if not bits:
        return _("%(key)s is missing.") % {"key": label}
    return (
        _("%(key)s has less than %(bits)d bits.") % {"key": label, "bits": LEAST_RSA_BITS}
        if bits < LEAST_RSA_BITS
        else ""
    )


def _platform_keys(account: Account) -> list[RSAPublicKey]:
    """The platform's key, and during a change the one before it. Improper ones prove nothing and are left out."""
    given = (account.secrets.get(name, "") for name in ("platform_public_key", "previous_platform_public_key"))
    return [public_key(text) for text in given if not _key_problem(text, public_key, "")]


# ── Calls ────────────────────────────────────────────────────────────────────


def _ask(account: Account, call: str, form: dict[str, str]) -> Answer:
    """An answer of code 0 is signed and of this minute. A refusal may be unsigned: it moves nothing."""
    form |= {"pid": account.options["pid"], "timestamp": str(int(time.time()))}
    signature = rsa_signature(signed_text(form, without=UNSIGNED), private_key(account.secrets["private_key"]))
    answer = ask(f"{base_of(account)}/api/pay/{call}", form=form | {"sign": signature, "sign_type": "RSA"})
    if text(answer, "code") == "0":
        fields = scalars(answer)
        if not _is_signed(account, fields) or not _is_fresh(fields.get("timestamp", "")):
            raise GatewayRefused("The gateway's answer is not signed by the platform, or its clock is wrong.")
    return answer


def _is_signed(account: Account, fields: dict[str, str]) -> bool:
    return is_rsa_signature(fields.get("sign", ""), signed_text(fields, without=UNSIGNED), _platform_keys(account))


def _is_fresh(timestamp: str) -> bool:
    return bool(_TIMESTAMP.fullmatch(timestamp)) and abs(time.time() - int(timestamp)) <= MOST_SECONDS_OFF


def _demand_success(answer: Answer) -> None:
    if text(answer, "code") != "0":
        raise GatewayRefused(f"The gateway refused: {quoted(text(answer, 'msg'))}")


def _refund_number(idempotency_key: str) -> str:
    """A number that every site takes, the same for the same key."""
    if _REFUND_NUMBER.fullmatch(idempotency_key):
        return idempotency_key
    return f"R{hashlib.sha256(idempotency_key.encode()).hexdigest()[:31]}"


def _refund_status(account: Account, number: str, *, otherwise: RefundStatus | None) -> RefundStatus | None:
    """How a refund stands; `otherwise` where the site has no such call or knows no such refund."""
    try:
        answer = _ask(account, "refundquery", {"out_refund_no": number})
        _demand_success(answer)
    except GatewayRefused:
        return otherwise
    except GatewayUnreachable:
        if otherwise is None:
            raise
        return RefundStatus.PENDING
    return _REFUNDS.get(text(answer, "status"), RefundStatus.PENDING)
