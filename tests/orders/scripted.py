"""A provider whose gateway is a list of answers, for tests of what we do with them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from orders.providers.base import (
    BadSignature,
    Capabilities,
    Checkout,
    Event,
    EventKind,
    GatewayUnreachable,
    Malformed,
    Money,
    PaymentState,
    PaymentStatus,
    RefundState,
    RefundStatus,
    RefundSupport,
    Reply,
)

SIGNATURE = "right"


@dataclass
class Scripted:
    """What the gateway says is in `states` by attempt number; an exception there is raised."""

    name: str = "scripted"
    label: str = "Scripted"
    options: Sequence[Any] = ()
    confirms: bool = False
    can_query: bool = True
    refund_support: RefundSupport = RefundSupport.PARTIAL
    least_minor: int = 1
    states: dict[str, Any] = field(default_factory=dict)
    checkout: Any = None
    refund_answer: Any = None
    created: list[Any] = field(default_factory=list)
    refunds: list[Any] = field(default_factory=list)
    closed: list[Any] = field(default_factory=list)
    on_create: Any = None

    def capabilities(self, account):
        return Capabilities(
            currencies=frozenset({"CNY"}),
            least_minor=self.least_minor,
            refund=self.refund_support,
            query=self.can_query,
            close=True,
            confirms=self.confirms,
        )

    def check_config(self, account):
        return [] if account.secrets.get("secret") else ["The secret is missing."]

    def create(self, account, charge):
        self.created.append(charge)
        if self.on_create:
            self.on_create(charge)
        if isinstance(self.checkout, Exception):
            raise self.checkout
        return self.checkout or Checkout(
            f"https://pay.example/{charge.reference}", provider_ref=f"p-{charge.reference}"
        )

    def parse_webhook(self, account, webhook):
        if webhook.headers.get("signature") != SIGNATURE:
            raise BadSignature("bad signature")
        try:
            told = json.loads(webhook.body)
        except ValueError:
            raise Malformed("not JSON") from None
        return [event_of(**told)]

    def reply(self, account, *, accepted):
        return Reply(200 if accepted else 400, "success" if accepted else "fail")

    def query(self, account, *, reference, provider_ref):
        state = self.states.get(reference, PaymentState(PaymentStatus.WAITING))
        if isinstance(state, Exception):
            raise state
        return state

    def refund(self, account, call):
        self.refunds.append(call)
        if isinstance(self.refund_answer, Exception):
            raise self.refund_answer
        return self.refund_answer or RefundState(RefundStatus.SUCCEEDED, "re_1")

    def close(self, account, *, reference, provider_ref):
        self.closed.append(reference)

    def pays(self, attempt, *, minor=None, currency="CNY", txn_id=None):
        """From now on the gateway says that this attempt is paid."""
        amount = Money(attempt.amount_minor if minor is None else minor, currency)
        self.states[attempt.number] = PaymentState(
            PaymentStatus.PAID, amount, txn_id or f"t-{attempt.number}", paid_at=datetime.now(UTC)
        )

    def is_away(self, attempt):
        """From now on the gateway does not answer for this attempt."""
        self.states[attempt.number] = GatewayUnreachable("away")


def event_of(*, kind="paid", reference="", minor=None, currency="CNY", txn_id="", dedupe="", live=True, refund_ref=""):
    amount = None if minor is None else Money(minor, currency)
    key = dedupe or f"{kind}:{reference}:{txn_id}:{minor}"
    return Event(
        EventKind(kind), key, reference=reference, txn_id=txn_id, amount=amount, live=live, refund_ref=refund_ref
    )
