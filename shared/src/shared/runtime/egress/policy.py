"""Which addresses may be called.

Python's own classifiers are too weak for this (``is_global`` is true for ``2002:7f00:1::``), so the networks are listed
here, and addresses that carry another one inside are unwrapped first. Sources: the IANA special-purpose address registries
and the cloud providers' pages on their metadata services.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from shared.runtime.settings import ServiceSettings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_REFUSED: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), what)
    for network, what in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by carriers"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "for documentation"),
        ("192.31.196.0/24", "reserved"),
        ("192.52.193.0/24", "reserved"),
        ("192.88.99.0/24", "a relay"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "reserved"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("100::/64", "discarded"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "for documentation"),
        ("3fff::/20", "for documentation"),
        ("5f00::/16", "for segment routing"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)

_METADATA = frozenset(
    ip_address(address)
    for address in (
        "169.254.169.254",  # AWS, Google, Azure, OpenStack, DigitalOcean, Oracle
        "169.254.170.2",  # AWS ECS credentials
        "169.254.170.23",  # AWS EKS pod identity
        "169.254.169.123",  # AWS time, beside it
        "169.254.0.23",  # Tencent
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle Classic
        "168.63.129.16",  # Azure's host channel
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
    )
)
_METADATA_NAMES = frozenset({"metadata.google.internal", "metadata.goog", "metadata", "instance-data", "instance-data.ec2.internal"})

_NAT64 = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_COMPATIBLE = IPv6Network("::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)


class EgressRefused(Exception):
    """A call that the policy forbids. The text names the host, why, and the setting that would allow it."""


def unwrapped(address: Address) -> tuple[Address, ...]:
    """Return the address and those it carries inside (mapped, compatible, NAT64, 6to4, Teredo, ISATAP): all are checked."""
    if isinstance(address, IPv4Address):
        return (address,)
    number = int(address)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    inside: list[Address] = [address]
    if address in _NAT64 or (address in _COMPATIBLE and number > 0xFFFF) or address in _NAT64_LOCAL:
        inside.append(IPv4Address(number & 0xFFFFFFFF))
    elif address in _SIX_TO_FOUR:
        inside.append(IPv4Address((number >> 80) & 0xFFFFFFFF))
    elif address in _TEREDO:
        inside += [IPv4Address((number >> 64) & 0xFFFFFFFF), IPv4Address(~number & 0xFFFFFFFF)]
    if (number >> 32) & 0xFFFFFFFF in _ISATAP:
        inside.append(IPv4Address(number & 0xFFFFFFFF))
    return tuple(inside)


@dataclass(frozen=True)
class EgressPolicy:
    """Public addresses may be called; others only when the operator allows their network or host name. Metadata services never."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def from_settings(cls, settings: ServiceSettings) -> "EgressPolicy":
        """Read ``FLOWTOWER_EGRESS_ALLOW``."""
        return cls.allowing(settings.egress_allow)

    @classmethod
    def allowing(cls, entries: Iterable[str]) -> "EgressPolicy":
        """Allow these networks, addresses and host names beside what is public."""
        networks: list[Network] = []
        hosts: set[str] = set()
        for entry in entries:
            try:
                networks.append(ip_network(entry, strict=False))
            except ValueError:
                if "/" in entry or not entry.isascii():
                    raise ValueError(f"FLOWTOWER_EGRESS_ALLOW: {entry!r} is no network, address or host name") from None
                hosts.add(_plain(entry))
        return cls(tuple(networks), frozenset(hosts))

    def check_name(self, host: str) -> None:
        """Refuse host names that only metadata services have."""
        if _plain(host) in _METADATA_NAMES:
            raise EgressRefused(f"{host} is a cloud metadata service; it is never called, whatever is allowed")

    def check_address(self, host: str, address: Address) -> None:
        """Refuse ``address``, to which ``host`` resolved, unless it is public or allowed."""
        inside = unwrapped(address)
        shown = host if host == str(address) else f"{host} ({address})"
        if any(part in _METADATA for part in inside):
            raise EgressRefused(f"{shown} is a cloud metadata service; it is never called, whatever is allowed")
        if _plain(host) in self.hosts or all(self._allowed(part) for part in inside):
            return
        for part in inside:
            for network, what in _REFUSED:
                if part.version == network.version and part in network and not self._allowed(part):
                    raise EgressRefused(
                        f"{shown} is not called: {part} is {what}. An operator can allow it by adding {part} or its network"
                        " to FLOWTOWER_EGRESS_ALLOW"
                    )

    def _allowed(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self.networks)


def _plain(host: str) -> str:
    return host.lower().rstrip(".").strip("[]")
