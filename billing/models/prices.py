"""What models cost, and what single customers pay instead."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.currencies import CURRENCIES
from billing.pricing import Prices
from billing.tiers import MAX_PRICE, clean_tiers
from config.kernel.money import PPM

MAX_RATIO_PPM = 1_000 * PPM
OPTIONAL_PRICES = (
    "cache_read", "cache_write", "cache_write_1h", "reasoning", "audio_input", "audio_output", "image_input",
)  # fmt: skip


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
