"""What a payment provider is: a stateless adapter between a gateway's protocol and the values below.

An adapter computes, and sends requests through `config.egress.session`; it reads no row and writes none. A gateway is
hostile until checked: whatever it answers or sends becomes one of these values or an error, never a credit by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol


class Money(NamedTuple):
    """An amount of a currency that people pay with: integer minor units (fen, cents) and an ISO 4217 code."""

    minor: int
    currency: str


class GatewayError(Exception):
    """The gateway could not be used. The text is for the operator alone: it may quote the gateway."""


class GatewayRefused(GatewayError):
    """It answered, and said no or something that cannot be trusted. Trying again as it is will not help."""


class GatewayUnreachable(GatewayError):
    """No answer, or none that can be read: whether the call had an effect is unknown. Try again with the same key."""


class BadWebhook(Exception):
    """What arrived is not a message of this gateway: `reason` is a short constant for logs and counters."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BadSignature(BadWebhook):
    """The signature is missing or wrong."""


class Malformed(BadWebhook):
    """Not the shape that the gateway documents: a field missing, given twice, unreadable or of a foreign account."""


@dataclass(frozen=True, slots=True)
class Account:
    """One provider account as its adapter sees it. `options` are public, `secrets` opened."""

    id: int
    options: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    live: bool = True


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that an operator has to say about an account, for the form of the admin; a `long` one in lines."""

    name: str
    label: str
    help: str = ""
    required: bool = True
    secret: bool = False
    long: bool = False


class RefundSupport(StrEnum):
    NONE = "none"  # the operator pays back by hand
    FULL = "full"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an account can do. `confirms` says that a webhook's word is proof enough; else the gateway is asked.

    No currencies means every one. `slow_days` is how long money may be on its way, where an order lives shorter.
    """

    currencies: frozenset[str]
    least_minor: int = 1
    most_minor: int = 10**12
    refund: RefundSupport = RefundSupport.NONE
    query: bool = False
    close: bool = False
    confirms: bool = False
    slow_days: int = 0


@dataclass(frozen=True, slots=True)
class Charge:
    """What is to be paid. `reference` is our attempt's number: at most 32 letters and digits, the same in a retry.

    `order_no` is the order's number, for the gateway's own records; URLs carry no query string.
    """

    reference: str
    order_no: str
    title: str
    amount: Money
    notify_url: str
    return_url: str
    expires_at: datetime
    client_ip: str = ""


@dataclass(frozen=True, slots=True)
class Checkout:
    """Where to pay: a page to open, and what to draw as a QR code (text, or the https address of the gateway's own
    picture when `qrcode_is_image`). An adapter has checked that the addresses are https and the gateway's."""

    url: str
    qrcode: str = ""
    qrcode_is_image: bool = False
    provider_ref: str = ""
    expires_at: datetime | None = None


class EventKind(StrEnum):
    PAID = "paid"
    WAITING = "waiting"
    FAILED = "failed"
    EXPIRED = "expired"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    OTHER = "other"  # understood, and of no consequence


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a gateway says has happened; the signature was right.

    `dedupe_key` names the happening, not its delivery: the same in every repetition, another for another status.
    `reference` is our attempt's number, empty when the gateway names only its own `provider_ref`.
    `amount` is what was paid, or what this refund gave back; `refund_ref` the gateway's number of the refund.
    """

    kind: EventKind
    dedupe_key: str
    reference: str = ""
    provider_ref: str = ""
    txn_id: str = ""
    amount: Money | None = None
    refund_ref: str = ""
    occurred_at: datetime | None = None
    live: bool = True


@dataclass(frozen=True, slots=True)
class Webhook:
    """A request to a notify address, exactly as it arrived. Header names in lower case."""

    method: str
    headers: Mapping[str, str]
    query: str
    body: bytes


class Reply(NamedTuple):
    """What a gateway expects to read back."""

    status: int
    body: str
    content_type: str = "text/plain; charset=utf-8"


class PaymentStatus(StrEnum):
    WAITING = "waiting"
    PAID = "paid"
    CLOSED = "closed"  # will not be paid any more
    REFUNDED = "refunded"  # was paid, and all of it given back
    UNKNOWN = "unknown"  # the gateway knows no such payment (yet)


@dataclass(frozen=True, slots=True)
class PaymentState:
    """What a gateway answers about one attempt. `amount` is what was paid, `refunded` what of it was given back.

    `txn_id` is empty where the gateway names no transaction; a report may name it later. `refund_failed` says that it
    could not give the money back.
    """

    status: PaymentStatus
    amount: Money | None = None
    txn_id: str = ""
    provider_ref: str = ""
    paid_at: datetime | None = None
    refunded_minor: int = 0
    refund_failed: bool = False


class RefundStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RefundCall:
    """Money to give back. `idempotency_key` is the same in every try; `total` is what the customer had paid."""

    reference: str
    provider_ref: str
    txn_id: str
    amount: Money
    total: Money
    idempotency_key: str
    reason: str


@dataclass(frozen=True, slots=True)
class RefundState:
    """How a refund stands at the gateway."""

    status: RefundStatus
    refund_ref: str = ""
    detail: str = ""


class Provider(Protocol):
    """One gateway protocol. Every method may raise GatewayError where it calls the gateway."""

    @property
    def name(self) -> str:
        """What accounts of this protocol are stored under."""

    @property
    def label(self) -> str:
        """What operators read."""

    @property
    def options(self) -> Sequence[Option]:
        """What an operator has to say about an account."""

    def capabilities(self, account: Account) -> Capabilities:
        """What this account can do."""

    def check_config(self, account: Account) -> list[str]:
        """What is wrong with the settings, in words for the operator; empty when the account can be used. No calls."""

    def create(self, account: Account, charge: Charge) -> Checkout:
        """Register the charge at the gateway. Safe to repeat with the same charge."""

    def parse_webhook(self, account: Account, webhook: Webhook) -> Sequence[Event]:
        """The events of a genuine message, maybe none. Raises BadSignature or Malformed."""

    def reply(self, account: Account, *, accepted: bool) -> Reply:
        """What to answer: the event is stored (accepted), or the gateway shall try again or give up."""

    def query(self, account: Account, *, reference: str, provider_ref: str) -> PaymentState:
        """How a payment stands, asked of the gateway itself."""

    def refund(self, account: Account, call: RefundCall) -> RefundState:
        """Give money back. Safe to repeat with the same idempotency key."""

    def close(self, account: Account, *, reference: str, provider_ref: str) -> None:
        """Make sure, as far as the gateway can, that nobody pays this any more."""


def normalized_options(values: Mapping[str, Any]) -> dict[str, str]:
    """Options of a form or a row as an adapter takes them: text without blanks around it."""
    return {name: str(value).strip() for name, value in values.items() if value is not None}
