"""Channels: the upstream accounts that requests are relayed to."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models import PriceField
from billing.pricing import Prices
from config.kernel.ids import opaque_id
from tokens.models import Group


def new_channel_key() -> str:
    """The id a channel's secret is sealed to."""
    return opaque_id("chn")


class Channel(models.Model):
    """One upstream account: base URL, sealed secret, the models it serves and the groups it serves them in."""

    class Status(models.TextChoices):
        ENABLED = "enabled", _("Enabled")
        DISABLED = "disabled", _("Disabled")

    public_id = models.CharField(max_length=40, unique=True, default=new_channel_key, editable=False)
    name = models.CharField(_("name"), max_length=80, unique=True)
    provider = models.CharField(_("provider"), max_length=40)
    base_url = models.CharField(_("base URL"), max_length=300, help_text=_("Up to and with /v1."))
    secret_sealed = models.BinaryField(null=True, editable=False)
    groups = models.ManyToManyField(Group, verbose_name=_("groups"), related_name="channels")
    priority = models.IntegerField(_("priority"), default=0, help_text=_("Higher is tried first."))
    weight = models.PositiveIntegerField(_("weight"), default=1, validators=[MinValueValidator(1)])
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.ENABLED)
    is_sandbox = models.BooleanField(_("sandbox"), default=False, help_text=_("Made-up answers, for trials."))
    tested_at = models.DateTimeField(_("last test"), null=True, blank=True, editable=False)
    test_ok = models.BooleanField(_("last test passed"), null=True, editable=False)
    test_ms = models.PositiveIntegerField(_("last test, ms"), null=True, blank=True, editable=False)
    test_error = models.CharField(_("last test's error"), max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        ordering = ["-priority", "name"]

    def __str__(self) -> str:
        return self.name


class ChannelModel(models.Model):
    """That a channel serves a model, and under which name its upstream knows it."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="channel_models")
    model = models.CharField(_("model"), max_length=120)
    upstream_model = models.CharField(
        _("name at the upstream"), max_length=120, blank=True, help_text=_("Empty: the same.")
    )
    cost_input = PriceField(
        _("cost of input / 1M tokens"), null=True, blank=True, help_text=_("What the upstream takes from you.")
    )
    cost_output = PriceField(_("cost of output / 1M tokens"), null=True, blank=True)
    cost_cache_read = PriceField(
        _("cost of cached input / 1M tokens"), null=True, blank=True, help_text=_("Empty: as input.")
    )

    class Meta:
        verbose_name = _("channel model")
        verbose_name_plural = _("channel models")
        ordering = ["model"]
        constraints = [
            models.UniqueConstraint(fields=["channel", "model"], name="channel_model_once"),
            models.CheckConstraint(
                condition=Q(cost_input=None, cost_output=None, cost_cache_read=None)
                | Q(cost_input__gte=0, cost_output__gte=0) & (Q(cost_cache_read=None) | Q(cost_cache_read__gte=0)),
                name="channel_model_cost",
                violation_error_message=_("Give the costs of input and output both, or none."),
            ),
        ]

    def __str__(self) -> str:
        return self.model

    @property
    def cost(self) -> Prices | None:
        """What the upstream takes, None where nobody said."""
        if self.cost_input is None or self.cost_output is None:
            return None
        return Prices.of(input=self.cost_input, output=self.cost_output, cache_read=self.cost_cache_read)
