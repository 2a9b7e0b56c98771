"""What is for sale."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Package(models.Model):
    """An offer: a price in a currency's minor units for an amount of quota. Orders copy its terms."""

    class Kind(models.TextChoices):
        TOP_UP = "top_up", _("Top-up")
        FIRST_PURCHASE = "first_purchase", _("First purchase")

    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    price_minor = models.PositiveBigIntegerField(_("price in minor units"))
    base_quota = models.PositiveBigIntegerField(_("base quota"))
    bonus_quota = models.PositiveBigIntegerField(_("bonus quota"), default=0)
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
