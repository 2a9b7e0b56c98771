"""Relayed requests, each with its hold and its charge."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.models.prices import ModelPrice
from billing.pricing import KINDS, Prices, Quote, Usage
from config.kernel.ids import uuid7

UNSUCCESSFUL = ("failed", "abandoned")  # the final statuses that are rare: partial indexes name them
DRAWINGS = ("images",)  # the endpoints of the Drawing log and of the Task log: partial indexes name them, too
TASKS = ("audio.speech", "audio.transcriptions", "embeddings", "moderations", "rerank")


class UsageRecord(models.Model):
    """One relayed request and its whole life: inserted `open` with its hold, moved once to a final status.

    The primary key is a UUIDv7: request id, sort key and time in one. The row keeps the prices, the ratio and the
    counts it was charged by, so that anyone can recompute the charge from it alone.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("Running")
        SETTLED = "settled", _("Completed")
        FAILED = "failed", _("Failed")
        ABANDONED = "abandoned", _("Interrupted")

    class EndReason(models.TextChoices):
        COMPLETED = "completed", _("Answer complete")
        CLIENT_GONE = "client_gone", _("The caller left")
        UPSTREAM_ERROR = "upstream_error", _("Upstream error")
        UPSTREAM_TIMEOUT = "upstream_timeout", _("Upstream time-out")
        TRUNCATED = "truncated", _("Upstream ended early")
        REJECTED = "rejected", _("Refused by the upstream")
        REVOKED = "revoked", _("Key revoked")
        SHUTDOWN = "shutdown", _("Server restarted")
        CRASHED = "crashed", _("Server crashed")
        INTERNAL_ERROR = "internal_error", _("Internal error")

    class Rule(models.TextChoices):
        REPORTED = "reported", _("Charged by the upstream's token counts")
        DELIVERED = "delivered", _("Charged for the text delivered, counted here")
        PROMPT = "prompt", _("Charged for the prompt: the key's calls were left too often before an answer")
        NOTHING = "nothing", _("Nothing delivered, nothing charged")

    id = models.UUIDField(_("request id"), primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    token = models.ForeignKey(
        "tokens.Token", verbose_name=_("token"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    token_name = models.CharField(_("token"), max_length=80)
    group = models.CharField(_("group"), max_length=40)
    endpoint = models.CharField(_("endpoint"), max_length=40)
    is_stream = models.BooleanField(_("streamed"))
    model = models.CharField(_("model"), max_length=120)
    price = models.ForeignKey(ModelPrice, on_delete=models.PROTECT, related_name="+", db_index=False)
    prices = models.JSONField()
    ratio_ppm = models.BigIntegerField()
    channel_id = models.BigIntegerField(null=True)
    channel_name = models.CharField(_("channel"), max_length=80, blank=True)
    attempts = models.JSONField(_("attempts"), default=list)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.OPEN)
    hold = models.BigIntegerField()
    charge = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(_("input tokens"), null=True)
    cache_read_tokens = models.BigIntegerField(_("cached input tokens"), null=True)
    cache_write_tokens = models.BigIntegerField(_("cache write tokens"), null=True)
    output_tokens = models.BigIntegerField(_("output tokens"), null=True)
    reasoning_tokens = models.BigIntegerField(_("reasoning tokens"), null=True)
    cache_write_1h_tokens = models.BigIntegerField(_("cache write tokens, one hour"), null=True)
    audio_input_tokens = models.BigIntegerField(_("audio input tokens"), null=True)
    audio_output_tokens = models.BigIntegerField(_("audio output tokens"), null=True)
    image_input_tokens = models.BigIntegerField(_("image input tokens"), null=True)
    cost = models.BigIntegerField(_("cost"), null=True)
    end_reason = models.CharField(_("end"), max_length=20, choices=EndReason.choices, blank=True)
    rule = models.CharField(_("billing rule"), max_length=12, choices=Rule.choices, blank=True)
    is_suspect = models.BooleanField(_("suspect"), default=False)
    http_status = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    error_code = models.CharField(_("error code"), max_length=60, blank=True)
    first_byte_ms = models.PositiveIntegerField(_("first byte, ms"), null=True)
    total_ms = models.PositiveIntegerField(_("total, ms"), null=True)
    created_at = models.DateTimeField(_("time"))
    counted_on = models.DateField(null=True)  # the day of its token that the hold and the charge count in
    settled_at = models.DateTimeField(_("settled"), null=True)
    lease_until = models.DateTimeField(_("lease until"))

    class Meta:
        verbose_name = _("usage record")
        verbose_name_plural = _("usage records")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["user", "-id"], name="usage_by_user"),
            models.Index(fields=["token", "-id"], name="usage_by_token"),
            models.Index(fields=["lease_until"], condition=Q(status="open"), name="usage_open_lease"),
            models.Index(fields=["user", "-id"], condition=Q(endpoint__in=DRAWINGS), name="usage_drawings"),
            models.Index(fields=["user", "-id"], condition=Q(endpoint__in=TASKS), name="usage_tasks"),
            # All that pages sum, as in `rollup_of_user`: these rows lie far apart in the table.
            models.Index(
                fields=[
                    "user",
                    "status",
                    "-id",
                    "created_at",
                    "token",
                    "model",
                    "group",
                    "is_stream",
                    "endpoint",
                    "charge",
                    *(f"{kind}_tokens" for kind in KINDS),
                ],
                condition=Q(status__in=UNSUCCESSFUL),
                name="usage_unsuccessful_sums",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(charge__gte=0, hold__gte=F("charge")), name="usage_charge_within_hold"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def quote(self) -> Quote:
        """The frozen terms of this request, rebuilt from the row alone."""
        return Quote(price_id=self.price_id, prices=Prices.from_dict(self.prices), ratio_ppm=self.ratio_ppm)

    @property
    def usage(self) -> Usage:
        """The counts of this request, as far as somebody said them."""
        return Usage(**{kind: getattr(self, f"{kind}_tokens") for kind in KINDS})
