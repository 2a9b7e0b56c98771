"""Channels: the upstream accounts that requests are relayed to."""

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models import PriceField
from billing.pricing import Prices
from config.kernel.ids import opaque_id
from relay.endpoints import Endpoint
from relay.providers import CUSTOM, PROVIDERS
from tokens.models import Group


def new_channel_key() -> str:
    """The id a channel's secret is sealed to."""
    return opaque_id("chn")


class Switchable(models.Model):
    """Something that staff switch on and off, and that an upstream's refusal switches off."""

    class Status(models.TextChoices):
        ENABLED = "enabled", _("Enabled")
        DISABLED = "disabled", _("Disabled")
        AUTO_DISABLED = "auto_disabled", _("Disabled automatically")

    status = models.CharField(_("status"), max_length=20, choices=Status.choices, default=Status.ENABLED)
    status_reason = models.CharField(_("reason"), max_length=200, blank=True, editable=False)
    status_at = models.DateTimeField(_("since"), null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    def switch(self, status: Status, reason: str = "") -> None:
        """Set and save the status; its reason and moment only say why something was disabled."""
        is_on = status == self.Status.ENABLED
        self.status, self.status_reason = status, "" if is_on else reason[:200]
        self.status_at = None if is_on else timezone.now()
        self.save(update_fields=["status", "status_reason", "status_at"])


class Channel(Switchable):
    """One upstream account: base URL, sealed secret, the models it serves and the groups it serves them in."""

    class OnDisconnect(models.TextChoices):
        CANCEL = "cancel", _("Cancel the request")
        DRAIN = "drain", _("Read the answer to its end")

    public_id = models.CharField(max_length=40, unique=True, default=new_channel_key, editable=False)
    name = models.CharField(_("name"), max_length=80, unique=True)
    provider = models.CharField(_("provider"), max_length=40)
    base_url = models.CharField(_("base URL"), max_length=300, help_text=_("Up to and with /v1."))
    api_version = models.CharField(
        _("API version"),
        max_length=40,
        blank=True,
        validators=[RegexValidator(r"^[\w.-]*\Z")],
        help_text=_("Only where deployments are part of the address, as with Azure. Empty: the provider's."),
    )
    speaks = models.JSONField(
        _("endpoints"), default=list, blank=True, help_text=_("None chosen: those the provider is known to have.")
    )
    body_overrides = models.JSONField(
        _("parameter overrides"),
        default=dict,
        blank=True,
        help_text=_("A JSON object merged into each request; null takes a field away."),
    )
    header_overrides = models.JSONField(
        _("header overrides"), default=dict, blank=True, help_text=_("A JSON object of headers to add.")
    )
    groups = models.ManyToManyField(Group, verbose_name=_("groups"), related_name="channels")
    priority = models.IntegerField(_("priority"), default=0, help_text=_("Higher is tried first."))
    weight = models.PositiveIntegerField(_("weight"), default=1, validators=[MinValueValidator(1)])
    max_concurrent = models.PositiveIntegerField(
        _("requests at once"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Beyond it other channels are taken. Empty: no limit."),
    )
    requests_per_minute = models.PositiveIntegerField(
        _("requests per minute"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Beyond it other channels are taken. Empty: no limit."),
    )
    on_disconnect = models.CharField(
        _("when a caller leaves"),
        max_length=10,
        choices=OnDisconnect.choices,
        default=OnDisconnect.CANCEL,
        help_text=_("Read to the end where the upstream charges for whole answers anyway."),
    )
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

    @property
    def endpoints(self) -> frozenset[Endpoint]:
        """Which endpoints it has: those chosen for it, else its provider's."""
        chosen = frozenset(Endpoint(code) for code in self.speaks if code in set(Endpoint))
        return chosen or PROVIDERS.get(self.provider, PROVIDERS[CUSTOM]).speaks


class ChannelKey(Switchable):
    """One key of a channel's upstream account, sealed to the channel. A channel without any asks for none."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="keys")
    label = models.CharField(_("label"), max_length=80, blank=True)
    sealed = models.BinaryField(editable=False)
    weight = models.PositiveIntegerField(_("weight"), default=1, validators=[MinValueValidator(1)])
    probe_at = models.DateTimeField(null=True, blank=True, editable=False, db_index=True)
    failed_probes = models.PositiveIntegerField(default=0, editable=False)
    told_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("key")
        verbose_name_plural = _("keys")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.label or str(_("key %(number)s")) % {"number": self.pk or "–"}


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


class ModelHour(models.Model):
    """How a model answered in one hour, whichever channel served it. Calls refused for the caller's sake do not count.

    Noted anew every minute until the hour is final; `relay.model_hours` says what counts as a failure.
    """

    hour = models.DateTimeField()
    model = models.CharField(max_length=120)
    answered = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()
    first_byte_ms = models.PositiveIntegerField(null=True)  # the median of the hour's latest answers

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hour", "model"], name="model_hour_once")]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.model}"
