"""Wallets, and every movement of credit that is no usage."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class ImmutableRow(Exception):
    """An append-only row was about to be changed or deleted; write a new one instead."""


class AppendOnlyQuerySet(models.QuerySet[Any]):
    """Refuses the bulk paths around `save` and `delete`; the database trigger refuses the rest."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise ImmutableRow(self.model.__name__)

    def delete(self) -> NoReturn:
        raise ImmutableRow(self.model.__name__)


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
