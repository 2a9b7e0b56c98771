"""Redemption codes: credit sold or given away on paper, made in batches."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from orders.models.catalogue import MAX_QUOTA

MAX_CODES = 10_000


class CodeBatch(models.Model):
    """Codes of the same worth, made at once."""

    name = models.CharField(_("name"), max_length=80)
    quota = models.PositiveBigIntegerField(
        _("quota of each code"), validators=[MinValueValidator(1), MaxValueValidator(MAX_QUOTA)]
    )
    count = models.PositiveIntegerField(
        _("number of codes"), validators=[MinValueValidator(1), MaxValueValidator(MAX_CODES)]
    )
    expires_at = models.DateTimeField(_("redeemable until"), null=True, blank=True)
    per_customer = models.PositiveIntegerField(
        _("codes per customer"), null=True, blank=True, help_text=_("Of this batch. Empty: any number.")
    )
    is_active = models.BooleanField(_("redeemable"), default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("created by"),
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("batch of codes")
        verbose_name_plural = _("batches of codes")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name


class RedemptionCode(models.Model):
    """One code: found by its keyed hash, exported from its sealed copy, redeemed once by conditional UPDATE."""

    batch = models.ForeignKey(CodeBatch, verbose_name=_("batch"), on_delete=models.PROTECT, related_name="codes")
    code_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    code_sealed = models.BinaryField(editable=False)
    tail = models.CharField(_("ends in"), max_length=4, editable=False)
    redeemed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("redeemed by"), on_delete=models.PROTECT, null=True, related_name="+"
    )
    redeemed_at = models.DateTimeField(_("redeemed"), null=True)

    class Meta:
        verbose_name = _("redemption code")
        verbose_name_plural = _("redemption codes")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(redeemed_by=None, redeemed_at=None)
                | Q(redeemed_by__isnull=False, redeemed_at__isnull=False),
                name="code_redeemed_by_somebody",
            )
        ]

    def __str__(self) -> str:
        return f"…{self.tail}"
