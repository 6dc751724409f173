"""How a station may conduct itself: who may begin which conversation with whom, how often and how much.

One document for each station or site. It is what a MUD file, a packet filter and the judges are all made from, so it
says nothing that one of them could not hold a conversation against.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

#: What a host is to the station. Hosts of the role "station" are the guarded ones; "router" passes on what others send.
Role = Literal["station", "centre", "time", "resolver", "maintenance", "monitor", "router", "other"]

#: "continuous" while both live, "every" so many seconds, "rare" by hand or need, "window" only at hours agreed on.
Rhythm = Literal["continuous", "every", "rare", "window"]

#: What every host of a link says to all others, allowed from those that are known: ARP, IPv6 neighbour discovery,
#: group membership of IPv4 and IPv6, LLDP.
Chatter = Literal["arp", "nd", "igmp", "mld", "lldp"]

#: The ICMP messages that begin a conversation of their own; all others are answers, errors or chatter.
#: Sources: RFC 792, RFC 950, RFC 4443, RFC 4620.
ASKING: Final = {"icmp": {8: 0, 13: 14, 15: 16, 17: 18}, "icmp6": {128: 129, 139: 140}}

#: By name, with the protocol's number.
NAMED: Final = {"tcp": 6, "udp": 17, "icmp": 1, "icmp6": 58}

_DAY_S: Final = 86_400
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of the week, UTC. One that goes over midnight is written as two.

    start_s, end_s  seconds after midnight, 0 <= start_s < end_s <= 86400, the end not included
    days            0 Monday to 6 Sunday, in order
    """

    start_s: int
    end_s: int
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < self.end_s <= _DAY_S:
            raise ValueError(f"a window from {self.start_s} s to {self.end_s} s is not within a day")
        if not self.days or tuple(sorted(set(self.days))) != self.days or not set(self.days) <= set(range(7)):
            raise ValueError(f"days {self.days} are not days from 0 Monday to 6 Sunday, each once, in order")

    def holds(self, time_ns: int) -> bool:
        """Whether an instant is within."""
        day, second = divmod(time_ns // 1_000_000_000, _DAY_S)
        # 1970-01-01 was a Thursday.
        return (day + 3) % 7 in self.days and self.start_s <= second < self.end_s


@dataclass(frozen=True, slots=True)
class Envelope:
    """How fast one side of a conversation sends while it lasts, IP headers included.

    low_bytes_per_s, high_bytes_per_s  bounds of an honest sender; expected_bytes_per_s lies between them
    packets_per_s                      expected; 0 where nobody knows
    """

    low_bytes_per_s: float
    expected_bytes_per_s: float
    high_bytes_per_s: float
    packets_per_s: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.low_bytes_per_s <= self.expected_bytes_per_s <= self.high_bytes_per_s < float("inf"):
            raise ValueError("an envelope goes from low over expected to high")
        if not 0 <= self.packets_per_s < float("inf"):
            raise ValueError(f"{self.packets_per_s} packets per second")


@dataclass(frozen=True, slots=True)
class Host:
    """A host and the MAC addresses it may be seen with.

    name       for people
    addresses  single addresses, as the ipaddress module writes them
    macs       lower-case with colons; none where it is behind a router or nobody knows
    role       what it is to the station
    """

    name: str
    addresses: tuple[str, ...]
    macs: tuple[str, ...] = ()
    role: Role = "other"

    def __post_init__(self) -> None:
        for address in self.addresses:
            if str(ipaddress.ip_address(address)) != address:
                raise ValueError(f"{address} is written {ipaddress.ip_address(address)}")
        for mac in self.macs:
            if not _MAC.fullmatch(mac):
                raise ValueError(f"{mac!r} is no MAC address in lower case with colons")
        if self.role not in get_args(Role):
            raise ValueError(f"{self.role!r} is none of the roles {', '.join(get_args(Role))}")


@dataclass(frozen=True, slots=True)
class Allowed:
    """A conversation that may be, begun by its client and by nobody else.

    client, server  addresses, or networks ADDRESS/BITS, at least one each
    protocol        "tcp", "udp", "icmp", "icmp6", or the number of another protocol as text
    server_port     1 to 65535; ICMP: the type of the client's messages; 0 for protocols without ports
    service         what it is for, for people
    rhythm          how often
    every_s         of rhythm "every"; else 0
    windows         of rhythm "window", at least one; else none
    client_rate, server_rate  how fast each side sends, None where nobody knows
    """

    client: tuple[str, ...]
    server: tuple[str, ...]
    protocol: str
    server_port: int
    service: str = ""
    rhythm: Rhythm = "rare"
    every_s: float = 0.0
    windows: tuple[Window, ...] = ()
    client_rate: Envelope | None = None
    server_rate: Envelope | None = None

    def __post_init__(self) -> None:
        if not self.client or not self.server:
            raise ValueError(f"{self.service}: a conversation has a client and a server")
        for side in (*self.client, *self.server):
            network = ipaddress.ip_network(side)
            if side not in (str(network), str(network.network_address)) or (
                "/" not in side and network.num_addresses > 1
            ):
                raise ValueError(f"{side} is written {network}")
            if {"icmp": 6, "icmp6": 4}.get(self.protocol) == network.version:
                raise ValueError(f"{self.protocol} does not go from or to {side}")
        if not _is_port(self.protocol, self.server_port):
            raise ValueError(f"{self.protocol} has no conversation begun on {self.server_port}")
        if self.rhythm not in get_args(Rhythm):
            raise ValueError(f"{self.rhythm!r} is none of the rhythms {', '.join(get_args(Rhythm))}")
        if (self.rhythm == "every") != (0 < self.every_s < float("inf")):
            raise ValueError("every_s belongs to the rhythm every, and is more than 0")
        if (self.rhythm == "window") != bool(self.windows):
            raise ValueError("windows belong to the rhythm window")


@dataclass(frozen=True, slots=True)
class Reads:
    """A reader may have channels of a server, and no others.

    reader    address
    patterns  NET.STA.LOC.CHA, with * and ?
    """

    reader: str
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conduct:
    """All that a station or site does on its network.

    name     NET.STA, or what the site is called
    hosts    who takes part; bindings of addresses to MAC addresses hold on the link where the station is
    allowed  the conversations
    chatter  what every known host may say to the link
    reads    who may have which channels; none where nobody said
    closed   whether hosts are all there are on the link. If not, who is not among them is no stranger for that
    """

    name: str
    hosts: tuple[Host, ...] = ()
    allowed: tuple[Allowed, ...] = ()
    chatter: tuple[Chatter, ...] = get_args(Chatter)
    reads: tuple[Reads, ...] = ()
    closed: bool = True

    def __post_init__(self) -> None:
        if not set(self.chatter) <= set(get_args(Chatter)):
            raise ValueError(f"chatter {self.chatter} is not of {', '.join(get_args(Chatter))}")

    def addresses(self, role: Role) -> tuple[str, ...]:
        """The addresses of the hosts of a role: of the time servers, the resolvers, the maintenance hosts ..."""
        return tuple(address for host in self.hosts if host.role == role for address in host.addresses)


def _is_port(protocol: str, port: int) -> bool:
    if protocol in ASKING:
        return port in ASKING[protocol]
    if protocol in ("tcp", "udp"):
        return 1 <= port <= 65_535
    numbered = protocol.isascii() and protocol.isdecimal() and str(int(protocol)) == protocol and int(protocol) <= 255
    return numbered and int(protocol) not in NAMED.values() and port == 0
