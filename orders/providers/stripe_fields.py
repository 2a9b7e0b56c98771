"""Reading values out of Stripe's JSON, whoever sent it: nothing is taken for what its name says before a look at it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from orders.providers.base import Money

Json = Mapping[str, Any]

_ID = re.compile(r"[A-Za-z][A-Za-z0-9_]{2,254}")
_REFERENCE = re.compile(r"[A-Za-z0-9]{1,32}")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_MOST_MINOR = 10**12
_YEAR_10000 = 253_402_300_800


class Unreadable(Exception):
    """A field that is not what Stripe documents; the text is its name."""


def is_id(text: object) -> bool:
    """Whether it can be an identifier of Stripe's, and so a part of a path."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def part(values: Json, name: str) -> Json:
    """An object within."""
    found = values.get(name)
    if not isinstance(found, dict):
        raise Unreadable(name)
    return found


def word(values: Json, name: str) -> str:
    """A status or a type; empty when it is null or missing."""
    found = values.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise Unreadable(name)
    return found


def flag(values: Json, name: str) -> bool:
    """A boolean that has to be there."""
    found = values.get(name)
    if not isinstance(found, bool):
        raise Unreadable(name)
    return found


def identifier(values: Json, name: str = "id") -> str:
    """An identifier that has to be there."""
    found = link(values, name)
    if not found:
        raise Unreadable(name)
    return found


def link(values: Json, name: str) -> str:
    """The identifier of another object, which may stand there whole; empty when there is none."""
    found = values.get(name)
    if isinstance(found, dict):
        found = found.get("id")
    if found is None:
        return ""
    if not isinstance(found, str) or not is_id(found):
        raise Unreadable(name)
    return found


def whole(values: Json, name: str, *, below: int = _MOST_MINOR + 1) -> int:
    """An integer that is not negative."""
    found = values.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < below:
        raise Unreadable(name)
    return found


def money(values: Json, name: str) -> Money:
    """An amount of the currency beside it."""
    currency = values.get("currency")
    if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
        raise Unreadable("currency")
    return Money(whole(values, name), currency.upper())


def moment(values: Json, name: str) -> datetime:
    """A time in seconds of Unix."""
    return datetime.fromtimestamp(whole(values, name, below=_YEAR_10000), UTC)


def metadata(values: Json) -> Json:
    """What we wrote on an object; empty when nothing can be read there."""
    found = values.get("metadata")
    return found if isinstance(found, dict) else {}


def our_reference(values: Json) -> str:
    """The number that we gave the payment; empty when we did not make it.

    Only the metadata is ours alone: whoever opens a payment link of the same account can put any
    `client_reference_id` into its address, and would pay for one thing and be given another.
    """
    reference = metadata(values).get("reference")
    if not isinstance(reference, str) or not _REFERENCE.fullmatch(reference):
        return ""
    return reference if values.get("client_reference_id") in (None, reference) else ""
