"""How orders are paid: accounts at gateways, attempts, payments, what gateways said, refunds, statements."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.kernel.ids import opaque_id
from orders.models.sales import Order


def new_account_id() -> str:
    """`pay_…`: what the secrets of an account are sealed to."""
    return opaque_id("pay")


class ProviderAccount(models.Model):
    """One account at one gateway. Several may speak the same protocol, each with its own address for notifications."""

    public_id = models.CharField(max_length=40, unique=True, default=new_account_id, editable=False)
    slug = models.CharField(
        _("short name"),
        max_length=40,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9-]{2,40}$", _("Small letters, digits and hyphens."))],
        help_text=_("Part of the address for notifications, and the provider's name in the site API."),
    )
    provider = models.CharField(_("provider"), max_length=20)
    name = models.CharField(_("name shown to buyers"), max_length=60)
    options = models.JSONField(_("options"), default=dict, blank=True)
    secrets_sealed = models.BinaryField(null=True, editable=False)
    rotated_at = models.DateTimeField(_("secrets replaced"), null=True, editable=False)
    is_enabled = models.BooleanField(_("offered to buyers"), default=True)
    is_live = models.BooleanField(_("real money"), default=True, help_text=_("Unset for a gateway's test account."))
    sort_order = models.IntegerField(_("sort order"), default=100)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("payment account")
        verbose_name_plural = _("payment accounts")
        ordering = ["sort_order", "id"]

    def __str__(self) -> str:
        return self.name


class PaymentAttempt(models.Model):
    """One charge at one gateway for an order; `number` is all that the gateway knows it by."""

    class State(models.TextChoices):
        CREATED = "created", _("Being set up")
        OPEN = "open", _("Awaiting payment")
        SUCCEEDED = "succeeded", _("Paid")
        FAILED = "failed", _("Failed")
        EXPIRED = "expired", _("Expired")
        CLOSED = "closed", _("Closed")

    number = models.CharField(_("number"), max_length=32, unique=True)
    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="attempts")
    account = models.ForeignKey(
        ProviderAccount, verbose_name=_("payment account"), on_delete=models.PROTECT, related_name="attempts"
    )
    amount_minor = models.PositiveBigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.CREATED)
    provider_ref = models.CharField(_("gateway's number"), max_length=200, blank=True)
    checkout_url = models.CharField(max_length=2000, blank=True)
    qrcode = models.CharField(max_length=2000, blank=True)
    qrcode_is_image = models.BooleanField(default=False)
    error = models.CharField(_("error"), max_length=300, blank=True)
    polls = models.PositiveIntegerField(default=0)
    next_poll_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("payment attempt")
        verbose_name_plural = _("payment attempts")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["next_poll_at"], condition=Q(next_poll_at__isnull=False), name="attempt_due"),
            models.Index(fields=["account", "provider_ref"], name="attempt_by_provider_ref"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["order", "account"], condition=Q(state__in=["created", "open"]), name="attempt_one_open"
            ),
        ]

    def __str__(self) -> str:
        return self.number


class Payment(models.Model):
    """Money that a gateway says has arrived. Once per transaction of the gateway; one accepted payment an order."""

    class State(models.TextChoices):
        ACCEPTED = "accepted", _("Accepted")
        OVERPAID = "overpaid", _("Paid again")
        MISMATCH = "mismatch", _("Wrong amount")
        LATE = "late", _("Too late")

    account = models.ForeignKey(
        ProviderAccount, verbose_name=_("payment account"), on_delete=models.PROTECT, related_name="payments"
    )
    txn_id = models.CharField(_("transaction"), max_length=200)
    attempt = models.ForeignKey(PaymentAttempt, on_delete=models.PROTECT, related_name="payments")
    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="payments")
    amount_minor = models.PositiveBigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    refunded_minor = models.PositiveBigIntegerField(_("refunded"), default=0)
    paid_at = models.DateTimeField(_("paid at"))
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["account", "paid_at"], name="payment_by_day"),
            models.Index(fields=["order"], condition=~Q(state="accepted"), name="payment_unexpected"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["account", "txn_id"], name="payment_once_per_transaction"),
            models.UniqueConstraint(fields=["order"], condition=Q(state="accepted"), name="payment_one_accepted"),
            models.CheckConstraint(
                condition=Q(refunded_minor__lte=models.F("amount_minor")), name="payment_refund_within_amount"
            ),
        ]

    def __str__(self) -> str:
        return self.txn_id


class WebhookEvent(models.Model):
    """What a gateway reported with a right signature, once. Stored before the gateway is answered, done later."""

    class State(models.TextChoices):
        NEW = "new", _("Waiting")
        DONE = "done", _("Done")
        IGNORED = "ignored", _("Of no consequence")
        ORPHAN = "orphan", _("No such order")
        REVIEW = "review", _("In review")

    account = models.ForeignKey(
        ProviderAccount, verbose_name=_("payment account"), on_delete=models.PROTECT, related_name="events"
    )
    dedupe_key = models.CharField(max_length=200)
    kind = models.CharField(_("kind"), max_length=20)
    reference = models.CharField(_("attempt"), max_length=64, blank=True)
    provider_ref = models.CharField(max_length=200, blank=True)
    txn_id = models.CharField(_("transaction"), max_length=200, blank=True)
    refund_ref = models.CharField(max_length=200, blank=True)
    amount_minor = models.BigIntegerField(_("amount"), null=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    is_live = models.BooleanField(default=True)
    occurred_at = models.DateTimeField(null=True)
    body_sha256 = models.CharField(max_length=64)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.NEW)
    tries = models.PositiveIntegerField(_("tries"), default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    note = models.CharField(_("note"), max_length=300, blank=True)
    received_at = models.DateTimeField(_("received"), default=timezone.now)
    done_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("gateway message")
        verbose_name_plural = _("gateway messages")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(state="new"), name="webhook_due"),
            models.Index(fields=["state", "-id"], name="webhook_by_state"),
            # How the messages about one order are found: each names it by one of these.
            models.Index(fields=["reference"], condition=~Q(reference=""), name="webhook_by_reference"),
            models.Index(fields=["provider_ref"], condition=~Q(provider_ref=""), name="webhook_by_provider_ref"),
            models.Index(fields=["txn_id"], condition=~Q(txn_id=""), name="webhook_by_txn_id"),
        ]
        constraints = [models.UniqueConstraint(fields=["account", "dedupe_key"], name="webhook_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference or self.provider_ref}"


class Refund(models.Model):
    """Money given back for a payment, and the credit that is taken back for it.

    `credit` is what the refund claws back in nano-dollars: `taken` of it was there, the rest became debt.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", _("Requested")
        PENDING = "pending", _("Under way at the gateway")
        SUCCEEDED = "succeeded", _("Paid back")
        FAILED = "failed", _("Failed")

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="refunds")
    payment = models.ForeignKey(Payment, verbose_name=_("payment"), on_delete=models.PROTECT, related_name="refunds")
    amount_minor = models.PositiveBigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    credit = models.BigIntegerField(_("credit taken back"), default=0)
    idempotency_key = models.CharField(max_length=120, unique=True)
    refund_ref = models.CharField(_("gateway's number"), max_length=200, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.REQUESTED)
    is_by_hand = models.BooleanField(_("paid back by hand"), default=False)
    is_dispute = models.BooleanField(_("by a dispute"), default=False, help_text=_("Taken by the gateway, not given."))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    error = models.CharField(_("error"), max_length=300, blank=True)
    tries = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    done_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["next_try_at"], condition=Q(state__in=["requested", "pending"]), name="refund_unfinished"
            )
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gte=1, credit__gte=0), name="refund_not_negative"),
            # The order's status says that one is under way; this sees to it that it is one.
            models.UniqueConstraint(
                fields=["payment"], condition=Q(state__in=["requested", "pending"]), name="refund_one_unfinished"
            ),
        ]

    def __str__(self) -> str:
        return self.idempotency_key


class Statement(models.Model):
    """One account's payments of one day held against what its gateway says: what an operator reads in the morning."""

    account = models.ForeignKey(
        ProviderAccount, verbose_name=_("payment account"), on_delete=models.PROTECT, related_name="statements"
    )
    day = models.DateField(_("day (UTC)"))
    checked = models.PositiveIntegerField(_("compared"), default=0)
    unanswered = models.PositiveIntegerField(_("not answered"), default=0)
    differences = models.JSONField(_("differences"), default=list)
    created_at = models.DateTimeField(_("made"), default=timezone.now)

    class Meta:
        verbose_name = _("reconciliation")
        verbose_name_plural = _("reconciliations")
        ordering = ["-day", "account"]
        constraints = [models.UniqueConstraint(fields=["account", "day"], name="statement_once_a_day")]

    def __str__(self) -> str:
        return f"{self.account} {self.day}"
