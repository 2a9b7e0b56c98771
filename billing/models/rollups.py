"""Sums of usage by the hour, and how far they reach.

The same requests are summed by several keys: who draws a chart reads as many rows as the chart has parts.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

ROLLED_SUMS = ("requests", "succeeded", "input_tokens", "cached_tokens", "output_tokens", "charge")
STREAMED_SUMS = tuple(f"streamed_{name}" for name in ROLLED_SUMS)
COST_SUMS = ("cost", "costed_charge")


class HourlySums(models.Model):
    """What the requests of one account in one hour add up to: all of them, or those with the same `KEYS`.

    Written once an hour has no open request left. `charge` is nano-dollars; `input_tokens` counts cached ones too.
    """

    KEYS: ClassVar[tuple[str, ...]] = ()

    hour = models.DateTimeField(_("hour"))
    user = models.ForeignKey(  # usage records have the constraints, and all of these are sums of them
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    requests = models.BigIntegerField(_("requests"))
    succeeded = models.BigIntegerField(_("succeeded"))
    input_tokens = models.BigIntegerField(_("input tokens"))
    cached_tokens = models.BigIntegerField(_("cached input tokens"))
    output_tokens = models.BigIntegerField(_("output tokens"))
    charge = models.BigIntegerField(_("charge"))

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return " ".join([f"{self.hour:%Y-%m-%d %H}", *(str(getattr(self, key)) for key in self.KEYS)])


class UserHour(HourlySums):
    """All requests of an account."""

    pk = models.CompositePrimaryKey("hour", "user")

    class Meta:
        indexes = [models.Index(fields=["user", "hour"], include=ROLLED_SUMS, name="hour_of_user")]


class UserModelHour(HourlySums):
    """Those of one model."""

    KEYS = ("model",)

    pk = models.CompositePrimaryKey("hour", "user", "model")
    model = models.CharField(max_length=120)

    class Meta:
        indexes = [models.Index(fields=["user", "hour"], include=["model", *ROLLED_SUMS], name="model_hour_of_user")]


class UserTokenHour(HourlySums):
    """Those of one key."""

    KEYS = ("token_id",)

    pk = models.CompositePrimaryKey("hour", "user", "token")
    token = models.ForeignKey(
        "tokens.Token", on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )

    class Meta:
        indexes = [models.Index(fields=["user", "hour"], include=["token", *ROLLED_SUMS], name="token_hour_of_user")]


class UsageRollup(HourlySums):
    """Those of one key, model, group, channel and day on which the key's caps count them.

    `listed_as` is the endpoint of drawings and tasks, which have logs of their own, and empty for text. `streamed_…` is
    the part of each sum that was answered as a stream; `cost` what the upstreams took, as far as that is known, and
    `costed_charge` what was charged for those requests.
    """

    KEYS = ("token_id", "model", "group", "listed_as", "channel_id", "counted_on")

    token = models.ForeignKey(
        "tokens.Token",
        verbose_name=_("token"),
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    model = models.CharField(_("model"), max_length=120)
    group = models.CharField(_("group"), max_length=40)
    listed_as = models.CharField(_("listed as"), max_length=40, default="")
    channel_id = models.BigIntegerField(_("channel"), null=True)
    counted_on = models.DateField(_("day of its token"), null=True)
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
            models.Index(  # the same for the Drawing and the Task log, whose requests are few
                fields=["user", "hour"],
                include=["token", "model", "group", "listed_as", *ROLLED_SUMS, *STREAMED_SUMS],
                condition=~Q(listed_as=""),
                name="rollup_of_listed",
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
