"""What an address alone tells: whether it is one of ours, whether it is a group, and its neighbourhood."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

#: Addresses remembered: more than the hosts of a big centre, and a few megabytes when strangers fill it.
_REMEMBERED: Final = 1 << 15

#: Longest text from outside that is shown.
_SHOWN: Final = 60


@lru_cache(_REMEMBERED)
def is_local(address: str) -> bool:
    """Whether an address cannot be met on the internet (RFC 6890): without a profile, what counts as ours."""
    known = _parsed(address)
    return known is not None and not known.is_global


@lru_cache(_REMEMBERED)
def is_group(address: str) -> bool:
    """Whether an address stands for many hosts: multicast, or broadcast as far as an address can tell."""
    known = _parsed(address)
    if known is None:
        return False
    broadcast = isinstance(known, IPv4Address) and (known.packed[-1] == 255 or known.packed[0] == 0)
    return known.is_multicast or known.is_unspecified or broadcast


@lru_cache(_REMEMBERED)
def network_of(address: str) -> str:
    """The /24 of an IPv4 or the /64 of an IPv6 address, as text; any other text is its own network.

    One service stands behind several neighbouring addresses; a /64 is one IPv6 link (RFC 4291, 2.5.4).
    """
    known = _parsed(address)
    if known is None:
        return address
    return str(ip_network((known.packed, 24 if known.version == 4 else 64), strict=False))


def shown(text: str) -> str:
    """Text from outside as it may be shown: printable ASCII, never longer than 60 characters."""
    plain = text if text.isascii() and text.isprintable() else ascii(text)[1:-1]
    return plain if len(plain) <= _SHOWN else f"{plain[: _SHOWN - 3]}..."


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(address)
    except ValueError:
        return None
