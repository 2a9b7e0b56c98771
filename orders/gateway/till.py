"""What can be done with payments, whoever asks for it: a merchant's call, a click on the page, or a test."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .dialect import Dialect
from .faults import Fault, Faults
from .merchants import STRIPE, Merchant
from .notifying import Notifier
from .signing import spoiled
from .state import (
    Dispute,
    Happening,
    Ids,
    Kind,
    Message,
    Payment,
    Receipt,
    Refund,
    RefundStatus,
    State,
    Status,
    now,
)
from .web import Refused, Request

FOREIGN = "https://pay.elsewhere.example"


@dataclass(frozen=True, slots=True)
class Call:
    """A request under way, with the fault that was ordered for it."""

    request: Request
    params: Mapping[str, str]
    fault: Fault

    def seen(self, payment: Payment) -> Payment:
        """The payment as the answer shall show it: as it is, or as if nobody had paid."""
        if self.fault.kind != "unpaid":
            return payment
        return replace(payment, status=Status.OPEN, receipts=[], refunds=[], disputes=[])

    def signature(self, right: str) -> str:
        """The answer's signature: the right one, unless the fault is a wrong one."""
        return spoiled(right) if self.fault.kind == "wrong-hash" else right


@dataclass(slots=True)
class Gateway:
    """The whole of it. `public_url` is where browsers reach it, without a slash at the end."""

    merchants: list[Merchant]
    dialects: Mapping[str, Dialect]
    public_url: str
    ids: Ids
    state: State
    faults: Faults
    notifier: Notifier

    def page_url(self, payment: Payment, call: Call, kind: str = "pay") -> str:
        """Where the customer pays (or with `qr` finds the picture), unless the fault is to send him elsewhere."""
        base = FOREIGN if call.fault.kind == "foreign-host" else self.public_url
        return f"{base}/{kind}/{payment.id}"

    def open(self, payment: Payment) -> Payment:
        """Register a payment. The same one again is the first one; the same number on other terms is refused."""
        known = self.state.by_reference(payment.merchant, payment.reference)
        if known is None:
            self.state.payments[payment.id] = payment
            return payment
        if (known.amount, known.notify_url) != (payment.amount, payment.notify_url):
            raise Refused("This order number was used before, with other terms.")
        if self.refresh(known).status != Status.OPEN:
            raise Refused("This order cannot be paid any more.")
        return known

    def refresh(self, payment: Payment) -> Payment:
        """Notice that the time to pay is over."""
        if payment.status == Status.OPEN and payment.expires_at is not None and payment.expires_at <= now():
            self.close(payment, expired=True)
        return payment

    def pay(
        self,
        payment: Payment,
        *,
        amount: int | None = None,
        currency: str = "",
        txn_id: str = "",
        delayed: bool = False,
        again: bool = False,
    ) -> list[Message]:
        """The customer pays: what is asked for, unless another amount or currency is named.

        With `delayed` the money is only on its way, see `settle`. With `again` even what is paid already, or closed.
        """
        if not again and self.refresh(payment).status != Status.OPEN:
            raise Refused(f"This payment is {payment.status}.", status=409)
        if delayed:
            payment.status = Status.WAITING
            return self.tell(payment, Happening(Kind.WAITING))
        self._receive(payment, payment.amount if amount is None else amount, currency, txn_id)
        return self.tell(payment, Happening(Kind.PAID))

    def settle(self, payment: Payment, *, succeeded: bool) -> list[Message]:
        """How a delayed payment ended."""
        if payment.status != Status.WAITING:
            raise Refused("This payment is not waiting for its money.", status=409)
        if not succeeded:
            payment.status = Status.FAILED
            return self.tell(payment, Happening(Kind.FAILED))
        self._receive(payment, payment.amount, "", "")
        return self.tell(payment, Happening(Kind.SETTLED))

    def close(self, payment: Payment, *, expired: bool) -> list[Message]:
        """Let nobody pay this any more."""
        if payment.status != Status.OPEN:
            raise Refused(f"This payment is {payment.status}.", status=409)
        payment.status = Status.EXPIRED if expired else Status.CLOSED
        return self.tell(payment, Happening(Kind.EXPIRED))

    def refund(
        self,
        payment: Payment,
        amount: int,
        *,
        pending: bool = False,
        reference: str = "",
        reason: str = "",
        details: dict[str, Any] | None = None,
    ) -> Refund:
        """Give money back, at once or (pending) later; never more than arrived."""
        if payment.paid == payment.refunded:
            raise Refused("There is nothing (left) to give back.", code="charge_already_refunded")
        if not 0 < amount <= payment.paid - payment.refunded:
            raise Refused("This is more than is left of the payment.")
        status = RefundStatus.PENDING if pending else RefundStatus.SUCCEEDED
        prefix = "re_" if payment.merchant.protocol == STRIPE else "R"
        refund = Refund(
            self.ids.name(prefix), payment.id, amount, status, now(), reference, reason, dict(details or {})
        )
        payment.refunds.append(refund)
        self.tell(payment, Happening(Kind.REFUND_PENDING if pending else Kind.REFUNDED, refund=refund))
        return refund

    def finish_refund(self, payment: Payment, refund: Refund, *, succeeded: bool) -> list[Message]:
        """How a refund ended; one that had succeeded can still fail, days later."""
        if refund.status == RefundStatus.FAILED or (succeeded and refund.status != RefundStatus.PENDING):
            raise Refused(f"This refund has {refund.status} already.", status=409)
        refund.status = RefundStatus.SUCCEEDED if succeeded else RefundStatus.FAILED
        return self.tell(payment, Happening(Kind.REFUND_SETTLED if succeeded else Kind.REFUND_FAILED, refund=refund))

    def dispute(self, payment: Payment, amount: int | None = None) -> Dispute:
        """The customer asks his bank for the money."""
        if payment.receipt is None:
            raise Refused("What is not paid cannot be disputed.", status=409)
        dispute = Dispute(self.ids.name("du_"), amount or payment.paid, now())
        payment.disputes.append(dispute)
        self.tell(payment, Happening(Kind.DISPUTE_OPENED, dispute=dispute))
        return dispute

    def close_dispute(self, payment: Payment, *, won: bool) -> list[Message]:
        """The bank's answer, won being the merchant's good luck."""
        if not payment.disputes or payment.disputes[-1].status in ("won", "lost"):
            raise Refused("This payment is not disputed.", status=409)
        payment.disputes[-1].status = "won" if won else "lost"
        return self.tell(payment, Happening(Kind.DISPUTE_CLOSED, dispute=payment.disputes[-1]))

    def tell(self, payment: Payment, happening: Happening) -> list[Message]:
        """Tell the merchant in the background."""
        messages = self.compose(payment, happening)
        for message in messages:
            self.notifier.queue(message)
        return messages

    def compose(self, payment: Payment, happening: Happening) -> list[Message]:
        """What the merchant would be told; nothing when there is nowhere to tell it."""
        url = payment.notify_url or getattr(payment.merchant, "webhook_url", "")
        contents = self.dialects[payment.merchant.protocol].contents(self.ids, payment, happening) if url else []
        messages = [Message(self.ids.name("msg_", 12), payment, happening, url, content) for content in contents]
        self.state.messages.update((message.id, message) for message in messages)
        return messages

    def receipt(self, payment: Payment, amount: int = 0, currency: str = "", txn_id: str = "") -> Receipt:
        """Money for this payment, by default what is asked for. Stripe's has its number from the start."""
        name = txn_id or payment.details.get("intent") or self.ids.digits(28)
        return Receipt(name, amount or payment.amount, currency or payment.currency, now())

    async def pay_and_wait(self, payment: Payment) -> None:
        """Pay, and have the merchant told before this returns."""
        self._receive(payment, payment.amount, "", "")
        messages = self.compose(payment, Happening(Kind.PAID))
        await asyncio.gather(*(self.notifier.send(message) for message in messages))

    def _receive(self, payment: Payment, amount: int, currency: str, txn_id: str) -> None:
        if amount < 1:
            raise Refused("An amount is a positive number of minor units.")
        payment.receipts.append(self.receipt(payment, amount, currency, txn_id))
        payment.status = Status.PAID
