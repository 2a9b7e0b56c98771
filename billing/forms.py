"""The filter of the Usage log: every field is a word in the address."""

from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from functools import cache
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import BigIntegerField, Q
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from billing.endpoint_names import ENDPOINT_NAMES
from billing.models import ModelPrice, UsageRecord
from billing.prepared import Parameter, Statement, prepare
from billing.selectors import Period
from billing.spans import ALWAYS, Span
from billing.usage_log import Log, LogFilter
from tokens.models import Group, Token

LAST_HOUR, CUSTOM = "1h", "custom"
RANGES = (
    (LAST_HOUR, _("Last hour")),
    (Period.DAY.value, _("Last 24 hours")),
    (Period.WEEK.value, _("Last 7 days")),
    (Period.MONTH.value, _("Last 30 days")),
    (Period.QUARTER.value, _("Last 90 days")),
    (CUSTOM, _("From … to …")),
)
DEFAULT_RANGE = Period.WEEK.value
YES, NO = "yes", "no"
TOKENS_LISTED = 200
MINUTE = "%Y-%m-%dT%H:%M"

Options = list[tuple[str, str | Promise]]
_OWNER = Parameter("user", BigIntegerField())


@cache
def _tokens() -> Statement:
    tokens = Token.objects.filter(user_id=_OWNER).order_by("-created_at")
    return prepare(tokens.values_list("public_id", "name")[:TOKENS_LISTED])


@cache
def _models() -> Statement:
    return prepare(ModelPrice.objects.order_by("model").values_list("model").distinct())


@cache
def _groups() -> Statement:
    open_to_user = Q(is_public=True) | Q(access__user_id=_OWNER)
    return prepare(Group.objects.filter(open_to_user, is_auto=False).values_list("code").distinct())


class MinuteField(forms.DateTimeField):
    """A moment of the user's own clock, in a year that databases and clocks agree on."""

    widget = forms.DateTimeInput(format=MINUTE, attrs={"type": "datetime-local"})

    def clean(self, value: Any) -> datetime | None:
        moment: datetime | None = super().clean(value)
        if moment and not ALWAYS.start.year <= moment.year < ALWAYS.end.year:
            raise ValidationError(_("Please choose a date after %(year)s."), params={"year": ALWAYS.start.year})
        return moment


def _with_a_beginning(data: QueryDict, moment: datetime) -> QueryDict:
    """Whoever has just chosen a range of their own, and no beginning yet, sees what is there since `moment`."""
    if data.get("range") != CUSTOM or data.get("since"):
        return data
    filled = data.copy()
    filled["since"] = localtime(moment).strftime(MINUTE)
    return filled


class UsageFilterForm(forms.Form):
    """Valid with nothing given; `where` is what it asks for, `older` and `newer` where in it the page stands."""

    range = forms.ChoiceField(label=_("Range"), choices=RANGES, required=False)
    since = MinuteField(label=_("From"), required=False)
    until = MinuteField(label=_("To"), required=False)
    token = forms.CharField(label=_("Token"), required=False, max_length=40)
    model = forms.CharField(label=_("Model"), required=False, max_length=120)
    group = forms.CharField(label=_("Group"), required=False, max_length=40)
    status = forms.ChoiceField(label=_("Status"), required=False, choices=[("", ""), *UsageRecord.Status.choices])
    kind = forms.ChoiceField(label=_("Kind"), required=False)
    stream = forms.ChoiceField(label=_("Stream"), required=False, choices=[("", ""), (YES, _("Yes")), (NO, _("No"))])
    id = forms.UUIDField(
        label=_("Request id"),
        required=False,
        error_messages={"invalid": _("This is not a request id. It has 32 digits and letters from a to f.")},
    )
    older = forms.UUIDField(required=False)
    newer = forms.UUIDField(required=False)

    def __init__(self, data: QueryDict, *, user: User, now: datetime, zone: tzinfo, log: Log = Log.USAGE) -> None:
        super().__init__(_with_a_beginning(data, Period.WEEK.span(now=now, zone=zone).start))
        self._user, self._now, self._zone, self._log = user, now, zone, log
        kinds = self.fields["kind"]
        assert isinstance(kinds, forms.ChoiceField)
        kinds.choices = [("", ""), *self.kind_options]

    @property
    def chosen_range(self) -> str:
        """The range in force, also when the address names none."""
        return self.data.get("range") or DEFAULT_RANGE

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the range is asked for."""
        return any(self.data.get(name) for name in ("token", "model", "group", "status", "kind", "stream", "id"))

    def clean_token(self) -> int | None:
        """The key's primary key; one of somebody else is as unknown as one that never was."""
        public_id = self.cleaned_data["token"]
        if not public_id:
            return None
        found: int | None = (
            Token.objects.filter(user=self._user, public_id=public_id).values_list("pk", flat=True).first()
        )
        if found is None:
            raise ValidationError(_("You have no such token."))
        return found

    def clean(self) -> None:
        """Check the two ends of a custom range."""
        if self.chosen_range != CUSTOM or self.errors:
            return
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        if until and until <= since:
            self.add_error("until", _("The end must be after the beginning."))

    @property
    def kind_options(self) -> Options:
        """What the log can be narrowed to, where it lists several kinds of requests that are no text."""
        endpoints = self._log.endpoints
        return [(endpoint, ENDPOINT_NAMES[endpoint]) for endpoint in endpoints] if len(endpoints) > 1 else []

    @property
    def is_live(self) -> bool:
        """Whether new requests can appear on this page: it is the newest of a range that has no end."""
        ends = self.chosen_range == CUSTOM and self.cleaned_data["until"]
        return not any((ends, *(self.data.get(name) for name in ("older", "newer", "id"))))

    @property
    def where(self) -> LogFilter:
        """What a valid form asks for."""
        asked = self.cleaned_data
        return LogFilter(
            span=self._span(),
            token_id=asked["token"],
            model=asked["model"],
            group=asked["group"],
            status=asked["status"],
            is_stream={YES: True, NO: False}.get(asked["stream"]),
            record_id=asked["id"],
            endpoints=(asked["kind"],) if asked["kind"] else self._log.endpoints,
        )

    def _span(self) -> Span:
        if self.chosen_range == CUSTOM:
            return Span(self.cleaned_data["since"], self.cleaned_data["until"] or self._now)
        if self.chosen_range == LAST_HOUR:
            return Span(self._now - timedelta(hours=1), self._now)
        return Period(self.chosen_range).span(now=self._now, zone=self._zone)

    def query(self, **cursor: UUID) -> str:
        """The filter as the query of an address, without the cursor it came with, with another one or none."""
        kept = {name: self.data[name] for name in self.fields if name not in ("older", "newer") and self.data.get(name)}
        return urlencode(kept | {name: str(value) for name, value in cursor.items()})

    def token_options(self) -> Options:
        """The latest keys, deleted ones too: their requests are still in the log."""
        return [(public_id, name) for public_id, name in _tokens().rows({"user": self._user.pk})]

    def model_options(self) -> Options:
        """Every model that ever had a price."""
        return self._with_chosen("model", _models().rows({}))

    def group_options(self) -> Options:
        """The groups this user may run keys in."""
        return self._with_chosen("group", _groups().rows({"user": self._user.pk}))

    def _with_chosen(self, name: str, rows: Iterable[tuple[str, ...]]) -> Options:
        """The first column, beside which what it is ordered by may stand, and the value in the address even if it is no
        longer one of them."""
        words, chosen = [row[0] for row in rows], self.data.get(name)
        return [(word, word) for word in (words if not chosen or chosen in words else [*words, chosen])]

    range_options: Options = list(RANGES)
    status_options: Options = list(UsageRecord.Status.choices)
    stream_options: Options = [(YES, _("Yes")), (NO, _("No"))]
