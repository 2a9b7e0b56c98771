"""What the gateway remembers, until it ends: payments, refunds, disputes, and what merchants were told of them."""

import random
import string
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .merchants import Merchant
from .web import Refused

LETTERS = string.ascii_letters + string.digits


def now() -> int:
    """Seconds since 1970."""
    return int(time.time())


def chinese_time(seconds: int) -> str:
    """As Chinese gateways write it; China has one time zone and no summer time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds + 8 * 3600))


class Status(StrEnum):
    OPEN = "open"
    WAITING = "waiting"  # a delayed method: the customer has done his part, the money is on its way
    PAID = "paid"
    FAILED = "failed"  # the delayed method brought nothing
    CLOSED = "closed"
    EXPIRED = "expired"


class RefundStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Kind(StrEnum):
    """What can happen to a payment; a protocol tells its merchant of some of it."""

    PAID = "paid"
    WAITING = "waiting"
    SETTLED = "settled"
    FAILED = "failed"
    EXPIRED = "expired"
    REFUND_PENDING = "refund_pending"
    REFUNDED = "refunded"
    REFUND_SETTLED = "refund_settled"
    REFUND_FAILED = "refund_failed"
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_CLOSED = "dispute_closed"


@dataclass(slots=True)
class Receipt:
    """Money that arrived, in minor units."""

    txn_id: str
    amount: int
    currency: str
    paid_at: int


@dataclass(slots=True)
class Refund:
    """Money given back. `reference` is the merchant's own number, where the protocol has one."""

    id: str
    payment_id: str
    amount: int
    status: RefundStatus
    created: int
    reference: str = ""
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Dispute:
    id: str
    amount: int
    created: int
    status: str = "needs_response"


@dataclass(slots=True)
class Payment:
    """What a merchant wants to be paid. `details` are what its protocol alone knows, such as fields to echo."""

    id: str
    merchant: Merchant = field(repr=False)
    reference: str
    title: str
    amount: int
    currency: str
    notify_url: str
    return_url: str = ""
    cancel_url: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    created: int = field(default_factory=now)
    expires_at: int | None = None
    status: Status = Status.OPEN
    receipts: list[Receipt] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)

    @property
    def receipt(self) -> Receipt | None:
        return self.receipts[-1] if self.receipts else None

    @property
    def paid(self) -> int:
        return sum(receipt.amount for receipt in self.receipts)

    @property
    def refunded(self) -> int:
        """What was given back, or is on its way."""
        return sum(refund.amount for refund in self.refunds if refund.status != RefundStatus.FAILED)

    @property
    def is_refunded(self) -> bool:
        """Whether all of it was given back, for certain."""
        done = sum(refund.amount for refund in self.refunds if refund.status == RefundStatus.SUCCEEDED)
        return bool(self.receipts) and done >= self.paid


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened, as it is told to merchants."""

    kind: Kind
    refund: Refund | None = None
    dispute: Dispute | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one delivery of a message brought: a status and the beginning of a body, or an error."""

    status: int = 0
    body: str = ""
    error: str = ""
    acknowledged: bool = False


@dataclass(slots=True)
class Message:
    """One thing told to a merchant, however often it is sent. `content` is what gets signed.

    States: queued, held (until released), dropped, read, given-up, forbidden (the host is not allowed).
    """

    id: str
    payment: Payment
    happening: Happening
    url: str
    content: dict[str, Any]
    state: str = "queued"
    signature: str = ""
    answers: list[Answer] = field(default_factory=list)


class Ids:
    """Numbers and names; the same ones in every run when there is a seed."""

    def __init__(self, seed: int | None) -> None:
        self._random = random.Random(seed) if seed is not None else random.SystemRandom()  # noqa: S311

    def number(self) -> str:
        """The date and twelve digits: what Chinese gateways number by."""
        return time.strftime("%Y%m%d", time.gmtime()) + self.digits(12)

    def digits(self, count: int) -> str:
        return "".join(self._random.choices(string.digits, k=count))

    def name(self, prefix: str, length: int = 24) -> str:
        """`re_x7…`"""
        return prefix + "".join(self._random.choices(LETTERS, k=length))


class State:
    """Everything, by number."""

    def __init__(self) -> None:
        self.payments: dict[str, Payment] = {}
        self.messages: dict[str, Message] = {}
        self.replies: dict[tuple[str, str], tuple[str, bytes]] = {}

    def payment(self, id: str) -> Payment:
        """Raises Refused when there is none."""
        if id not in self.payments:
            raise Refused("There is no such payment.", status=404, code="resource_missing")
        return self.payments[id]

    def by_reference(self, merchant: Merchant, reference: str) -> Payment | None:
        """The payment that a merchant numbered so."""
        mine = (payment for payment in self.payments.values() if payment.merchant == merchant)
        return next((payment for payment in mine if payment.reference == reference), None)

    def refund(self, id: str) -> tuple[Payment, Refund]:
        """A refund and what it refunds. Raises Refused when there is none."""
        for payment in self.payments.values():
            for refund in payment.refunds:
                if refund.id == id:
                    return payment, refund
        raise Refused("There is no such refund.", status=404, code="resource_missing")
