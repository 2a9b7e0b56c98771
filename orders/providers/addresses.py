"""Where a gateway is, and whether an address that it answers with may be shown to a customer."""

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from django.utils.translation import gettext as _

from config.egress.addresses import is_name, parse_address, plain_host
from orders.providers.base import Account, GatewayRefused

MAX_ADDRESS = 2_000
_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
_PRINTABLE = re.compile(r"[!-~]+")
_PORTS = {"https": 443, "http": 80}


class Place(NamedTuple):
    """A host and a port."""

    host: str
    port: int


def base_problem(account: Account, base: str) -> str:
    """What is wrong with a base address, for the operator; empty when it can be used."""
    parts = _parts(base)
    if parts is None or not _PATH.fullmatch(parts.path):
        return _("The base address can't be read. Enter it as https://pay.example.com.")
    if parts.username is not None or parts.password is not None or "?" in base or "#" in base:
        return _("The base address must not contain a user name, a query or a fragment.")
    if not _is_safe(account, parts):
        return _("The base address must start with https://.")
    return ""


def pasted_base(text: str, pages: Sequence[str]) -> str:
    """The base address meant by one that was pasted with the path of a single call, or with a slash at its end."""
    base = text.strip().rstrip("/")
    page = next((page for page in pages if base.lower().endswith(page)), "")
    return base[: len(base) - len(page)].rstrip("/")


def hosts_problem(account: Account) -> str:
    """What is wrong with the option `allowed_hosts`; empty when it can be used."""
    for entry in _entries(account):
        if _place(entry) is None:
            return _("“%(entry)s” is no host name. Enter names like pay.example.com, with commas between.") % {
                "entry": entry
            }
    return ""


def checked_address(account: Account, base: str, url: str) -> str:
    """An address to pay at, which a gateway answered: https and its own host or one of the option `allowed_hosts`.

    A path alone belongs to the gateway's host. Raises GatewayRefused.
    """
    home = _parts(base)
    if home is not None and url.startswith("/") and not url.startswith(("//", "/\\")):
        url = f"{home.scheme}://{home.netloc}{url}"
    parts = _parts(url)
    if parts is None or parts.username is not None or not _is_safe(account, parts):
        raise GatewayRefused("The gateway answered with an address to pay at that is not https.")
    known = {_place_of(home)} if home else set()
    if _place_of(parts) not in known | {_place(entry) for entry in _entries(account)}:
        raise GatewayRefused(
            f"The gateway answered with an address to pay at on another host, {parts.hostname}. "
            "If that is right, add it to the account's allowed hosts."
        )
    return url


def demand_plain(*urls: str) -> None:
    """Raises ValueError for an address of ours that has a query: what is in it could be read as signed fields."""
    if any(mark in url for url in urls for mark in "?&=#"):
        raise ValueError("addresses given to a gateway have no query")


def _parts(url: str) -> SplitResult | None:
    if not _PRINTABLE.fullmatch(url) or len(url) > MAX_ADDRESS:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = plain_host(parts.hostname or "")
    return parts if port != 0 and parts.scheme in _PORTS and (is_name(host) or parse_address(host)) else None


def _is_safe(account: Account, parts: SplitResult) -> bool:
    """https; plain http only for a gateway on this very machine, and never for real money."""
    return parts.scheme == "https" or (not account.live and _is_loopback(_place_of(parts).host))


def _is_loopback(host: str) -> bool:
    address = parse_address(host)
    return address.is_loopback if address else host == "localhost"


def _place_of(parts: SplitResult) -> Place:
    return Place(plain_host(parts.hostname or ""), parts.port or _PORTS[parts.scheme])


def _place(entry: str) -> Place | None:
    parts = _parts(f"https://{entry}")
    return _place_of(parts) if parts and parts.netloc == entry and parts.username is None else None


def _entries(account: Account) -> list[str]:
    return [entry for entry in re.split(r"[\s,]+", account.options.get("allowed_hosts", "").lower()) if entry]
