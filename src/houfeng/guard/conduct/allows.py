"""The detector made from a conduct profile: whether a conversation is allowed, and a binding right."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from houfeng.wire.seedlink.patterns import matcher
from houfeng.words.conduct import Allowed, Conduct
from houfeng.words.network import Binding, Flow

#: ICMPv6 messages of a link: RFC 4861 sections 4.1 to 4.4; RFC 2710 section 3, RFC 3810 section 5.2. A redirect (137)
#: is not among them: it moves traffic.
ND_TYPES: Final = (133, 134, 135, 136)
MLD_TYPES: Final = (130, 131, 132, 143)

#: Sources without an address of their own yet, and those that never leave the link (RFC 3927, RFC 4291 section 2.5.6).
UNSETTLED: Final = {4: ("0.0.0.0", "169.254.0.0/16"), 6: ("::", "fe80::/10")}  # noqa: S104

_IGMP: Final = "2"
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_UNSETTLED: Final = tuple(ipaddress.ip_network(net) for nets in UNSETTLED.values() for net in nets)
_GROUPS: Final = ipaddress.ip_network("224.0.0.0/4")


@lru_cache(maxsize=65_536)
def address_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address a text says, None when it says none."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def is_unsettled(address: str) -> bool:
    """Whether it is no address yet or one that never leaves its link."""
    read = address_of(address)
    return read is not None and any(read in net for net in _UNSETTLED)


class Places:
    """Addresses and networks, to be asked quickly whether one is among them."""

    __slots__ = ("_networks", "_single")

    def __init__(self, texts: Iterable[str]) -> None:
        networks = [ipaddress.ip_network(text) for text in texts]
        self._single = frozenset(str(net.network_address) for net in networks if net.num_addresses == 1)
        self._networks: tuple[_Network, ...] = tuple(net for net in networks if net.num_addresses > 1)

    def __contains__(self, address: str) -> bool:
        if address in self._single:
            return True
        read = address_of(address) if self._networks else None
        return read is not None and any(read in net for net in self._networks)


class Detector:
    """What a conduct says of flows, bindings and subscriptions. It remembers nothing."""

    def __init__(self, conduct: Conduct) -> None:
        self.conduct = conduct
        self._by_service: dict[tuple[str, int], list[tuple[Places, Places, Allowed]]] = {}
        for each in conduct.allowed:
            places = (Places(each.client), Places(each.server), each)
            self._by_service.setdefault((each.protocol, each.server_port), []).append(places)
        self._known = frozenset(address for host in conduct.hosts for address in host.addresses)
        bound = [(address, mac) for host in conduct.hosts for mac in host.macs for address in host.addresses]
        self._bound: dict[str, set[str]] = {}
        for address, mac in bound:
            self._bound.setdefault(address, set()).add(mac)
        self.macs = frozenset(mac for host in conduct.hosts for mac in host.macs)
        self.routers = frozenset(mac for host in conduct.hosts if host.role == "router" for mac in host.macs)
        self._links = Places(links_of(conduct))
        self._reads: dict[str, tuple[str, ...]] = {}
        for reads in conduct.reads:
            self._reads[reads.reader] = (*self._reads.get(reads.reader, ()), *reads.patterns)

    def knows(self, address: str) -> bool:
        """Whether an address is one of a host of the profile."""
        return address in self._known

    def macs_of(self, address: str) -> frozenset[str]:
        """The MAC addresses an address is bound to, none where it is not."""
        return frozenset(self._bound.get(address, ()))

    def terms(self, client: str, server: str, protocol: str, server_port: int) -> tuple[Allowed, ...]:
        """The allowed conversations that this is one of, whatever the hour."""
        alike = (":" in client) == (":" in server)
        found = self._by_service.get((protocol, server_port), ()) if alike else ()
        return tuple(each for clients, servers, each in found if client in clients and server in servers)

    def allows(self, flow: Flow) -> bool:
        """Whether a conversation begun so, at the time it begins, is allowed."""
        terms = self.terms(flow.client, flow.server, flow.protocol, flow.server_port)
        return any(in_hours(each, flow.start_ns) for each in terms) or self.is_chatter(flow)

    def is_chatter(self, flow: Flow) -> bool:
        """Whether a flow is what a known host, or one without an address yet, may say to its link."""
        chatter = self.conduct.chatter
        if flow.protocol == "icmp6":
            nd = "nd" in chatter and flow.server_port in ND_TYPES
            spoken = nd or ("mld" in chatter and flow.server_port in MLD_TYPES)
        else:
            group = address_of(flow.server)
            spoken = flow.protocol == _IGMP and "igmp" in chatter and group is not None and group in _GROUPS
        return spoken and (flow.client in self._known or is_unsettled(flow.client))

    def binding_ok(self, binding: Binding) -> bool:
        """Whether an address may be used from a MAC address. Without any binding in the profile all may."""
        if not self.macs:
            return True
        macs = self._bound.get(binding.address)
        if macs is not None:
            return binding.mac in macs
        if not self.conduct.closed or (binding.mac in self.macs and is_unsettled(binding.address)):
            return True
        if binding.how == "arp":
            return False
        # IP from an address of no host here: it came through a router. Where none is declared, any stranger may be it,
        # unless the address belongs on the link itself.
        if self.routers:
            return binding.mac in self.routers
        return binding.mac not in self.macs and binding.address not in self._links

    def may_read(self, reader: str, channel: str) -> bool:
        """Whether a reader may have a channel NET.STA.LOC.CHA. Where the profile says nothing of reading, all may."""
        if not self.conduct.reads:
            return True
        return any(matcher(pattern)(channel) for pattern in self._reads.get(reader, ()))


def links_of(conduct: Conduct) -> list[str]:
    """The networks of the station's link: those its bound addresses lie in, by the usual sizes, 24 bits and 64."""
    bound = {address for host in conduct.hosts if host.macs for address in host.addresses}
    settled = (address for address in bound if not is_unsettled(address))
    nets = {ipaddress.ip_network((address, 64 if ":" in address else 24), strict=False) for address in settled}
    return sorted(map(str, nets))


def in_hours(allowed: Allowed, time_ns: int) -> bool:
    """Whether a conversation may begin at an instant."""
    return not allowed.windows or any(window.holds(time_ns) for window in allowed.windows)
