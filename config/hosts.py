"""The host names this process answers: those of the settings, and those an operator has entered as rows.

Settings are read before there are rows, so this module knows none: `tokens.sites` fills `TABLE`, and keeps it true.
"""

from collections.abc import Iterator, Mapping

from config.kernel.brands import Brand


class _Table:
    """Brands by host name in lower case; None until they were read."""

    brands: Mapping[str, Brand] | None = None


TABLE = _Table()


def entered() -> Mapping[str, Brand]:
    return TABLE.brands or {}


class KnownHosts(list[str]):
    """ALLOWED_HOSTS: what the environment says, and the entered hosts at the moment of asking."""

    def __iter__(self) -> Iterator[str]:
        yield from super().__iter__()
        yield from entered()
