"""What an exporter's record says of one sender, as a Flow: who is the client, and how it went.

Routers count each direction by itself, so most records know one side only. A rule decides who is the client, the
surest tell first:

1. TCP with SYN and never an ACK: only who opens sends that, so the sender is the client (RFC 9293, 3.5).
2. A single TCP segment with SYN and ACK and nothing else: it answers, so the sender is the server.
3. ICMP: who asks is the client, who replies the server; whoever reports an error counts as asking.
4. Otherwise the server is the side whose port is a service's: one below 1024 (RFC 6335, 6) or one of the few above
   that stations, control equipment and their hosts serve. Where that is both or neither, it is the side with the
   lower port, since clients take theirs from above 32,767 (Linux) or 49,151 (RFC 6335, 6); with equal ports the
   sender is the client.

A record that also counts what came back (RFC 5103) was turned by its exporter: its sender is the client, unless the
exporter says that it knows otherwise.
"""

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from houfeng.wire.eyes.frames import ACK, FIN, NO_MAC, PSH, RST, SYN, mac_text
from houfeng.words.network import Flow, Outcome, Seen

TCP: Final = 6
_ICMP: Final = 1
_ICMP6: Final = 58
_NAMES: Final = {_ICMP: "icmp", TCP: "tcp", 17: "udp", _ICMP6: "icmp6"}

#: Protocols with ports where TCP has them: TCP, UDP, DCCP, SCTP, UDP-Lite.
_WITH_PORTS: Final = frozenset({TCP, 17, 33, 132, 136})

#: The request that each kind of reply answers: RFC 792, 950 and 4443.
_ASKED_BY: Final = {(_ICMP, 0): 8, (_ICMP, 14): 13, (_ICMP, 16): 15, (_ICMP, 18): 17, (_ICMP6, 129): 128}

#: Ports below are a service's, and these above: those of seismic data (DataLink 16000, SeedLink 18000 and 18500 as
#: their servers ship), of control equipment (IEC 60870-5-104, C37.118, OPC UA, DNP3, EtherNet/IP, BACnet), and what
#: IANA has registered that machines beside them serve: databases, MQTT, NFS, remote desktops, proxies, web, SIP.
_SYSTEM_PORTS: Final = 1024
_SERVICES: Final = frozenset({
    16000, 18000, 18500, 2404, 4712, 4713, 4840, 20000, 44818, 47808, 1433, 1521, 1883, 2049, 3128, 3306, 3389, 5060,
    5353, 5432, 5900, 6379, 8080, 8443, 8883,
})  # fmt: skip

#: Addresses come again and again; this many texts are kept, a few MB.
_TEXTS: Final = 32_768


@dataclass(frozen=True, slots=True)
class Sent:
    """One record of an exporter.

    start_ns, end_ns          first and last packet
    sender, receiver          addresses as text
    sender_port, receiver_port  of ICMP: 0 and 256 times the type plus the code
    protocol                  IP protocol number
    tcp_flags                 all flags of the sender's packets together; None where not told
    packets, count_bytes      what the sender sent, IP bytes
    back_packets, back_bytes  what came back; None where the record knows one side only
    back_flags                all flags of what came back; None where not told
    turned                    True if the exporter says that the receiver began
    sender_mac, receiver_mac  48 bits, or NO_MAC
    """

    start_ns: int
    end_ns: int
    sender: str
    sender_port: int
    receiver: str
    receiver_port: int
    protocol: int
    tcp_flags: int | None
    packets: int
    count_bytes: int
    back_packets: int | None = None
    back_bytes: int = 0
    back_flags: int | None = None
    turned: bool = False
    sender_mac: int = NO_MAC
    receiver_mac: int = NO_MAC


def flow_of(seen: Seen, sent: Sent) -> Flow:
    """Tell a record as a Flow.

    Of one side alone the outcome is "unknown", but for two tells: a client that sent SYN and never an ACK was not
    answered ("unanswered"; a reset may yet be found), and a server that sent nothing but resets refused.
    `begun` is, in TCP, whether SYN was among the flags; a record without flags claims nothing. Where there is no
    connection every record counts as begun.
    """
    if sent.back_packets is not None:
        return _both(seen, sent, sent.back_packets)
    by_client = _sender_is_client(sent)
    flags = (sent.tcp_flags or 0) if sent.protocol == TCP else 0
    outcome: Outcome = "unknown"
    if by_client and flags & SYN and not flags & ACK:
        outcome = "unanswered"
    elif not by_client and _only_resets(flags):
        outcome = "refused"
    return _flow(seen, sent, by_client, (sent.packets, sent.count_bytes), (0, 0), outcome)


def _both(seen: Seen, sent: Sent, back_packets: int) -> Flow:
    outcome: Outcome = "answered"
    # A firewall may count bytes alone: a side spoke if either count is told.
    ahead, back = (sent.packets, sent.count_bytes), (back_packets, sent.back_bytes)
    if not any(back) or not any(ahead):
        outcome = "unanswered"
    elif sent.protocol == TCP and _only_resets((sent.tcp_flags if sent.turned else sent.back_flags) or 0):
        outcome = "refused"
    return _flow(seen, sent, not sent.turned, ahead, back, outcome)


def _flow(
    seen: Seen, sent: Sent, by_client: bool, ahead: tuple[int, int], back: tuple[int, int], outcome: Outcome
) -> Flow:
    client = (sent.sender, sent.sender_port, sent.sender_mac, *ahead)
    server = (sent.receiver, sent.receiver_port, sent.receiver_mac, *back)
    if not by_client:
        client, server = server, client
    flags = (sent.tcp_flags or 0) | (sent.back_flags or 0)
    return Flow(
        seen=seen,
        start_ns=sent.start_ns,
        end_ns=sent.end_ns,
        client=client[0],
        client_port=client[1] if sent.protocol in _WITH_PORTS else 0,
        server=server[0],
        server_port=_service(sent, server[1]),
        protocol=_NAMES.get(sent.protocol) or str(sent.protocol),
        client_packets=client[3],
        server_packets=server[3],
        client_bytes=client[4],
        server_bytes=server[4],
        outcome=outcome,
        begun=sent.protocol != TCP or bool(flags & SYN),
        client_mac=mac_text(client[2]),
        server_mac=mac_text(server[2]),
    )


def _sender_is_client(sent: Sent) -> bool:
    if sent.protocol in {_ICMP, _ICMP6}:
        return (sent.protocol, sent.receiver_port >> 8) not in _ASKED_BY
    if sent.protocol == TCP and sent.tcp_flags:
        if sent.tcp_flags & SYN and not sent.tcp_flags & ACK:
            return True
        if sent.packets == 1 and sent.tcp_flags & (SYN | ACK | FIN | RST | PSH) == SYN | ACK:
            return False
    return not is_server(sent.sender_port, sent.receiver_port)


def is_server(port: int, other_port: int) -> bool:
    """Whether of two sides the one at `port` is the server, by the ports alone (rule 4)."""
    serves, other_serves = (one < _SYSTEM_PORTS or one in _SERVICES for one in (port, other_port))
    return port < other_port if serves == other_serves else serves


def _only_resets(flags: int) -> bool:
    return bool(flags & RST) and not flags & ~(RST | ACK)


def _service(sent: Sent, port: int) -> int:
    """The server's port, or the type of the client's ICMP messages."""
    if sent.protocol in {_ICMP, _ICMP6}:
        kind = sent.receiver_port >> 8
        return _ASKED_BY.get((sent.protocol, kind), kind)
    return port if sent.protocol in _WITH_PORTS else 0


@lru_cache(_TEXTS)
def address_text(packed: bytes) -> str:
    """An address of 4 or 16 bytes as the ipaddress module writes it. Raises ValueError for another length."""
    return str(ipaddress.ip_address(packed))
