"""Options and secrets that the accounts of several gateways have in common."""

import re
from collections.abc import Collection, Iterable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from orders.providers.base import Account, Option
from orders.providers.forms import is_plain
from orders.providers.signing import secret_problem

ALLOWED_HOSTS = Option(
    "allowed_hosts",
    gettext_noop("Allowed hosts"),
    gettext_noop("Other hosts of pay pages and QR codes that the gateway answers with. Commas between."),
    required=False,
)
EXTRA_FIELDS = Option(
    "extra_fields",
    gettext_noop("Extra fields"),
    gettext_noop("What the gateway wants to be sent with every payment besides: name=value, commas between."),
    required=False,
)
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,31})=([^\s,\\%]{1,255})")


def secrets_of(account: Account) -> list[str]:
    """What a notification may be signed with: the secret, and during a change the one before it. Improper ones
    prove nothing and are left out."""
    given = (account.secrets.get(name, "") for name in ("secret", "previous_secret"))
    return [secret for secret in given if not secret_problem(secret)]


def extra_fields(account: Account) -> dict[str, str]:
    """The option `extra_fields`, without what can't be read."""
    return {match[1]: match[2] for entry in _entries(account) if (match := _readable(entry))}


def extra_fields_problem(account: Account, reserved: Collection[str]) -> str:
    """What is wrong with the option `extra_fields`; empty when it can be used."""
    for entry in _entries(account):
        match = _readable(entry)
        if match is None:
            return _("“%(entry)s” is no extra field. Enter name=value, with commas between.") % {"entry": entry}
        if match[1] in reserved:
            return _("The field “%(name)s” is filled in by us and can't be an extra field.") % {"name": match[1]}
    return ""


def missing(account: Account, options: Iterable[Option]) -> list[str]:
    """A sentence for each public option that has to be given and is not."""
    return [
        _("“%(label)s” is missing.") % {"label": _(option.label)}
        for option in options
        if option.required and not option.secret and not account.options.get(option.name)
    ]


def _entries(account: Account) -> list[str]:
    return [entry for entry in re.split(r"[\s,]+", account.options.get("extra_fields", "")) if entry]


def _readable(entry: str) -> re.Match[str] | None:
    match = _FIELD.fullmatch(entry)
    return match if match and is_plain(match[2]) else None
