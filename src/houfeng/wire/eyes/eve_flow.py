"""Suricata's flow and netflow events as Flows."""

from typing import Any, Final

from houfeng.wire.eyes.frames import ACK, RST, SYN
from houfeng.wire.eyes.log_book import DATED_FROM_NS, LATEST_NS
from houfeng.wire.eyes.log_values import (
    LONGEST_NS,
    LineFault,
    TimeFault,
    address,
    count,
    iso_instant,
    mac_if_any,
    shown,
    table,
    text,
)
from houfeng.words.network import Flow, Outcome, Seen

#: Protocols as Suricata names them, as IANA numbers them. It writes those it has no name for as numbers.
_PROTOCOLS: Final = {
    "TCP": "tcp", "UDP": "udp", "ICMP": "icmp", "IPv6-ICMP": "icmp6", "IGMP": "2", "IP-in-IP": "4", "IPv6": "41",
    "GRE": "47", "ESP": "50", "AH": "51", "EIGRP": "88", "OSPFIGP": "89", "PIM": "103", "VRRP": "112", "SCTP": "132",
}  # fmt: skip

#: Ethernet's addresses and type, and one VLAN tag (IEEE 802.3, 802.1Q).
_ETHERNET_BYTES: Final = 14
_VLAN_BYTES: Final = 4

#: The smallest headers of IPv4 (RFC 791, section 3.1) and IPv6 (RFC 8200, section 3).
_LEAST_BYTES: Final = {False: 20, True: 40}

#: What Suricata calls a conversation whose application it did not recognise.
_NO_SERVICE: Final = ("failed", "unknown")


def flow_of(event: dict[str, Any], time_ns: int, seen: Seen) -> Flow:
    """Read a flow event, or a netflow event, which is one direction of a conversation.

    time_ns  its timestamp, which is when Suricata gave the flow up

    Who began is the client, where the beginning was not seen who has the higher port, and so too in netflow events.
    The link's headers are taken off the bytes: 14 a packet for Ethernet and 4 for each VLAN tag, or none where less
    than IP headers would be left, as in captures without Ethernet. What short frames were padded with cannot be known
    any more: a packet of less than 46 IP bytes may count as 46.

    Raises LineFault saying which field cannot be, TimeFault where it is a time.
    """
    both = event.get("event_type") == "flow"
    told = table(event.get("flow" if both else "netflow"), "flow")
    tcp = table(event.get("tcp"), "tcp")
    protocol = _protocol(event.get("proto"))
    ports = protocol in {"tcp", "udp"}
    client = _side(event, "src", told, ("pkts_toserver", "bytes_toserver") if both else ("pkts", "bytes"), ports=ports)
    server = _side(event, "dest", told, ("pkts_toclient", "bytes_toclient") if both else None, ports=ports)
    start_ns, end_ns = _span(told, time_ns)
    flags = _flags(tcp, "tcp_flags_ts" if both else "tcp_flags"), _flags(tcp, "tcp_flags_tc")
    begun = protocol != "tcp" or not tcp or bool((flags[0] | flags[1]) & SYN)
    if ports and not (both and begun) and client[1] < server[1]:
        client, server, flags = server, client, flags[::-1]
    return Flow(
        seen,
        start_ns,
        end_ns,
        client[0],
        client[1],
        server[0],
        server[1] if ports else count(event.get("icmp_type", 0), "icmp_type", 255),
        protocol,
        client[2],
        server[2],
        client[3],
        server[3],
        outcome=_outcome(protocol, client[2], server[2], flags[1], begun=begun) if both else "unknown",
        begun=begun,
        service=_service(event.get("app_proto")),
        client_mac=client[4],
        server_mac=server[4],
    )


def _span(told: dict[str, Any], time_ns: int) -> tuple[int, int]:
    start_ns = iso_instant(told.get("start"), "start")
    end_ns = iso_instant(told.get("end"), "end")
    # A flow of a dated event is dated itself.
    earliest_ns = DATED_FROM_NS if time_ns >= DATED_FROM_NS else 1
    if not earliest_ns <= start_ns <= end_ns <= LATEST_NS or end_ns - start_ns > LONGEST_NS:
        raise TimeFault(f"it cannot last from {shown(told.get('start'))} to {shown(told.get('end'))}")
    return start_ns, end_ns


def _side(
    event: dict[str, Any], side: str, told: dict[str, Any], counted: tuple[str, str] | None, *, ports: bool
) -> tuple[str, int, int, int, str]:
    """Address, port, packets, IP bytes and MAC address of one side."""
    host = address(event.get(f"{side}_ip"), f"{side}_ip")
    port = count(event.get(f"{side}_port"), f"{side}_port", 65535) if ports else 0
    packets = wire_bytes = 0
    if counted:
        packets, wire_bytes = (count(told.get(field), field) for field in counted)
    tags = event.get("vlan")
    header_bytes = _ETHERNET_BYTES + _VLAN_BYTES * (len(tags) if isinstance(tags, list) else 0)
    ip_bytes = wire_bytes - packets * header_bytes
    if ip_bytes < packets * _LEAST_BYTES[":" in host]:
        ip_bytes = wire_bytes
    macs = table(event.get("ether"), "ether").get(f"{side}_macs")
    mac = mac_if_any(macs[0]) if isinstance(macs, list) and len(macs) == 1 else ""
    return host, port, packets, ip_bytes, mac


def _outcome(protocol: str, client_packets: int, server_packets: int, flags: int, *, begun: bool) -> Outcome:
    """How it went; flags are the server's."""
    if not client_packets or not server_packets:
        return "unanswered" if client_packets and begun else "unknown"
    if protocol == "tcp" and flags & RST and not flags & ~(RST | ACK) and (begun or server_packets == 1):
        return "refused"
    return "answered"


def _flags(tcp: dict[str, Any], field: str) -> int:
    told = tcp.get(field, "00")
    try:
        return int(told, 16) & 0xFF if isinstance(told, str) and len(told) <= 2 else 0
    except ValueError:
        raise LineFault(f"{field} cannot be {shown(told)}") from None


def _protocol(name: Any) -> str:
    told = text(name, "proto")
    if not told:
        raise LineFault("proto is missing")
    if told.isdecimal() and told.isascii():
        return str(count(told, "proto", 255))
    return _PROTOCOLS.get(told, told.lower())


def _service(name: Any) -> str:
    told = text(name, "app_proto")
    return "" if told in _NO_SERVICE else told
