"""Where a webhook may go: pure. A URL is read once, its name resolved once, and what was judged is
what is connected to.

Everything but the public Internet is refused, also where it hides in another address: IPv4 in IPv6
(mapped, compatible, 6to4, Teredo, NAT64, ISATAP), numbers in other bases,
and names that lead there.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
URL_LENGTH_MAX = 2_000
PORTS = {"https": 443, "http": 80}
# A name as DNS has it, whose last label is not a number: that would be an IPv4 address.
_NAME = re.compile(
    r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z][a-z0-9-]{0,62}"
)
_EMBEDDING = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "64:ff9b::/96",  # NAT64, RFC 6052
        "64:ff9b:1::/48",  # RFC 8215
        "::/96",  # IPv4-compatible
        "::ffff:0:0:0/96",  # IPv4-translated
    )
)
_ISATAP = re.compile(r"0[02]005efe")
_REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.88.99.0/24",  # 6to4 relays
        "100.64.0.0/10",
        "198.18.0.0/15",
        "fec0::/10",
        "5f00::/16",
        "3fff::/20",
        "2001::/23",
    )
)


class TargetRefused(Exception):
    """The webhook may not go there; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL, read. `path`: with the query, as it is sent."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def parse_target(url: str) -> Target:
    """Raises `TargetRefused`."""
    if len(url) > URL_LENGTH_MAX or not url.isascii() or not url.isprintable() or " " in url:
        raise TargetRefused("a URL has at most 2,000 printable ASCII characters and no spaces")
    if "\\" in url:
        raise TargetRefused("a URL has no backslash")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise TargetRefused("the URL cannot be read") from None
    if parts.scheme not in PORTS:
        raise TargetRefused("a webhook's URL begins with https://")
    if "@" in parts.netloc or parts.fragment:
        raise TargetRefused("a webhook's URL has no user, password or fragment")
    host = (parts.hostname or "").rstrip(".")
    if not _is_address(host) and not _NAME.fullmatch(host):
        raise TargetRefused("the host is neither a name nor an address in its usual form")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, PORTS[parts.scheme] if port is None else port, path)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the settings allow besides the public Internet: networks, and single ports."""

    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    places: frozenset[tuple[IPAddress, int]] = frozenset()

    @classmethod
    def read(cls, texts: Sequence[str]) -> "Allowance":
        """Raises ValueError for what is neither NETWORK/BITS nor ADDRESS:PORT."""
        networks, places = [], set()
        for text in texts:
            if "/" in text:
                networks.append(ipaddress.ip_network(text))
            else:
                host, _, port = text.rpartition(":")
                places.add((ipaddress.ip_address(host.strip("[]")), int(port)))
        return cls(tuple(networks), frozenset(places))

    def covers(self, address: IPAddress, port: int) -> bool:
        return (address, port) in self.places or any(
            address in network for network in self.networks if network.version == address.version
        )


def choose_address(target: Target, found: Sequence[str], allowance: Allowance) -> str:
    """The one of the addresses `found` for the target's host that is connected to.

    All of them must be allowed: a name with a public and a private address is an attack, or a
    mistake. Without TLS only what the settings allow. Raises `TargetRefused`.
    """
    if not found:
        raise TargetRefused("the name has no address")
    addresses = [ipaddress.ip_address(each.partition("%")[0]) for each in found]
    for address in addresses:
        if allowance.covers(address, target.port):
            continue
        if not is_public(address):
            raise TargetRefused("the address is not on the public Internet")
        if target.scheme != "https":
            raise TargetRefused("a webhook's URL begins with https://")
    return str(addresses[0])


def is_public(address: IPAddress) -> bool:
    """Whether anybody may be asked to connect there."""
    if isinstance(address, ipaddress.IPv6Address) and _stands_for_ipv4(address):
        return False  # no public service is reached only that way
    if any(address in network for network in _REFUSED if network.version == address.version):
        return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def _stands_for_ipv4(address: ipaddress.IPv6Address) -> bool:
    """Whether an IPv4 address is hidden in it, whatever the way."""
    if address.ipv4_mapped or address.sixtofour or address.teredo:
        return True
    interface = f"{(int(address) >> 32) & 0xFFFF_FFFF:08x}"
    return bool(_ISATAP.fullmatch(interface)) or any(address in each for each in _EMBEDDING)
