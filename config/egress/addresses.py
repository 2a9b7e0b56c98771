"""Which addresses are nobody's business to dial, and what the operator allows all the same. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Our own table: `is_global` of the standard library lets nine internal or special forms pass.
# The first match names the kind, so the narrow networks come first.
_REFUSED: tuple[tuple[str, tuple[Network, ...]], ...] = tuple(
    (kind, tuple(ip_network(text) for text in texts.split()))
    for kind, texts in (
        (
            "the address of a cloud's metadata service",
            "169.254.169.254 169.254.170.2 168.63.129.16 100.100.100.200 192.0.0.192 fd00:ec2::254 fd20:ce::254",
        ),
        ("a loopback address", "127.0.0.0/8 ::1"),
        ("an unspecified address", "0.0.0.0/8 ::"),
        ("a private address", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 fec0::/10"),
        ("a link-local address", "169.254.0.0/16 fe80::/10"),
        ("a carrier's inner address", "100.64.0.0/10"),
        ("a multicast address", "224.0.0.0/4 ff00::/8"),
        (
            "an IPv4 address in disguise",
            "::/96 ::ffff:0:0/96 ::ffff:0:0:0/96 64:ff9b::/96 64:ff9b:1::/48 2001::/32 2002::/16",
        ),
        (
            "a reserved address",
            "192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4"
            " 2001::/23 2001:db8::/32 3fff::/20",
        ),
    )
)
_GLOBAL_UNICAST = ip_network("2000::/3")
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?)*")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")


def why_refused(address: Address) -> str:
    """What kind of address this is, for people; empty for one of the public internet."""
    for kind, networks in _REFUSED:
        if any(address in network for network in networks):
            return kind
    return "" if address.version == 4 or address in _GLOBAL_UNICAST else "a reserved address"


@dataclass(frozen=True, slots=True)
class AllowList:
    """What may be dialled beyond the public internet: networks and host names, each at one port (or None for all)."""

    networks: tuple[tuple[Network, int | None], ...] = ()
    names: frozenset[tuple[str, int | None]] = frozenset()

    @classmethod
    def of(cls, entries: Iterable[str]) -> "AllowList":
        """From `10.0.0.0/8`, `127.0.0.1:11434`, `[::1]:8000`, `ollama:11434` … Raises ValueError with a sentence."""
        networks: list[tuple[Network, int | None]] = []
        names: set[tuple[str, int | None]] = set()
        for entry in filter(None, (entry.strip().lower() for entry in entries)):
            host, port = _host_and_port(entry)
            network = _network(host)
            if network is not None:
                networks.append((network, port))
            elif is_name(host):
                names.add((host, port))
            else:
                raise ValueError(_unreadable(entry))
        return cls(tuple(networks), frozenset(names))

    def has_address(self, address: Address, port: int) -> bool:
        return any(allowed in (None, port) and address in network for network, allowed in self.networks)

    def has_name(self, name: str, port: int) -> bool:
        return (name, port) in self.names or (name, None) in self.names


def is_name(host: str) -> bool:
    """Whether a lower-case text is a host name. What ends in a number is read as an address by some resolvers."""
    return bool(_NAME.fullmatch(host)) and not _NUMBER.fullmatch(host.rpartition(".")[2])


def plain_host(host: str) -> str:
    """A host as it is compared: lower case, without the dot that ends a full name and the brackets of an address."""
    return host.lower().removeprefix("[").removesuffix("]").rstrip(".")


def parse_address(text: str) -> Address | None:
    """The address a text spells, None for a name. Only the canonical spelling counts: no octal, hex or short forms."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def entry_for(host: str, port: int) -> str:
    """What to add to the allow-list for this host and port and nothing else."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _host_and_port(entry: str) -> tuple[str, int | None]:
    if entry.startswith("["):
        host, bracket, rest = entry[1:].partition("]")
        port = rest.removeprefix(":") if rest else ""
        is_whole = bool(bracket) and (not rest or rest.startswith(":"))
    elif entry.count(":") == 1:
        host, _, port = entry.partition(":")
        is_whole = bool(port)
    else:
        host, port, is_whole = entry, "", True
    if not is_whole or (port and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536)):
        raise ValueError(_unreadable(entry))
    return plain_host(host), int(port) if port else None


def _network(host: str) -> Network | None:
    try:
        return ip_network(host)
    except ValueError:
        return None


def _unreadable(entry: str) -> str:
    return (
        f"EGRESS_ALLOW: {entry!r} is neither a network (10.0.0.0/8) nor an address or a name, with a port or without."
    )
