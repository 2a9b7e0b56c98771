"""Prices, wallets, the ledger and usage records. All amounts are integer nano-dollars."""

from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.currencies import CURRENCIES
from billing.pricing import KINDS, Prices, Quote, Usage
from billing.tiers import MAX_PRICE, clean_tiers
from config.kernel.ids import uuid7
from config.kernel.money import PPM

MAX_RATIO_PPM = 1_000 * PPM
UNSUCCESSFUL = ("failed", "abandoned")  # the final statuses that are rare: partial indexes name them
DRAWINGS = ("images",)  # the endpoints of the Drawing log and of the Task log: partial indexes name them, too
TASKS = ("audio.speech", "audio.transcriptions", "embeddings", "moderations", "rerank")
OPTIONAL_PRICES = (
    "cache_read", "cache_write", "cache_write_1h", "reasoning", "audio_input", "audio_output", "image_input",
)  # fmt: skip


class ImmutableRow(Exception):
    """An append-only row was about to be changed or deleted; write a new one instead."""


class AppendOnlyQuerySet(models.QuerySet[Any]):
    """Refuses the bulk paths around `save` and `delete`; the database trigger refuses the rest."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise ImmutableRow(self.model.__name__)

    def delete(self) -> NoReturn:
        raise ImmutableRow(self.model.__name__)


class PriceField(models.BigIntegerField):  # type: ignore[type-arg] # not subscriptable at run time
    """Nano-dollars per million tokens (or per call); $2.50 per million is 2500000000."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("validators", [MinValueValidator(0), MaxValueValidator(MAX_PRICE)])
        super().__init__(*args, **kwargs)


def validate_tiers(value: Any) -> None:
    """`billing.tiers.clean_tiers` as a validator."""
    try:
        clean_tiers(value)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def validate_currency(code: str) -> None:
    """An ISO 4217 code."""
    if code not in CURRENCIES:
        raise ValidationError(_("%(code)s is no currency: write an ISO 4217 code such as USD or CNY.") % {"code": code})


def _not_negative(*names: str) -> Q:
    """Each of these columns is empty or at least 0."""
    condition = Q()
    for name in names:
        condition &= Q(**{name: None}) | Q(**{f"{name}__gte": 0})
    return condition


class PriceColumns(models.Model):
    """The prices that may be left out, and what longer prompts cost."""

    cache_read = PriceField(_("cached input / 1M tokens"), null=True, blank=True, help_text=_("Empty: as input."))
    cache_write = PriceField(_("cache write / 1M tokens"), null=True, blank=True, help_text=_("Empty: as input."))
    cache_write_1h = PriceField(
        _("cache write for 1 h / 1M tokens"), null=True, blank=True, help_text=_("Empty: as cache write.")
    )
    reasoning = PriceField(_("reasoning / 1M tokens"), null=True, blank=True, help_text=_("Empty: as output."))
    audio_input = PriceField(_("audio input / 1M tokens"), null=True, blank=True, help_text=_("Empty: as input."))
    audio_output = PriceField(_("audio output / 1M tokens"), null=True, blank=True, help_text=_("Empty: as output."))
    image_input = PriceField(_("image input / 1M tokens"), null=True, blank=True, help_text=_("Empty: as input."))
    per_call = PriceField(_("per call"), default=0)
    tiers = models.JSONField(
        _("long prompts"),
        default=list,
        blank=True,
        validators=[validate_tiers],
        help_text=_("What the whole call costs once its prompt is longer than so many tokens."),
    )

    class Meta:
        abstract = True

    @property
    def prices(self) -> Prices:
        """The numbers alone, as the pure arithmetic takes them."""
        names = ("input", "output", "per_call", "tiers", *OPTIONAL_PRICES)
        return Prices.from_dict({name: getattr(self, name) for name in names})


class ModelPrice(PriceColumns):
    """What one model costs from a date on. Rows are versions: a change of price is a new row."""

    model = models.CharField(_("model"), max_length=120)
    provider = models.CharField(_("provider"), max_length=40, blank=True)
    tags = models.JSONField(_("capabilities"), default=list, blank=True)
    input = PriceField(_("input / 1M tokens"), default=0)
    output = PriceField(_("output / 1M tokens"), default=0)
    max_output_tokens = models.PositiveIntegerField(
        _("longest answer, tokens"), default=8192, help_text=_("Reserved when a call names no max_tokens.")
    )
    display_currency = models.CharField(
        _("display currency"),
        max_length=3,
        default="USD",
        validators=[validate_currency],
        help_text=_("The currency of the provider's own list. Charges are always made in dollars."),
    )
    effective_from = models.DateTimeField(_("in force from"), default=timezone.now)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("model price")
        verbose_name_plural = _("model prices")
        ordering = ["model", "-effective_from"]
        constraints = [
            models.UniqueConstraint(fields=["model", "effective_from"], name="price_one_per_moment"),
            models.CheckConstraint(
                condition=Q(input__gte=0, output__gte=0, per_call__gte=0)
                & (Q(cache_read=None) | Q(cache_read__gte=0))
                & (Q(cache_write=None) | Q(cache_write__gte=0))
                & (Q(reasoning=None) | Q(reasoning__gte=0)),
                name="price_not_negative",
            ),
            models.CheckConstraint(
                condition=_not_negative("cache_write_1h", "audio_input", "audio_output", "image_input"),
                name="price_parts_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.model


class PriceOverride(PriceColumns):
    """One customer's own terms: a price for a model instead of the list's, or a ratio for a group instead of its own.

    A price of one's own is multiplied by the ratio like any other; what it leaves empty falls back as in the list.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="price_overrides"
    )
    model = models.CharField(_("model"), max_length=120, blank=True)
    input = PriceField(_("input / 1M tokens"), null=True, blank=True)
    output = PriceField(_("output / 1M tokens"), null=True, blank=True)
    group = models.ForeignKey(
        "tokens.Group", verbose_name=_("group"), on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    ratio_ppm = models.BigIntegerField(
        _("group ratio, parts per million"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_RATIO_PPM)],
        help_text=_("280000 is 0.28 of the list prices."),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("customer's own price")
        verbose_name_plural = _("customers' own prices")
        ordering = ["user", "model", "group"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "model"],
                condition=~Q(model=""),
                name="override_one_per_model",
                violation_error_message=_("This customer has a price for this model already."),
            ),
            models.UniqueConstraint(
                fields=["user", "group"],
                condition=Q(group__isnull=False),
                name="override_one_per_group",
                violation_error_message=_("This customer has a ratio for this group already."),
            ),
            models.CheckConstraint(
                condition=(
                    ~Q(model="")
                    & Q(input__isnull=False, output__isnull=False, group__isnull=True, ratio_ppm__isnull=True)
                )
                | Q(model="", group__isnull=False, ratio_ppm__isnull=False),
                name="override_price_or_ratio",
                violation_error_message=_("Give a model with input and output prices, or a group with a ratio."),
            ),
            models.CheckConstraint(
                condition=_not_negative("input", "output", "per_call", *OPTIONAL_PRICES),
                name="override_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(ratio_ppm__isnull=True) | Q(ratio_ppm__gt=0), name="override_ratio_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.model or self.group}"


class Wallet(models.Model):
    """A user's credit account. Changed only by conditional UPDATEs in `ledger` and `holds`."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.PROTECT, related_name="wallet"
    )
    balance = models.BigIntegerField(_("balance"), default=0, editable=False)
    held = models.BigIntegerField(_("held"), default=0, editable=False)
    debt = models.BigIntegerField(
        _("debt"), default=0, db_default=0, editable=False, help_text=_("Credit refunded after it was spent.")
    )
    notify_below = models.BigIntegerField(
        _("notice below"), null=True, editable=False, help_text=_("Empty: no notice when the balance is low.")
    )
    notify_host = models.CharField(  # whose name the notice bears: the site's at which it was asked for
        max_length=253, default="", db_default="", editable=False
    )
    is_notified = models.BooleanField(default=False, db_default=False, editable=False)  # until it is above again

    class Meta:
        verbose_name = _("wallet")
        verbose_name_plural = _("wallets")
        indexes = [models.Index(fields=["user"], condition=Q(notify_below__isnull=False), name="wallet_with_notice")]
        constraints = [
            models.CheckConstraint(condition=Q(held__gte=0), name="wallet_held_not_negative"),
            models.CheckConstraint(condition=Q(balance__gte=F("held")), name="wallet_balance_covers_held"),
            models.CheckConstraint(condition=Q(debt__gte=0), name="wallet_debt_not_negative"),
            models.CheckConstraint(condition=Q(notify_below__gte=1), name="wallet_notice_above_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.user}"

    @property
    def available(self) -> int:
        """What a new request may use."""
        return self.balance - self.held


class LedgerEntry(models.Model):
    """One signed credit movement other than usage (a usage record is its own debit). Append-only."""

    class Kind(models.TextChoices):
        GRANT = "grant", _("Grant")
        TOP_UP = "top_up", _("Top-up")
        BONUS = "bonus", _("Bonus")
        REDEEM = "redeem", _("Redemption code")
        REFUND = "refund", _("Refund")
        ADJUSTMENT = "adjustment", _("Adjustment")
        EXPIRY = "expiry", _("Expiry")

    wallet = models.ForeignKey(Wallet, verbose_name=_("wallet"), on_delete=models.PROTECT, related_name="entries")
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    amount = models.BigIntegerField(_("amount"))
    balance_after = models.BigIntegerField(_("balance after"))
    idempotency_key = models.CharField(_("idempotency key"), max_length=120, unique=True)
    reference = models.CharField(_("reference"), max_length=120, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("by"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="ledger_actions",
    )
    created_at = models.DateTimeField(_("time"), default=timezone.now)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["wallet", "-id"], name="ledger_by_wallet"),
            models.Index(fields=["wallet", "kind", "-id"], name="ledger_by_kind"),
        ]
        constraints = [models.CheckConstraint(condition=~Q(amount=0), name="ledger_amount_not_zero")]

    def __str__(self) -> str:
        return self.idempotency_key

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ImmutableRow(self.idempotency_key)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ImmutableRow(self.idempotency_key)


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


ROLLED_SUMS = ("requests", "succeeded", "input_tokens", "cached_tokens", "output_tokens", "charge")
STREAMED_SUMS = tuple(f"streamed_{name}" for name in ROLLED_SUMS)
COST_SUMS = ("cost", "costed_charge")


class UsageRollup(models.Model):
    """Usage of one hour by account, key, model, group, channel and the day it counts in for the key's caps.

    `listed_as` is the endpoint of drawings and tasks, which have logs of their own, and empty for text.
    Written once an hour has no open request left. `streamed_…` is the part of each sum that was answered as a stream;
    `cost` what the upstreams took, as far as that is known, and `costed_charge` what was charged for those requests.
    """

    hour = models.DateTimeField(_("hour"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    token = models.ForeignKey(
        "tokens.Token", verbose_name=_("token"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    model = models.CharField(_("model"), max_length=120)
    group = models.CharField(_("group"), max_length=40)
    listed_as = models.CharField(_("listed as"), max_length=40, default="")
    channel_id = models.BigIntegerField(_("channel"), null=True)
    counted_on = models.DateField(_("day of its token"), null=True)
    requests = models.BigIntegerField(_("requests"))
    succeeded = models.BigIntegerField(_("succeeded"))
    input_tokens = models.BigIntegerField(_("input tokens"))
    cached_tokens = models.BigIntegerField(_("cached input tokens"))
    output_tokens = models.BigIntegerField(_("output tokens"))
    charge = models.BigIntegerField(_("charge"))
    streamed_requests = models.BigIntegerField(_("requests, streamed"), default=0)
    streamed_succeeded = models.BigIntegerField(_("succeeded, streamed"), default=0)
    streamed_input_tokens = models.BigIntegerField(_("input tokens, streamed"), default=0)
    streamed_cached_tokens = models.BigIntegerField(_("cached input tokens, streamed"), default=0)
    streamed_output_tokens = models.BigIntegerField(_("output tokens, streamed"), default=0)
    streamed_charge = models.BigIntegerField(_("charge, streamed"), default=0)
    cost = models.BigIntegerField(_("cost"), default=0)
    costed_charge = models.BigIntegerField(_("charge with a known cost"), default=0)

    class Meta:
        verbose_name = _("usage of an hour")
        verbose_name_plural = _("usage by hour")
        indexes = [
            # All that pages sum is in the index: a user's rows lie side by side there, but one to a page in the table.
            # Not as keys: filters on several of them then led PostgreSQL to read the whole table.
            models.Index(
                fields=["user", "hour"],
                include=["token", "model", "group", "listed_as", *ROLLED_SUMS, *STREAMED_SUMS],
                name="rollup_of_user",
            ),
            models.Index(fields=["hour"], name="rollup_by_hour"),
            models.Index(fields=["model", "hour"], name="rollup_of_model"),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.model}"


class UsageHour(models.Model):
    """What the roll-ups of one hour add up to over all accounts, for figures of the whole business."""

    hour = models.DateTimeField(primary_key=True)
    charge = models.BigIntegerField()
    cost = models.BigIntegerField()
    costed_charge = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}"


class RollupMark(models.Model):
    """How far the roll-ups reach: every hour before `rolled_until` is rolled up and final."""

    name = models.CharField(max_length=20, primary_key=True)
    rolled_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} until {self.rolled_until}"
