"""The form of Token Management. It turns text into values; what a token may be is judged in `tokens.terms`."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.kernel.errors import DomainError, InvalidInput
from config.kernel.money import NANO_PER_USD, format_usd, quota_to_nano, usd
from tokens.models import Group, Token
from tokens.terms import MAX_BATCH, MAX_NAME, clean_terms

T = TypeVar("T")
NEVER, DATE = "never", "date"
PRESETS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=30)}
EXPIRIES = [
    (NEVER, _("Never")),
    ("hour", _("1 hour")),
    ("day", _("1 day")),
    ("month", _("1 month")),
    (DATE, _("On a date")),
]
QUOTA, USD = "quota", "usd"
UNITS = [(QUOTA, _("quota")), (USD, "$")]
_GROUPED = re.compile(r"\d{1,3}(,\d{3})+(\.\d*)?")
_FIELD_OF_TERM = {"quota": "amount"}
LIMITS = ("requests_per_minute", "tokens_per_minute", "concurrent_requests")
CAPS = ("daily_cap", "monthly_cap")


class TokenForm(forms.Form):
    """Everything its owner may set on a token. `terms` are the arguments of a service once the form is valid."""

    name = forms.CharField(label=_("Name"), max_length=MAX_NAME)
    group = forms.ChoiceField(label=_("Token grouping"), error_messages={"required": _("Choose a group.")})
    unlimited = forms.BooleanField(label=_("Unlimited quota"), required=False, initial=True)
    amount = forms.CharField(label=_("Quota"), required=False, max_length=40)
    unit = forms.ChoiceField(label=_("Unit"), choices=UNITS, initial=QUOTA)
    models = forms.CharField(
        label=_("Models"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_("One per line. Empty: every model of the group."),
    )
    ips = forms.CharField(
        label=_("IP addresses"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_("Addresses or networks like 203.0.113.0/24, one per line. Empty: any address."),
    )
    expiry = forms.ChoiceField(label=_("Expires"), choices=EXPIRIES, initial=NEVER)
    expires_at = forms.DateTimeField(
        label=_("Date and time"),
        required=False,
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
    )

    requests_per_minute = forms.IntegerField(label=_("Requests per minute"), required=False)
    tokens_per_minute = forms.IntegerField(label=_("Tokens per minute"), required=False)
    concurrent_requests = forms.IntegerField(label=_("Concurrent requests"), required=False)
    daily_cap = forms.CharField(label=_("Dollars per day"), required=False, max_length=40)
    monthly_cap = forms.CharField(label=_("Dollars per month"), required=False, max_length=40)

    def __init__(self, *args: Any, groups: list[Group], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.groups = {group.code: group for group in groups}
        self.fields["amount"].initial = str(settings.QUOTA_PER_USD)
        choice = self.fields["group"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [(code, code) for code in self.groups]
        self.fields["name"].widget.attrs["autofocus"] = not self.is_bound
        for name in ("amount", *CAPS):
            self.fields[name].widget.attrs.update(inputmode="decimal", autocomplete="off")
        for name in (*LIMITS, *CAPS):
            self.fields[name].widget.attrs["placeholder"] = _("No limit")
        for name in LIMITS:
            self.fields[name].widget.attrs["min"] = 1

    def clean_group(self) -> Group:
        return self.groups[self.cleaned_data["group"]]

    def clean_models(self) -> list[str]:
        return re.split(r"[\n,]", self.cleaned_data["models"])

    def clean_ips(self) -> list[str]:
        return re.split(r"[\s,]+", self.cleaned_data["ips"])

    def clean_daily_cap(self) -> int | None:
        return _parse_cap(self.cleaned_data["daily_cap"])

    def clean_monthly_cap(self) -> int | None:
        return _parse_cap(self.cleaned_data["monthly_cap"])

    def clean(self) -> dict[str, Any]:
        """Fold the amount with its unit and switch, and the expiry with its date, into one value each."""
        for field, parse in (("amount", self._quota), ("expires_at", self._expires_at)):
            if field in self.cleaned_data:
                try:
                    self.cleaned_data[field] = parse()
                except ValidationError as error:
                    self.add_error(field, error)
        self._judge()
        return self.cleaned_data

    def _judge(self) -> None:
        """Complain about these terms now, beside what is missing elsewhere; the service judges them all."""
        fields = {"quota": "amount", **{term: term for term in ("models", "ips", *LIMITS, *CAPS)}}
        given = {term: self.cleaned_data[field] for term, field in fields.items() if field in self.cleaned_data}
        try:
            clean_terms(given)
        except InvalidInput as error:
            self._complain(error)

    def _complain(self, refusal: InvalidInput) -> None:
        for term, sentences in (refusal.details or {}).items():
            self.add_error(_FIELD_OF_TERM.get(term, term), sentences)

    def _quota(self) -> int | None:
        if self.cleaned_data["unlimited"]:
            return None
        return parse_amount(self.cleaned_data["amount"], unit=self.cleaned_data.get("unit", QUOTA))

    def _expires_at(self) -> Any:
        choice = self.cleaned_data.get("expiry", NEVER)
        if choice == DATE and self.cleaned_data["expires_at"] is None:
            raise ValidationError(_("Choose a date and time."))
        if choice in PRESETS:
            return timezone.now() + PRESETS[choice]
        return self.cleaned_data["expires_at"] if choice == DATE else None

    @property
    def terms(self) -> dict[str, Any]:
        """Arguments of `issue_tokens` or `edit_token`."""
        data = self.cleaned_data
        return {
            "name": data["name"],
            "group": data["group"],
            "quota": data["amount"],
            "expires_at": data["expires_at"],
            "models": data["models"],
            "ips": data["ips"],
            **{term: data[term] for term in (*LIMITS, *CAPS)},
        }

    def submit(self, service: Callable[..., T]) -> T | None:
        """What the service makes of the terms; None when nothing valid was sent. Refusals go beside their fields."""
        if not self.is_valid():
            return None
        try:
            return service(**self.terms)
        except InvalidInput as error:
            self._complain(error)
        except DomainError as error:
            self.add_error(None, error.message)
        return None

    @property
    def limit_fields(self) -> list[forms.BoundField]:
        """The limits of speed and of spending, in the order they are shown."""
        return [self[name] for name in (*LIMITS, *CAPS)]

    @property
    def chosen_group(self) -> str:
        """The code that is ticked."""
        return str(self["group"].value() or "")

    @property
    def is_unlimited(self) -> bool:
        """Whether the switch is on."""
        return bool(self["unlimited"].value())

    @property
    def equivalent(self) -> str:
        """The typed amount in dollars, or nothing while it is no amount."""
        try:
            return format_usd(parse_amount(str(self["amount"].value() or ""), unit=str(self["unit"].value())))
        except ValidationError:
            return ""


class NewTokenForm(TokenForm):
    """Creation: one token or a numbered batch."""

    count = forms.IntegerField(
        label=_("How many"), initial=1, widget=forms.NumberInput(attrs={"min": 1, "max": MAX_BATCH})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Not in the field above: filling in the number there would settle the language when the module is loaded.
        self.fields["count"].help_text = _("Up to %(max)d at once; several are numbered.") % {"max": MAX_BATCH}

    @property
    def terms(self) -> dict[str, Any]:
        return {**super().terms, "count": self.cleaned_data["count"]}


class EditTokenForm(TokenForm):
    """Edit: a quota the owner did not touch is not passed on, so that a top-up since the page was loaded stays."""

    quota_was = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, token: Token, **kwargs: Any) -> None:
        super().__init__(*args, initial=_initial(token), **kwargs)

    @property
    def terms(self) -> dict[str, Any]:
        terms = super().terms
        if _quota_text(terms["quota"]) == self.cleaned_data["quota_was"]:
            del terms["quota"]
        if not {"expiry", "expires_at"} & set(self.changed_data):
            del terms["expires_at"]
        return terms


def parse_amount(text: str, *, unit: str) -> int:
    """Text in quota units or dollars as nano-dollars. Raises ValidationError."""
    digits = text.strip().removeprefix("$").strip()
    if _GROUPED.fullmatch(digits):
        digits = digits.replace(",", "")
    try:
        return usd(digits) if unit == USD else quota_to_nano(int(digits), quota_per_usd=settings.QUOTA_PER_USD)
    except ValueError:
        raise ValidationError(_("Write an amount like 500000 quota or $1.50.")) from None


def _parse_cap(text: str) -> int | None:
    try:
        return parse_amount(text, unit=USD) if text.strip() else None
    except ValidationError:
        raise ValidationError(_("Write an amount of dollars like 1.50.")) from None


def _cap_text(cap: int | None) -> str:
    return "" if cap is None else format_usd(cap).removeprefix("$")


def _initial(token: Token) -> dict[str, Any]:
    amount, unit = _amount_and_unit(token.quota)
    expires_at = token.expires_at and timezone.localtime(token.expires_at).replace(second=0, microsecond=0)
    return {
        "name": token.name,
        "group": token.group.code,
        "unlimited": token.quota is None,
        "amount": amount,
        "unit": unit,
        "quota_was": _quota_text(token.quota),
        "models": "\n".join(token.models_allowed),
        "ips": "\n".join(token.ips_allowed),
        "expiry": DATE if expires_at else NEVER,
        "expires_at": expires_at,
        **{name: getattr(token, name) for name in LIMITS},
        **{name: _cap_text(getattr(token, name)) for name in CAPS},
    }


def _amount_and_unit(quota: int | None) -> tuple[str, str]:
    """In quota units where that is exact, else in dollars."""
    if quota is None:
        return str(settings.QUOTA_PER_USD), QUOTA
    units, rest = divmod(quota * settings.QUOTA_PER_USD, NANO_PER_USD)
    return (format_usd(quota).removeprefix("$"), USD) if rest else (str(units), QUOTA)


def _quota_text(quota: int | None) -> str:
    return "unlimited" if quota is None else str(quota)
