"""What people may change about themselves."""

from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import User


def time_zone_choices() -> list[tuple[str, str]]:
    """Every zone of the tz database that names a place, UTC first."""
    places = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in places)]


def language_choices() -> list[tuple[str, object]]:
    """The site's languages, and leaving it to the browser."""
    return [("", _("As the browser asks")), *settings.LANGUAGES]


class MailForm(forms.ModelForm):  # type: ignore[type-arg]
    """Which mail is wanted, of what is not needed for the account to be safe."""

    class Meta:
        model = User
        fields = ("wants_receipts",)


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """Name, language and time zone."""

    language = forms.ChoiceField(label=_("Language"), choices=language_choices, required=False)
    time_zone = forms.ChoiceField(
        label=_("Time zone"), choices=time_zone_choices, help_text=_("Every time in the console is shown in this zone.")
    )

    class Meta:
        model = User
        fields = ("name", "language", "time_zone")
        labels = {"name": _("Name")}
        help_texts = {"name": _("How the console greets you. Nobody else sees it.")}
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}
