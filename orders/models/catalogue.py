"""What is for sale, and what makes it cheaper."""

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

MAX_PRICE_MINOR = 10**11
MAX_QUOTA = 10**14  # with 500 000 quota to the dollar: 200 million dollars, far inside a 64-bit sum of nano-dollars
BPS = 10_000  # basis points in a whole


class Package(models.Model):
    """An offer: a price in a currency's minor units for an amount of quota. Orders copy its terms."""

    class Kind(models.TextChoices):
        TOP_UP = "top_up", _("Top-up")
        FIRST_PURCHASE = "first_purchase", _("First purchase")

    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    price_minor = models.PositiveBigIntegerField(
        _("price in minor units"),
        validators=[MaxValueValidator(MAX_PRICE_MINOR)],
        help_text=_("Cents or fen: 2000 is ¥20.00."),
    )
    base_quota = models.PositiveBigIntegerField(_("base quota"), validators=[MaxValueValidator(MAX_QUOTA)])
    bonus_quota = models.PositiveBigIntegerField(_("bonus quota"), default=0, validators=[MaxValueValidator(MAX_QUOTA)])
    group = models.ForeignKey(
        "tokens.Group",
        verbose_name=_("group of the delivered key"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("First purchases only. Empty: the default group."),
    )
    valid_days = models.PositiveIntegerField(
        _("days the delivered key works"), null=True, blank=True, help_text=_("First purchases only. Empty: for ever.")
    )
    per_customer = models.PositiveIntegerField(
        _("orders per customer"), null=True, blank=True, help_text=_("Empty: as many as wanted.")
    )
    is_active = models.BooleanField(_("on sale"), default=True)
    sort_order = models.IntegerField(_("sort order"), default=100)

    class Meta:
        verbose_name = _("package")
        verbose_name_plural = _("packages")
        ordering = ["sort_order", "price_minor"]
        constraints = [models.CheckConstraint(condition=Q(base_quota__gte=1), name="package_has_quota")]

    def __str__(self) -> str:
        return self.name

    @property
    def quota(self) -> int:
        """What the buyer receives, bonus included, in quota units."""
        return self.base_quota + self.bonus_quota

    @property
    def public_id(self) -> str:
        """The opaque id of the site API: `pkg_12`."""
        return f"pkg_{self.pk}"


class Coupon(models.Model):
    """Takes a part or an amount off an order's price. `uses` counts reserved and used ones, by conditional UPDATE."""

    class Kind(models.TextChoices):
        PERCENT = "percent", _("Percentage")
        FIXED = "fixed", _("Amount")

    code = models.CharField(
        _("code"),
        max_length=40,
        unique=True,
        validators=[RegexValidator(r"^[A-Z0-9_-]{3,40}$", _("3 to 40 capital letters, digits, - and _."))],
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.PERCENT)
    off_bps = models.PositiveIntegerField(
        _("off, basis points"),
        default=0,
        validators=[MaxValueValidator(BPS)],
        help_text=_("Of a percentage: 1000 is 10 % off."),
    )
    off_minor = models.PositiveBigIntegerField(
        _("off, minor units"), default=0, help_text=_("Of an amount: 500 is ¥5.00 off.")
    )
    currency = models.CharField(_("currency"), max_length=3, default="CNY", help_text=_("Of the orders it applies to."))
    starts_at = models.DateTimeField(_("from"), default=timezone.now)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    max_uses = models.PositiveIntegerField(
        _("uses in all"), null=True, blank=True, validators=[MinValueValidator(1)], help_text=_("Empty: any number.")
    )
    per_customer = models.PositiveIntegerField(
        _("uses per customer"), null=True, blank=True, default=1, validators=[MinValueValidator(1)]
    )
    packages = models.ManyToManyField(
        Package, verbose_name=_("packages"), blank=True, help_text=_("None chosen: every package.")
    )
    uses = models.PositiveIntegerField(_("used or reserved"), default=0, editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("coupon")
        verbose_name_plural = _("coupons")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="percent", off_bps__gte=1, off_bps__lte=BPS) | Q(kind="fixed", off_minor__gte=1),
                name="coupon_takes_something_off",
                violation_error_message=_("Say how much it takes off."),
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")), name="coupon_window_in_order"
            ),
        ]

    def __str__(self) -> str:
        return self.code
