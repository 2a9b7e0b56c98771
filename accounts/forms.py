"""What people may change about themselves."""

from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.forms.utils import flatatt
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from accounts.models import User


@cache  # the names are read from the disk
def time_zone_choices() -> list[tuple[str, str]]:
    """Every zone of the tz database that names a place, UTC first."""
    places = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in places)]


def language_choices() -> list[tuple[str, object]]:
    """The site's languages, and leaving it to the browser."""
    return [("", _("As the browser asks")), *settings.LANGUAGES]


class ZoneSelect(forms.Select):
    """Hundreds of zones: Django would check each choice and render a template for each option, at each request."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """The same markup, its options made once."""
        known = f'value="{escape(value)}">'
        listed = mark_safe(_zone_options().replace(known, f"{known[:-1]} selected>", 1))  # noqa: S308
        return format_html(
            "<select{}>{}</select>", flatatt(self.build_attrs({**self.attrs, "name": name}, attrs)), listed
        )


@cache
def _zone_options() -> SafeString:
    return format_html_join("\n", '<option value="{}">{}</option>', time_zone_choices())


class MailForm(forms.ModelForm):  # type: ignore[type-arg]
    """Which mail is wanted, of what is not needed for the account to be safe."""

    class Meta:
        model = User
        fields = ("wants_receipts",)


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """Name, language and time zone."""

    language = forms.ChoiceField(label=_("Language"), choices=language_choices, required=False)
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=time_zone_choices,
        widget=ZoneSelect,
        help_text=_("Every time in the console is shown in this zone."),
    )

    class Meta:
        model = User
        fields = ("name", "language", "time_zone")
        labels = {"name": _("Name")}
        help_texts = {"name": _("How the console greets you. Nobody else sees it.")}
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}
