"""Lets an address pass or refuses it, at the moment it is dialled."""

from collections.abc import Iterable

from django.conf import settings

from config.egress.addresses import AllowList, entry_for, parse_address, plain_host, why_refused
from config.egress.errors import AddressRefused
from config.egress.names import Names, names


class Checked(str):
    """An address that passed for the name it belongs to.

    The mark travels with the very text that is dialled. Should a library copy the text, the mark is lost and the
    address is judged once more without its name: stricter, never laxer.
    """

    __slots__ = ()


class Guard:
    """Resolves a host and hands out only those of its addresses that may be dialled."""

    def __init__(self, allowed: AllowList, names: Names) -> None:
        self._allowed, self._names = allowed, names

    def addresses(self, host: str, port: int) -> list[Checked]:
        """What to dial for this host, blocking. Raises AddressRefused or NameUnresolved."""
        name = plain_host(host)
        return self._passed(name, port, [name] if parse_address(name) else self._names.addresses(name))

    async def addresses_soon(self, host: str, port: int) -> list[Checked]:
        """What to dial for this name. Raises AddressRefused or NameUnresolved."""
        name = plain_host(host)
        return self._passed(name, port, await self._names.addresses_soon(name))

    def check(self, address: str, port: int) -> None:
        """The last look before a socket is made. Raises AddressRefused."""
        if not isinstance(address, Checked):
            self._passed(address, port, [address])

    def _passed(self, name: str, port: int, found: Iterable[str]) -> list[Checked]:
        if self._allowed.has_name(name, port):
            return [Checked(address) for address in found]
        refusals = {address: self._refusal(address, port) for address in found}
        passed = [Checked(address) for address, kind in refusals.items() if not kind]
        if not passed:
            raise AddressRefused(_advice(name, port, refusals))
        return passed

    def _refusal(self, text: str, port: int) -> str:
        address = parse_address(text)
        if address is None or getattr(address, "scope_id", None):
            return "no address that can be judged"
        return "" if self._allowed.has_address(address, port) else why_refused(address)


def guard() -> Guard:
    """By the settings as they are now. Raises ValueError for an allow-list that cannot be read."""
    return Guard(AllowList.of(settings.EGRESS_ALLOW), names())


def _advice(name: str, port: int, refusals: dict[str, str]) -> str:
    """One sentence on what was refused and one on how to allow it."""
    address, kind = next(iter(refusals.items()), ("nowhere", "no address"))
    led = f"{address} is {kind}" if address == name else f"{name} leads to {address}, {kind}"
    return (
        f"{led}: nothing is sent there. If this server is yours, "
        f"add {entry_for(name, port)} to the setting EGRESS_ALLOW and restart."
    )
