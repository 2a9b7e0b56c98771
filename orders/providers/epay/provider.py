"""The provider `epay`. V1 signs with MD5, so the gateway is asked before a credit, and so it is with V2."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from orders.providers.addresses import base_problem, demand_plain, hosts_problem
from orders.providers.base import (
    Account,
    BadSignature,
    Capabilities,
    Charge,
    Checkout,
    Event,
    EventKind,
    GatewayRefused,
    Malformed,
    Option,
    PaymentState,
    RefundCall,
    RefundState,
    Reply,
    Webhook,
)
from orders.providers.calling import demand_no
from orders.providers.epay.common import REQUESTED, RESERVED, SUCCESS, Version, base_of
from orders.providers.epay.v1 import V1
from orders.providers.epay.v2 import V2
from orders.providers.forms import beijing_time, dedupe_key, notified_amount, notify_fields
from orders.providers.options import (
    ALLOWED_HOSTS,
    EXTRA_FIELDS,
    extra_fields_problem,
    missing,
)

_VERSIONS: Final[dict[str, Version]] = {"1": V1(), "2": V2()}
_METHODS = frozenset({"GET", "POST"})
_WORD = re.compile(r"[A-Za-z0-9_]{1,32}")
_EVENTS = {
    SUCCESS: EventKind.PAID,
    "WAIT_BUYER_PAY": EventKind.WAITING,
    "TRADE_CLOSED": EventKind.EXPIRED,
}


class EPay:
    """Accounts of version 1 have a `secret`, those of version 2 a `private_key` and the `platform_public_key`, which is
    no secret but decides whom we believe. `previous_secret` and `previous_platform_public_key` verify as well."""

    name = "epay"
    label = "EPay (易支付)"
    options: Sequence[Option] = (
        Option("base_url", gettext_noop("Base address")),
        Option("pid", gettext_noop("Merchant id")),
        Option("payment_type", gettext_noop("Payment type"), gettext_noop("alipay, wxpay, qqpay, or the site's own.")),
        Option("version", gettext_noop("Version"), gettext_noop("1 (MD5) or 2 (RSA)."), required=False),
        Option("secret", gettext_noop("Merchant key"), gettext_noop("Version 1."), required=False, secret=True),
        Option(
            "private_key",
            gettext_noop("Merchant's private key"),
            gettext_noop("Version 2."),
            required=False,
            secret=True,
        ),
        Option(
            "platform_public_key",
            gettext_noop("Platform's public key"),
            gettext_noop("Version 2."),
            required=False,
            secret=True,
        ),
        Option("refund", gettext_noop("Refunds"), gettext_noop("Version 1: none or full."), required=False),
        Option(
            "success_reply",
            gettext_noop("Reply"),
            gettext_noop("What the site wants to read after a notification: success, SUCCESS or ok."),
            required=False,
        ),
        Option(
            "notify_fields",
            gettext_noop("More notified fields"),
            gettext_noop("Fields that the site's notifications have besides the documented ones. Commas between."),
            required=False,
        ),
        ALLOWED_HOSTS,
        EXTRA_FIELDS,
    )

    def capabilities(self, account: Account) -> Capabilities:
        return _version(account).capabilities(account)

    def check_config(self, account: Account) -> list[str]:
        problems = [
            *missing(account, self.options),
            base_problem(account, base_of(account)),
            *_choice_problems(account),
            *_version(account).key_problems(account),
            _notify_fields_problem(account),
            hosts_problem(account),
            extra_fields_problem(account, RESERVED),
        ]
        return [problem for problem in problems if problem]

    def create(self, account: Account, charge: Charge) -> Checkout:
        """Either an address to open or a QR code to draw; the other one is empty."""
        demand_plain(charge.notify_url, charge.return_url)
        demand_no(self.check_config(account))
        if charge.amount.currency != "CNY":
            raise GatewayRefused("EPay takes CNY alone.")
        return _version(account).create(account, charge)

    def parse_webhook(self, account: Account, webhook: Webhook) -> Sequence[Event]:
        """One event. A message of version 2 is good for five minutes: keep the event, not the message."""
        version, fields = _version(account), notify_fields(webhook, methods=_METHODS)
        replace(version.shape, optional=version.shape.optional | _named_fields(account) - REQUESTED).check(fields)
        if fields["sign_type"] not in version.sign_types:
            raise Malformed("sign_type")
        if not version.is_signed(account, fields):
            raise BadSignature("signature")
        if fields["pid"] != account.options.get("pid"):
            raise Malformed("foreign_account")
        return [_event(account, fields)]

    def reply(self, account: Account, *, accepted: bool) -> Reply:
        return Reply(200, account.options.get("success_reply") or "success") if accepted else Reply(400, "fail")

    def query(self, account: Account, *, reference: str, provider_ref: str) -> PaymentState:
        """By our number alone. Money that is frozen or only authorised counts as WAITING."""
        demand_no(self.check_config(account))
        return _version(account).query(account, reference)

    def refund(self, account: Account, call: RefundCall) -> RefundState:
        demand_no(self.check_config(account))
        return _version(account).refund(account, call)

    def close(self, account: Account, *, reference: str, provider_ref: str) -> None:
        """Version 2 alone; many sites refuse it."""
        demand_no(self.check_config(account))
        _version(account).close(account, reference)


def _version(account: Account) -> Version:
    return _VERSIONS.get(account.options.get("version") or "1", _VERSIONS["1"])


def _choice_problems(account: Account) -> list[str]:
    options, problems = account.options, []
    if options.get("version", "") not in ("", *_VERSIONS):
        problems.append(_("The version is 1 or 2."))
    if options.get("refund", "") not in ("", "none", "full"):
        problems.append(_("Refunds are none or full."))
    if options.get("payment_type") and not _WORD.fullmatch(options["payment_type"]):
        problems.append(_("The payment type is one word, like alipay."))
    if options.get("success_reply") and not _WORD.fullmatch(options["success_reply"]):
        problems.append(_("The reply is one word, like success."))
    return problems


def _named_fields(account: Account) -> frozenset[str]:
    return frozenset(re.split(r"[\s,]+", account.options.get("notify_fields", ""))) - {""}


def _notify_fields_problem(account: Account) -> str:
    for name in sorted(_named_fields(account)):
        if name in REQUESTED or not _WORD.fullmatch(name):
            return _("“%(name)s” can't be a field of a notification.") % {"name": name}
    return ""


def _event(account: Account, fields: dict[str, str]) -> Event:
    amount, status, txn_id = notified_amount(fields["money"]), fields["trade_status"], fields["trade_no"]
    kind = _EVENTS.get(status, EventKind.OTHER)
    return Event(
        kind=kind,
        dedupe_key=dedupe_key(txn_id=txn_id, reference=fields["out_trade_no"], status=status, amount=amount),
        reference=fields["out_trade_no"],
        provider_ref=txn_id,
        txn_id=txn_id,
        amount=amount if kind is EventKind.PAID else None,
        occurred_at=beijing_time(fields.get("endtime", "")),
        live=account.live,
    )
