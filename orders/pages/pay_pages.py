"""What a pay page shows: one order, where it stands, and what the buyer can do next."""

from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from orders.attention import overpaid
from orders.clock import database_now
from orders.delivering import LINK_LIFE, is_showable
from orders.models import Delivery, Order, PaymentAttempt, ProviderAccount
from orders.payments.accounts import payable_with
from orders.providers.base import Money
from orders.qr import qr_svg


class Stage(StrEnum):
    """What the page is about."""

    CHOOSE = "choose"  # a way to pay
    PAY = "pay"
    ENDING = "ending"  # the time is over, the gateway is asked once more
    DELIVERING = "delivering"
    DONE = "done"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REVIEW = "review"
    REFUNDING = "refunding"
    REFUNDED = "refunded"


_STAGES = {
    Order.Status.PAID: Stage.DELIVERING,
    Order.Status.DELIVERED: Stage.DONE,
    Order.Status.CREDITED: Stage.DONE,
    Order.Status.CANCELLED: Stage.CANCELLED,
    Order.Status.EXPIRED: Stage.EXPIRED,
    Order.Status.REVIEW: Stage.REVIEW,
    Order.Status.REFUND_PENDING: Stage.REFUNDING,
    Order.Status.PARTIALLY_REFUNDED: Stage.REFUNDED,
    Order.Status.REFUNDED: Stage.REFUNDED,
}
CHANGING = (  # an expired one too: who pays in the last second is still credited
    Stage.CHOOSE,
    Stage.PAY,
    Stage.ENDING,
    Stage.EXPIRED,
    Stage.DELIVERING,
    Stage.REVIEW,
    Stage.REFUNDING,
)
_STEPS = {Stage.CHOOSE: 2, Stage.PAY: 2, Stage.ENDING: 2, Stage.REVIEW: 2, Stage.DELIVERING: 3, Stage.DONE: 4}
WAITING = (Stage.PAY, Stage.ENDING, Stage.DELIVERING)
_OPEN = PaymentAttempt.State.OPEN


@dataclass(frozen=True, slots=True)
class PayPage:
    """An order as its buyer sees it. `attempt` is the open one, of the provider that was chosen last."""

    order: Order
    stage: Stage
    attempt: PaymentAttempt | None
    delivery: Delivery | None
    can_show_key: bool
    is_paid_twice: bool = False
    providers: list[ProviderAccount] = field(default_factory=list)

    @property
    def is_changing(self) -> bool:
        """Whether the page should look for news by itself."""
        return self.stage in CHANGING or self.is_mail_on_its_way

    @property
    def is_waiting(self) -> bool:
        """Whether they are expected within seconds."""
        return self.stage in WAITING or self.is_mail_on_its_way

    @property
    def is_mail_on_its_way(self) -> bool:
        return self.delivery is not None and self.delivery.state == Delivery.State.WAITING

    @property
    def step(self) -> int:
        """Of ordering (1), paying (2) and receiving (3): where the buyer is; 0 where no more steps follow."""
        return _STEPS.get(self.stage, 0)

    @property
    def is_purchase(self) -> bool:
        return self.order.kind == Order.Kind.PURCHASE

    @property
    def template(self) -> str:
        """What the page says at this stage."""
        return f"orders/pay/{self.stage}.html"

    @property
    def key_can_be_opened_until(self) -> datetime | None:
        """How long the link in the mail shows the key; None when it does not any more."""
        delivery = self.delivery
        if delivery is None or delivery.revealed_at is not None or delivery.key_sealed is None:
            return None
        return delivery.created_at + LINK_LIFE

    @property
    def instructions(self) -> str:
        """How to pay past any gateway; empty where there is a page to open."""
        return str(self.attempt.account.options.get("instructions", "")) if self.attempt else ""

    @property
    def qr_picture(self) -> str:
        """The address of a code to scan: the gateway's own picture, or the drawing of its text; empty without one."""
        attempt = self.attempt
        if attempt is None or not attempt.qrcode or attempt.qrcode_is_image:
            return attempt.qrcode if attempt else ""
        return "data:image/svg+xml;base64," + b64encode(qr_svg(attempt.qrcode)).decode()

    @property
    def version(self) -> str:
        """Changes when the page would look different."""
        attempt, delivery = self.attempt, self.delivery
        seen = [self.order.status, self.order.refunded_minor, self.stage, self.can_show_key, self.is_paid_twice]
        seen += [attempt.pk, attempt.expires_at] if attempt else []
        seen += [delivery.state, delivery.shown_at, delivery.revealed_at] if delivery else []
        return sha256(repr(seen).encode()).hexdigest()[:16]


def pay_page_of(order: Order, *, slug: str = "") -> PayPage:
    """The page of an order; `slug` names the provider that the buyer has chosen."""
    now = database_now()
    attempt = _open_attempt(order, slug, now)
    stage = _stage(order, attempt, now)
    delivery = Delivery.objects.filter(order=order).select_related("token__group", "token__user").first()
    return PayPage(
        order=order,
        stage=stage,
        attempt=attempt if stage is Stage.PAY else None,
        delivery=delivery,
        can_show_key=delivery is not None and delivery.token_id is not None and is_showable(order),
        is_paid_twice=stage is Stage.DONE and overpaid().filter(order=order).exists(),
        providers=_providers(order) if stage in (Stage.CHOOSE, Stage.PAY) else [],
    )


def _open_attempt(order: Order, slug: str, now: datetime) -> PaymentAttempt | None:
    """The open attempt with that provider, or the latest."""
    rows = order.attempts.filter(state=_OPEN, expires_at__gt=now).select_related("account").order_by("-id")
    attempts = list(rows)
    return next((row for row in attempts if row.account.slug == slug), None) or next(iter(attempts), None)


def _stage(order: Order, attempt: PaymentAttempt | None, now: datetime) -> Stage:
    if order.status != Order.Status.PENDING:
        return _STAGES[Order.Status(order.status)]
    if order.expires_at <= now:
        return Stage.ENDING
    return Stage.PAY if attempt else Stage.CHOOSE


def _providers(order: Order) -> list[ProviderAccount]:
    return payable_with(Money(order.amount_minor, order.currency)) if order.amount_minor else []


def unfinished_attempt(order: Order) -> PaymentAttempt | None:
    """The attempt to ask the gateway about."""
    waiting = order.attempts.filter(state__in=[PaymentAttempt.State.CREATED, _OPEN], next_poll_at__isnull=False)
    return waiting.select_related("order", "account").first()
