"""Which network addresses a probe may connect to: everyone's, this network's own, or never."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Reach(StrEnum):
    """What kind of place an address is."""

    PUBLIC = "public"
    PRIVATE = "private"  # loopback, private, shared, reserved: only when the config says so
    NEVER = "never"  # link-local and the addresses where clouds hand out credentials


# Where clouds answer metadata and credentials to whoever asks from inside.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
)
_NEVER = tuple(map(ipaddress.ip_network, ("169.254.0.0/16", "fe80::/10")))
_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",
            "::/127",
            "64:ff9b:1::/48",
            "100::/64",
            "2001:db8::/32",
            "fc00::/7",
            "fec0::/10",
            "ff00::/8",
        ),
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE = ipaddress.ip_network("::/96")
_SIX_TO_FOUR = ipaddress.ip_network("2002::/16")
_TEREDO = ipaddress.ip_network("2001::/32")


def literal(host: str) -> Address | None:
    """The address that a host name spells out in full, or None when it is a name (or an address in disguise)."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def reach(text: str) -> Reach:
    """The kind of place an address is; IPv4 carried inside IPv6 (mapped, NAT64, 6to4) is judged by what it carries.

    Anything that is no address is NEVER: what cannot be read is not connected to.
    """
    address = literal(text)
    if address is None:
        return Reach.NEVER
    if isinstance(address, ipaddress.IPv6Address) and (inner := _carried(address)) is not None:
        kind = reach(str(inner))
        # 6to4 and Teredo lead through relays that anyone may run: never treated as everyone's.
        tunnelled = address in _SIX_TO_FOUR or address in _TEREDO
        return Reach.PRIVATE if tunnelled and kind is Reach.PUBLIC else kind
    if address in _METADATA or any(address in network for network in _NEVER if network.version == address.version):
        return Reach.NEVER
    if any(address in network for network in _PRIVATE if network.version == address.version):
        return Reach.PRIVATE
    return Reach.PUBLIC if address.is_global else Reach.PRIVATE


def is_loopback(text: str) -> bool:
    """True for an address of this very machine."""
    address = literal(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address is not None and address.is_loopback


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _TEREDO:
        return ipaddress.IPv4Address(~int(address) & 0xFFFFFFFF)
    return address.sixtofour
