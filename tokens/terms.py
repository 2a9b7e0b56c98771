"""The terms of a token: what its owner may set, checked in one place for the form and the site API.

Each function returns the clean value or raises Unacceptable with a sentence for the owner. Amounts are nano-dollars.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from config.kernel.errors import InvalidInput
from config.kernel.money import MAX_NANO

MAX_NAME = 80
MAX_MODELS = 100
MAX_MODEL_NAME = 120
MAX_NETWORKS = 50
MAX_BATCH = 50
MAX_LIMIT = 1_000_000_000
FARTHEST_EXPIRY = timedelta(days=36_525)

Network = IPv4Network | IPv6Network
_V4_IN_V6 = IPv6Network("::ffff:0:0/96")


class Unacceptable(ValueError):
    """A value no token can have; the text says why."""


def clean_name(value: str) -> str:
    """1 to 80 characters without control characters, trimmed."""
    name = value.strip()
    if not name:
        raise Unacceptable(_("Give the token a name."))
    if len(name) > MAX_NAME:
        raise Unacceptable(_("A name has at most %(max)d characters.") % {"max": MAX_NAME})
    if not _is_plain_text(name):
        raise Unacceptable(_("A name can't contain control characters."))
    return name


def clean_count(value: int) -> int:
    """How many tokens one batch makes."""
    if not 1 <= value <= MAX_BATCH:
        raise Unacceptable(_("Create between 1 and %(max)d tokens at once.") % {"max": MAX_BATCH})
    return value


def clean_quota(value: int | None) -> int | None:
    """Nano-dollars from 0 up, or None for unlimited."""
    if value is not None and not 0 <= value <= MAX_NANO:
        raise Unacceptable(_("A quota is an amount from zero up to nine billion dollars."))
    return value


def clean_limit(value: int | None) -> int | None:
    """How many requests or tokens at most, or None for no limit."""
    if value is not None and not 1 <= value <= MAX_LIMIT:
        raise Unacceptable(_("A limit is a number from 1 to a billion."))
    return value


def clean_cap(value: int | None) -> int | None:
    """Nano-dollars above 0, or None for no cap."""
    if value is not None and not 1 <= value <= MAX_NANO:
        raise Unacceptable(_("A cap is an amount above zero, up to nine billion dollars."))
    return value


def clean_expiry(value: datetime | None) -> datetime | None:
    """A moment still to come, or None for never."""
    if value is None:
        return None
    now = timezone.now()
    if value <= now:
        raise Unacceptable(_("The expiry has to be in the future."))
    if value > now + FARTHEST_EXPIRY:  # the end of the calendar overflows as soon as it changes its time zone
        raise Unacceptable(_("The expiry has to be within the next hundred years. Choose never instead."))
    return value


def clean_models(values: Iterable[str]) -> list[str]:
    """At most 100 model names, trimmed, each once, in the order given; none means every model of the group."""
    models = _distinct(values)
    if len(models) > MAX_MODELS:
        raise Unacceptable(_("List at most %(max)d models.") % {"max": MAX_MODELS})
    for model in models:
        if len(model) > MAX_MODEL_NAME or not _is_plain_text(model):
            raise Unacceptable(_("“%(model)s” can't be the name of a model.") % {"model": _shown(model)})
    return models


def clean_ips(values: Iterable[str]) -> list[str]:
    """At most 50 addresses or CIDR networks in their normal form; none means any address."""
    networks = _distinct(_normal_form(text) for text in _distinct(values))
    if len(networks) > MAX_NETWORKS:
        raise Unacceptable(_("List at most %(max)d addresses or networks.") % {"max": MAX_NETWORKS})
    return networks


_CLEANERS: dict[str, Callable[[Any], Any]] = {
    "name": clean_name,
    "count": clean_count,
    "quota": clean_quota,
    "expires_at": clean_expiry,
    "models": clean_models,
    "ips": clean_ips,
    "requests_per_minute": clean_limit,
    "tokens_per_minute": clean_limit,
    "concurrent_requests": clean_limit,
    "daily_cap": clean_cap,
    "monthly_cap": clean_cap,
}


def clean_terms(given: Mapping[str, Any]) -> dict[str, Any]:
    """The given terms, clean. Raises InvalidInput with every complaint at once: `details` is term → sentences."""
    cleaned: dict[str, Any] = {}
    complaints: dict[str, list[str]] = {}
    for term, value in given.items():
        try:
            cleaned[term] = _CLEANERS[term](value)
        except Unacceptable as error:
            complaints[term] = [str(error)]
    if complaints:
        raise refused(complaints)
    return cleaned


def refused(complaints: dict[str, list[str]]) -> InvalidInput:
    """The error for terms that cannot be accepted."""
    return InvalidInput(_("The token has invalid fields."), code="invalid_payload", details=complaints)


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Stored addresses as networks."""
    return tuple(ip_network(text, strict=False) for text in texts)


def _normal_form(text: str) -> str:
    """`10.0.0.7/24` → `10.0.0.0/24`, `::FFFF:10.0.0.7` → `10.0.0.7`: the relay sees IPv4 callers as IPv4."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None or "%" in text:  # a zone index means something on one machine only
        raise Unacceptable(_("“%(text)s” is no IP address or network like 203.0.113.0/24.") % {"text": _shown(text)})
    if isinstance(network, IPv6Network) and network.subnet_of(_V4_IN_V6):
        network = IPv4Network((int(network.network_address) & 0xFFFF_FFFF, network.prefixlen - 96))
    single = network.prefixlen == network.max_prefixlen
    return str(network.network_address if single else network)


def _distinct(values: Iterable[str]) -> list[str]:
    trimmed = (value.strip() for value in values)
    return list(dict.fromkeys(value for value in trimmed if value))


def _is_plain_text(text: str) -> bool:
    # PostgreSQL stores neither NUL nor half a surrogate pair, and both can arrive in JSON.
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def _shown(text: str) -> str:
    """Foreign text short and clean enough to repeat in a message."""
    return "".join(character for character in text[:40] if _is_plain_text(character))
