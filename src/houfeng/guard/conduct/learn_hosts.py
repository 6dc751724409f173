"""Which hosts there are, what MAC addresses they have, and which of them is a router."""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

from houfeng.guard.conduct.allows import Places, address_of, is_unsettled
from houfeng.words.conduct import Allowed, Host, Role
from houfeng.words.network import Binding

#: IP from so many addresses, none of them claimed by ARP, comes through a MAC address only if it passes on others'.
FEWEST_ROUTED: Final = 2

_LIMITED: Final = "255.255.255.255"


def is_group(address: str) -> bool:
    """Whether packets to an address go to many: multicast or broadcast.

    The broadcast address of a network is known by its last octet alone, which is right wherever networks are of 256
    addresses or whole multiples of them.
    """
    read = address_of(address)
    if read is None or read.version == 6:
        return read is not None and read.is_multicast
    return read.is_multicast or address == _LIMITED or int(read) & 0xFF == 0xFF


def hosts_of(allowed: Iterable[Allowed], bindings: Iterable[Binding], stations: Sequence[str]) -> tuple[Host, ...]:
    """One host for each address that takes part or is bound.

    stations  addresses or networks of the guarded hosts
    """
    conversations = list(allowed)
    claimed: dict[str, set[str]] = {}
    used: dict[str, set[str]] = {}
    for binding in bindings:
        if address_of(binding.address) is not None and binding.mac:
            known = claimed if binding.how == "arp" or is_unsettled(binding.address) else used
            known.setdefault(binding.mac, set()).add(binding.address)
    routers = {mac for mac, addresses in used.items() if _passes_on(addresses - claimed.get(mac, set()))}
    bound: dict[str, set[str]] = {}
    for table in (claimed, used):
        for mac, addresses in table.items():
            for address in addresses:
                if table is claimed or mac not in routers:
                    bound.setdefault(address, set()).add(mac)
    sides = {side for each in conversations for side in (*each.client, *each.server) if not is_group(side)}
    guarded = Places(stations)
    several = [address for address in {*bound, *sides} if not ipaddress.ip_address(address).is_unspecified]
    in_order = sorted(several, key=lambda a: (":" in a, int(ipaddress.ip_address(a))))
    hosts = [
        Host(address, (address,), tuple(sorted(bound.get(address, ()))), _role(address, conversations, guarded))
        for address in in_order
    ]
    # A router often has no address of its own that anybody saw; its MAC address stands for it.
    return (*hosts, *(Host(f"router {mac}", (), (mac,), "router") for mac in sorted(routers)))


def _passes_on(addresses: set[str]) -> bool:
    """Whether these are too many to be one host's: IPv6 gives a host several in the same network of 64 bits."""
    apart = {ipaddress.ip_network((address, 64), strict=False) if ":" in address else address for address in addresses}
    return len(apart) >= FEWEST_ROUTED


def _role(address: str, conversations: Iterable[Allowed], guarded: Places) -> Role:
    """What a host is by the service it offers, or asks for."""
    if address in guarded:
        return "station"
    for each in conversations:
        if address in each.server and each.server_port in _SERVERS and each.protocol == "udp":
            return _SERVERS[each.server_port]
        if address in each.client and (each.protocol, each.server_port) == ("tcp", 22):
            return "maintenance"
    return "other"


#: Well-known ports (RFC 5905, RFC 1035).
_SERVERS: Final[dict[int, Role]] = {123: "time", 53: "resolver"}
