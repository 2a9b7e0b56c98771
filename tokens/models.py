"""Price groups and API keys."""

import re

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, URLValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from config.kernel.ids import opaque_id
from config.kernel.money import PPM, format_ratio
from tokens.logos import clean_logo

MAX_RATIO_PPM = 1_000 * PPM


def new_token_id() -> str:
    """`key_…`, the id that people and the site API see."""
    return opaque_id("key")


class Group(models.Model):
    """A price and channel class a token runs in; `auto` takes the cheapest group that serves the model."""

    code = models.CharField(_("code"), max_length=40, unique=True)
    description = models.CharField(_("description"), max_length=200, blank=True)
    description_zh = models.CharField(_("description (Chinese)"), max_length=200, blank=True)
    ratio_ppm = models.PositiveBigIntegerField(
        _("ratio (parts per million)"),
        default=PPM,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_RATIO_PPM)],
        help_text=_("Exact multiplier on list prices: 280000 is 0.28x."),
    )
    is_auto = models.BooleanField(_("automatic"), default=False)
    is_public = models.BooleanField(_("open to everybody"), default=True)
    is_default = models.BooleanField(_("default for new users"), default=False)
    sort_order = models.IntegerField(_("sort order"), default=100)

    class Meta:
        verbose_name = _("group")
        verbose_name_plural = _("groups")
        ordering = ["sort_order", "ratio_ppm", "code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ratio_ppm__gte=1, ratio_ppm__lte=MAX_RATIO_PPM), name="group_ratio_in_range"
            ),
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="group_one_default"),
            models.UniqueConstraint(fields=["is_auto"], condition=Q(is_auto=True), name="group_one_auto"),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def ratio_label(self) -> str:
        """`0.28x`, or a word for the automatic group."""
        return str(_("Automatic")) if self.is_auto else format_ratio(self.ratio_ppm)

    @property
    def local_description(self) -> str:
        """The description in the reader's language."""
        chinese = (get_language() or "").startswith("zh")
        return (chinese and self.description_zh) or self.description


class GroupAccess(models.Model):
    """A user's right to run keys in a group that is not open to everybody, and which group new keys start in."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="group_access"
    )
    group = models.ForeignKey(Group, verbose_name=_("group"), on_delete=models.PROTECT, related_name="access")
    is_default = models.BooleanField(_("default for new keys"), default=False)

    class Meta:
        verbose_name = _("group access")
        verbose_name_plural = _("group access")
        constraints = [
            models.UniqueConstraint(fields=["user", "group"], name="group_access_once"),
            models.UniqueConstraint(fields=["user"], condition=Q(is_default=True), name="group_access_one_default"),
        ]

    def __str__(self) -> str:
        return f"{self.user} → {self.group}"


class TokenQuerySet(models.QuerySet["Token"]):
    """Every query of a customer's page starts with `owned_by`."""

    def owned_by(self, user: User) -> "TokenQuerySet":
        """The user's keys that were not deleted; somebody else's are simply not there."""
        return self.filter(user=user, deleted_at=None)

    def with_key(self, digest: bytes) -> "TokenQuerySet":
        """The token of a key, or of one that was replaced less than a day ago."""
        replaced = models.Q(former_hash=digest, former_until__gt=timezone.now())
        return self.filter(models.Q(key_hash=digest) | replaced)


class Token(models.Model):
    """An API key: found by its keyed hash; the sealed copy, if kept, lets its owner copy it again."""

    class Status(models.TextChoices):
        ENABLED = "enabled", _("Enabled")
        DISABLED = "disabled", _("Disabled")
        EXPIRED = "expired", _("Expired")
        EXHAUSTED = "exhausted", _("Exhausted")

    public_id = models.CharField(_("id"), max_length=40, unique=True, default=new_token_id, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.PROTECT, related_name="tokens"
    )
    group = models.ForeignKey(Group, verbose_name=_("group"), on_delete=models.PROTECT, related_name="tokens")
    name = models.CharField(_("name"), max_length=80)
    key_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    key_sealed = models.BinaryField(null=True, editable=False)
    key_head = models.CharField(max_length=8, editable=False)
    key_tail = models.CharField(max_length=4, editable=False)
    # The key before this one, which works on until then.
    former_hash = models.BinaryField(max_length=32, unique=True, null=True, editable=False)
    former_until = models.DateTimeField(_("key before works until"), null=True, editable=False)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    quota = models.BigIntegerField(_("quota in nano-dollars"), null=True, blank=True, help_text=_("Empty: unlimited."))
    used = models.BigIntegerField(_("used, nano-dollars"), default=0, editable=False)
    held = models.BigIntegerField(_("held, nano-dollars"), default=0, editable=False)
    models_allowed = models.JSONField(
        _("models"), default=list, blank=True, help_text=_("Empty: every model of the group.")
    )
    ips_allowed = models.JSONField(
        _("addresses"), default=list, blank=True, help_text=_("Networks; empty: any address.")
    )
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    requests_per_minute = models.PositiveIntegerField(_("requests per minute"), null=True, blank=True)
    tokens_per_minute = models.PositiveIntegerField(_("tokens per minute"), null=True, blank=True)
    concurrent_requests = models.PositiveIntegerField(_("concurrent requests"), null=True, blank=True)
    daily_cap = models.BigIntegerField(_("daily cap in nano-dollars"), null=True, blank=True)
    monthly_cap = models.BigIntegerField(_("monthly cap in nano-dollars"), null=True, blank=True)
    # Charges and open holds of one UTC day and its month. The day never goes back, whatever a clock says.
    day = models.DateField(null=True, editable=False)
    day_spent = models.BigIntegerField(_("spent on that day, nano-dollars"), default=0, editable=False)
    month_spent = models.BigIntegerField(_("spent in its month, nano-dollars"), default=0, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True, editable=False)

    objects = TokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("token")
        verbose_name_plural = _("tokens")
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["user", "-created_at"], name="token_by_user")]
        constraints = [
            models.CheckConstraint(condition=Q(used__gte=0, held__gte=0), name="token_counters_not_negative"),
            models.CheckConstraint(
                condition=Q(quota=None) | Q(quota__gte=F("used") + F("held")), name="token_within_quota"
            ),
            models.CheckConstraint(
                condition=Q(day_spent__gte=0, month_spent__gte=F("day_spent")), name="token_spending_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.masked_key})"

    @property
    def masked_key(self) -> str:
        """`sk-9Duf*****KJLe`."""
        return f"{self.key_head}*****{self.key_tail}"

    @property
    def is_key_before_usable(self) -> bool:
        """Whether the key that was replaced last still works."""
        return self.former_until is not None and self.former_until > timezone.now()

    @property
    def masked_tail(self) -> str:
        """`sk-****KJLe`, as the site API tells it."""
        return f"sk-****{self.key_tail}"

    @property
    def status(self) -> "Token.Status":
        """What the key can do right now; disabled wins over expired, expired over exhausted."""
        if not self.is_enabled:
            return self.Status.DISABLED
        if self.expires_at is not None and self.expires_at <= timezone.now():
            return self.Status.EXPIRED
        if self.quota is not None and self.used >= self.quota:
            return self.Status.EXHAUSTED
        return self.Status.ENABLED


class ConfigVersion(models.Model):
    """One counter per kind of configuration; processes reload their snapshot when it has moved."""

    name = models.CharField(max_length=40, primary_key=True)
    version = models.BigIntegerField(default=1)

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def _clean_host(text: str) -> None:
    if not re.fullmatch(r"(?!-)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*", text):
        raise ValidationError(_("A host name in small letters, without scheme, port or path: ai.example.com"))


def _clean_logo(text: str) -> None:
    try:
        clean_logo(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


class Site(models.Model):
    """One host name that this installation answers, with the face it shows there."""

    class Kind(models.TextChoices):
        CONSOLE = "console", _("Console")
        API = "api", _("API only")
        CONSUMER = "consumer", _("Brand for consumers")
        BUSINESS = "business", _("Brand for businesses")

    host = models.CharField(
        _("host name"), max_length=200, unique=True, validators=[_clean_host], help_text=_("Such as ai.example.com.")
    )
    kind = models.CharField(
        _("kind"),
        max_length=10,
        choices=Kind.choices,
        default=Kind.CONSUMER,
        help_text=_("An API host answers the relay and health checks, and no page."),
    )
    name = models.CharField(_("name"), max_length=60, help_text=_("In titles, mails and authenticator apps."))
    logo = models.TextField(
        _("logo"),
        blank=True,
        validators=[_clean_logo],
        help_text=_("An SVG drawing as text, or data:image/png;base64,…; square. Empty: the product's own."),
    )
    accent = models.CharField(
        _("colour"),
        max_length=10,
        blank=True,
        choices=[("", _("Green")), ("blue", _("Blue")), ("violet", _("Violet")), ("rose", _("Rose"))],
    )
    language = models.CharField(
        _("language"),
        max_length=16,
        blank=True,
        help_text=_("Of visitors who have chosen none. Empty: as the browser asks."),
    )
    group = models.ForeignKey(
        Group,
        verbose_name=_("default group"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Where the keys of those who sign up here start. Empty: everybody's default."),
    )
    api_base_url = models.CharField(
        _("base URL shown"),
        max_length=200,
        blank=True,
        validators=[URLValidator(["http", "https"])],
        help_text=_("In the docs and samples. Empty: this host with /v1."),
    )
    is_active = models.BooleanField(_("answered"), default=True)

    class Meta:
        verbose_name = _("site")
        verbose_name_plural = _("sites")
        ordering = ["host"]

    def __str__(self) -> str:
        return self.host
