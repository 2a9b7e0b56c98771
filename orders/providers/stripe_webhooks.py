"""Webhooks of Stripe: whether one is genuine, and which event of ours it is."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import time
from typing import Any, Final

from stripe import SignatureVerificationError, WebhookSignature

from orders.providers.base import Account, BadSignature, Event, EventKind, Malformed, Money, Webhook
from orders.providers.stripe_fields import (
    Json,
    Unreadable,
    flag,
    identifier,
    link,
    moment,
    money,
    our_reference,
    part,
    word,
)
from orders.providers.stripe_settings import signing_secrets

MOST_BYTES: Final = 256 * 1024
TOLERANCE_SECONDS: Final = 300
_LONGEST_HEADER = 4096
_Reader = Callable[[Event, Json], Event | None]
_TIME = re.compile(r"[0-9]{1,12}")


def read_webhook(account: Account, webhook: Webhook) -> Event | None:
    """The event of a genuine message; None when it does not concern us. Raises BadSignature or Malformed."""
    if webhook.method != "POST":
        raise Malformed("method")
    if len(webhook.body) > MOST_BYTES:
        raise Malformed("too_large")
    _verify(account, webhook)
    try:
        return _event(_parsed(webhook.body))
    except Unreadable as error:
        raise Malformed(f"field_{error}") from error


def _verify(account: Account, webhook: Webhook) -> None:
    """By any of the account's secrets. The SDK refuses signatures that are old, but lets those of the future pass."""
    header = webhook.headers.get("stripe-signature", "")
    if not header:
        raise BadSignature("no_signature")
    times = [item[2:] for item in header.split(",") if item.startswith("t=")]
    if len(header) > _LONGEST_HEADER or not header.isascii() or len(times) != 1 or not _TIME.fullmatch(times[0]):
        raise BadSignature("unreadable_signature")
    if abs(time() - int(times[0])) > TOLERANCE_SECONDS:
        raise BadSignature("out_of_time")
    if not any(_is_signed(webhook.body, header, secret) for secret in signing_secrets(account)):
        raise BadSignature("wrong_signature")


def _is_signed(body: bytes, header: str, secret: str) -> bool:
    try:
        return bool(WebhookSignature.verify_header(body, header, secret, TOLERANCE_SECONDS))
    except SignatureVerificationError:
        return False
    except UnicodeDecodeError:
        raise Malformed("not_utf8") from None


def _parsed(body: bytes) -> Json:
    try:
        values = json.loads(body, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise Malformed("not_json") from None
    if not isinstance(values, dict) or values.get("object") != "event":
        raise Malformed("not_an_event")
    return values


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name given twice")
    return values


def _event(values: Json) -> Event | None:
    base = Event(
        EventKind.OTHER, identifier(values), occurred_at=moment(values, "created"), live=flag(values, "livemode")
    )
    read = _READERS.get(word(values, "type"))
    if read is None or values.get("account") is not None:  # of a connected account: somebody else's money
        return None
    return read(base, part(part(values, "data"), "object"))


def _session(happened: EventKind) -> _Reader:
    def read(base: Event, session: Json) -> Event | None:
        reference = our_reference(session)
        if not reference or word(session, "mode") != "payment":
            return None
        base = replace(
            base,
            reference=reference,
            provider_ref=identifier(session),
            txn_id=link(session, "payment_intent"),
        )
        return _completed(base, session) if happened is EventKind.PAID else replace(base, kind=happened)

    return read


def _completed(base: Event, session: Json) -> Event:
    """A session that is complete need not be paid: some methods take days, and a coupon of the account may cost all."""
    status, amount = word(session, "payment_status"), money(session, "amount_total")
    if status == "unpaid":
        return replace(base, kind=EventKind.WAITING)
    if status == "no_payment_required" and amount.minor == 0:
        return replace(base, kind=EventKind.PAID, amount=amount, txn_id=base.txn_id or base.provider_ref)
    if status != "paid":
        return base
    return replace(base, kind=EventKind.PAID, amount=amount, txn_id=identifier(session, "payment_intent"))


def _refund(base: Event, refund: Json) -> Event | None:
    """The metadata is there when we asked for the refund; one made in the dashboard has only the payment's number."""
    kind = _REFUNDS.get(word(refund, "status"), EventKind.OTHER)
    return _of_payment(base, refund, kind, amount=money(refund, "amount"), ref=identifier(refund))


def _refunded_charge(base: Event, charge: Json) -> Event | None:
    """Says only that something was given back: its figure is a total over all refunds, so it is no amount of one."""
    return _of_payment(base, charge, EventKind.REFUNDED)


def _dispute(standing: EventKind | None) -> _Reader:
    """A dispute's own number takes the place of a refund's; without `standing` its status decides."""

    def read(base: Event, dispute: Json) -> Event | None:
        kind = standing or _DISPUTES.get(word(dispute, "status"), EventKind.OTHER)
        return _of_payment(base, dispute, kind, amount=money(dispute, "amount"), ref=identifier(dispute))

    return read


def _of_payment(
    base: Event, values: Json, kind: EventKind, *, amount: Money | None = None, ref: str = ""
) -> Event | None:
    """Bound to a payment by our number or its own; nothing of ours when it names neither."""
    reference, txn_id = our_reference(values), link(values, "payment_intent")
    if not reference and not txn_id:
        return None
    return replace(base, kind=kind, reference=reference, txn_id=txn_id, amount=amount, refund_ref=ref)


_REFUNDS: Final = {
    "succeeded": EventKind.REFUNDED,
    "failed": EventKind.REFUND_FAILED,
    "canceled": EventKind.REFUND_FAILED,
}
_DISPUTES: Final = {
    "won": EventKind.DISPUTE_WON,
    "warning_closed": EventKind.DISPUTE_WON,  # an inquiry that became no dispute
    "prevented": EventKind.DISPUTE_WON,  # settled by a refund, which has events of its own
    "lost": EventKind.DISPUTE_LOST,
}
_READERS: Final[Mapping[str, _Reader]] = {
    "checkout.session.completed": _session(EventKind.PAID),
    "checkout.session.async_payment_succeeded": _session(EventKind.PAID),
    "checkout.session.async_payment_failed": _session(EventKind.FAILED),
    "checkout.session.expired": _session(EventKind.EXPIRED),
    "refund.created": _refund,
    "refund.updated": _refund,
    "refund.failed": _refund,
    "charge.refunded": _refunded_charge,
    "charge.dispute.created": _dispute(EventKind.DISPUTE_OPENED),
    "charge.dispute.funds_withdrawn": _dispute(EventKind.DISPUTE_OPENED),
    "charge.dispute.funds_reinstated": _dispute(EventKind.DISPUTE_WON),
    "charge.dispute.closed": _dispute(None),
}
