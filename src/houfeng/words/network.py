"""What an eye on a network or a host saw: conversations, claims of addresses, look-ups, logins, subscriptions.

An eye is a capture, a flow exporter, a sensor's log or a server's log. Whatever it is, what it saw is said in these
words, so that one judge serves all of them. Addresses are text as the ipaddress module writes them, MAC addresses
are lower-case pairs with colons; text that came from outside is kept as it came and is never shown raw.
"""

from dataclasses import dataclass
from typing import Literal

#: How a conversation went: "answered" when both sides spoke (in TCP: more than a reset), "refused" when the answer was
#: a reset or "unreachable", "unanswered" when only its client spoke, "unknown" when the eye saw one direction alone.
Outcome = Literal["answered", "refused", "unanswered", "unknown"]


@dataclass(frozen=True, slots=True)
class Seen:
    """Where an observation comes from.

    eye   name of the file, interface or exporter
    line  its line, packet or record, counted from 1; 0 when it has none
    """

    eye: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Flow:
    """One network conversation, as far as its eye followed it.

    seen              where it comes from
    start_ns, end_ns  its first and last packet
    client, server    addresses; the client is who began, or where that was not seen who has the higher port
    client_port, server_port  0 where the protocol has none; ICMP: 0 and the type of the client's messages
    protocol          "tcp", "udp", "icmp", "icmp6", or the protocol's number as text
    client_packets, server_packets  how many each side sent
    client_bytes, server_bytes      IP bytes each side sent, headers included
    client_payload_bytes, server_payload_bytes  bytes above TCP or UDP, None where the eye does not tell
    outcome           how it went
    begun             whether its beginning was seen
    service           what the eye says it is: "ssh", "dns", "http" ...; "" when it does not say
    client_mac, server_mac  "" where the eye does not tell
    ongoing           True for what was seen of it so far, told again later with the same start and ends
    """

    seen: Seen
    start_ns: int
    end_ns: int
    client: str
    client_port: int
    server: str
    server_port: int
    protocol: str
    client_packets: int
    server_packets: int
    client_bytes: int
    server_bytes: int
    client_payload_bytes: int | None = None
    server_payload_bytes: int | None = None
    outcome: Outcome = "unknown"
    begun: bool = True
    service: str = ""
    client_mac: str = ""
    server_mac: str = ""
    ongoing: bool = False


@dataclass(frozen=True, slots=True)
class Binding:
    """An address was claimed by, or used from, a MAC address.

    how  "arp" by an ARP message of its own, "ip" by sending IP from it
    Told when first seen, when it changed, and once a minute while it lasts.
    """

    seen: Seen
    time_ns: int
    address: str
    mac: str
    how: Literal["arp", "ip"]


@dataclass(frozen=True, slots=True)
class Asked:
    """Someone asked the local network who has an address (ARP request, IPv6 neighbour solicitation)."""

    seen: Seen
    time_ns: int
    asker: str
    asker_mac: str
    target: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """A name was looked up.

    kind    "A", "AAAA", "TXT" ...
    answer  the response code, "NOERROR", "NXDOMAIN" ...; "" when no answer was seen
    """

    seen: Seen
    time_ns: int
    client: str
    server: str
    name: str
    kind: str
    answer: str


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody tried to log in.

    source    address it came from, or a host's name where the log says no address
    host      address or name of the machine logged in to
    service   "ssh", "ftp", "telnet", "http", "seedlink", "datalink", "console"
    user      as given by whoever tried; "" unknown
    accepted  whether it was let in
    tries     how many such tries this stands for
    """

    seen: Seen
    time_ns: int
    source: str
    host: str
    service: str
    user: str
    accepted: bool
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Subscription:
    """A reader asked a data server for a channel, or was given it, or a writer gave it.

    reader, server  addresses; for direction "in" the reader is the writer
    service         "seedlink" or "datalink"
    channel         NET.STA.LOC.CHA, with * and ? where the reader asked for several
    packets, count_bytes  what was handed over since start_ns; 0 where it was only asked for
    direction       "out" from the server, "in" to the server
    """

    seen: Seen
    start_ns: int
    end_ns: int
    reader: str
    server: str
    service: str
    channel: str
    packets: int = 0
    count_bytes: int = 0
    direction: Literal["out", "in"] = "out"


@dataclass(frozen=True, slots=True)
class Notice:
    """Another sensor's own judgement: a Suricata alert, a Zeek notice or weird.

    name      its signature or kind, as the sensor writes it
    severity  1 gravest to 4 least, as Suricata counts; 4 where the sensor does not say
    """

    seen: Seen
    time_ns: int
    sensor: str
    name: str
    client: str
    server: str
    severity: int = 4


#: Whatever an eye saw.
Observation = Flow | Binding | Asked | Lookup | Login | Subscription | Notice


def time_of(observation: Observation) -> int:
    """When an observation was complete: the order in which judges are to hear of them."""
    if isinstance(observation, Flow | Subscription):
        return observation.end_ns
    return observation.time_ns
