"""Orders and their whole life, coupon uses and deliveries."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models import AppendOnlyQuerySet, ImmutableRow
from orders.models.catalogue import Coupon, Package


class Order(models.Model):
    """One purchase. Its terms are copied from the package when it is made; `orders.states` says how it may move."""

    class Kind(models.TextChoices):
        PURCHASE = "BUY", _("First purchase")
        TOP_UP = "TOP", _("Top-up")

    class Status(models.TextChoices):
        PENDING = "pending", _("Awaiting payment")
        PAID = "paid", _("Paid")
        DELIVERED = "delivered", _("Delivered")
        CREDITED = "credited", _("Credited")
        CANCELLED = "cancelled", _("Cancelled")
        EXPIRED = "expired", _("Expired")
        REVIEW = "review", _("In review")
        REFUND_PENDING = "refund_pending", _("Refund under way")
        PARTIALLY_REFUNDED = "partially_refunded", _("Partially refunded")
        REFUNDED = "refunded", _("Refunded")

    number = models.CharField(_("number"), max_length=32, unique=True)
    kind = models.CharField(_("kind"), max_length=3, choices=Kind.choices)
    status = models.CharField(_("status"), max_length=20, choices=Status.choices, default=Status.PENDING)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("account"),
        on_delete=models.PROTECT,
        null=True,
        related_name="orders",
        help_text=_("Who is credited. Of a first purchase without sign-in: known once it is paid."),
    )
    contact_email = models.EmailField(_("e-mail"), max_length=254)
    token = models.ForeignKey(
        "tokens.Token", verbose_name=_("key to top up"), on_delete=models.PROTECT, null=True, related_name="+"
    )
    package = models.ForeignKey(Package, verbose_name=_("package"), on_delete=models.PROTECT, related_name="orders")
    package_code = models.CharField(_("package code"), max_length=40)
    package_name = models.CharField(_("package name"), max_length=80)
    group = models.ForeignKey("tokens.Group", on_delete=models.PROTECT, null=True, related_name="+")
    valid_days = models.PositiveIntegerField(null=True)
    currency = models.CharField(_("currency"), max_length=3)
    price_minor = models.PositiveBigIntegerField(_("list price"))
    discount_minor = models.PositiveBigIntegerField(_("discount"), default=0)
    amount_minor = models.PositiveBigIntegerField(_("amount"))
    coupon = models.ForeignKey(
        Coupon, verbose_name=_("coupon"), on_delete=models.PROTECT, null=True, related_name="orders"
    )
    base_credit = models.BigIntegerField(_("credit"))
    bonus_credit = models.BigIntegerField(_("bonus"), default=0)
    refunded_minor = models.PositiveBigIntegerField(_("refunded"), default=0)
    is_disputed = models.BooleanField(_("disputed"), default=False)
    review_reason = models.CharField(_("why in review"), max_length=200, blank=True)
    source_page = models.CharField(max_length=80, blank=True)
    language = models.CharField(max_length=16, blank=True)
    host = models.CharField(max_length=253, blank=True)  # of a site, for names and addresses; empty: the settings'
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    expires_at = models.DateTimeField(_("payable until"))
    paid_at = models.DateTimeField(_("paid at"), null=True)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["user", "-id"], name="order_by_user"),
            models.Index(fields=["contact_email", "-id"], name="order_by_email"),
            models.Index(fields=["expires_at"], condition=Q(status="pending"), name="order_pending_expiry"),
            models.Index(fields=["status", "-id"], name="order_by_status"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(price_minor=models.F("amount_minor") + models.F("discount_minor")), name="order_adds_up"
            ),
            models.CheckConstraint(
                condition=Q(base_credit__gte=1, bonus_credit__gte=0), name="order_credit_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(refunded_minor__lte=models.F("amount_minor")), name="order_refund_within_amount"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def credit(self) -> int:
        """Base and bonus, in nano-dollars."""
        return self.base_credit + self.bonus_credit


class OrderEvent(models.Model):
    """What happened to an order, in order: each change of status, and what else an operator wants to read later."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="events")
    what = models.CharField(_("what"), max_length=40)
    from_status = models.CharField(max_length=20, blank=True)
    to_status = models.CharField(max_length=20, blank=True)
    note = models.CharField(_("note"), max_length=300, blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(_("time"), default=timezone.now)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        verbose_name = _("order event")
        verbose_name_plural = _("order events")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.what}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ImmutableRow("order event")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ImmutableRow("order event")


class CouponUse(models.Model):
    """A coupon on an order: reserved with the order, used with its payment, released when it ends unpaid."""

    class State(models.TextChoices):
        RESERVED = "reserved", _("Reserved")
        USED = "used", _("Used")
        RELEASED = "released", _("Released")

    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="coupon_use")
    coupon = models.ForeignKey(Coupon, on_delete=models.PROTECT, related_name="+")
    customer = models.CharField(max_length=254)  # the e-mail in lower case
    state = models.CharField(max_length=10, choices=State.choices, default=State.RESERVED)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["coupon", "customer"], name="coupon_use_by_customer")]

    def __str__(self) -> str:
        return f"{self.coupon_id} on {self.order_id}"


class Delivery(models.Model):
    """The message about a paid order, and the key of a first purchase. Written with the payment, sent afterwards.

    `key_sealed` is kept until the buyer has seen the key or the link has run out.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")

    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="delivery")
    token = models.OneToOneField("tokens.Token", on_delete=models.PROTECT, null=True, related_name="delivery")
    key_sealed = models.BinaryField(null=True, editable=False)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    tries = models.PositiveIntegerField(_("tries"), default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    last_error = models.CharField(_("last error"), max_length=200, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True)
    shown_at = models.DateTimeField(_("shown on the pay page"), null=True)
    revealed_at = models.DateTimeField(_("link opened"), null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        indexes = [models.Index(fields=["next_try_at"], condition=~Q(state="sent"), name="delivery_due")]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.state}"
