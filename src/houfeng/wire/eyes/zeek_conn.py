"""A row of Zeek's conn.log as a Flow."""

from collections.abc import Sequence
from typing import Any, Final

from houfeng.wire.eyes.log_values import LineFault, address, count, count_if_any, duration_ns, mac_if_any, text
from houfeng.words.network import Flow, Outcome, Seen

#: Fields that are read, in the order in which flow_of takes them.
CONN_FIELDS: Final = (
    "ts", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service", "duration", "orig_bytes",
    "resp_bytes", "conn_state", "history", "orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes",
    "orig_l2_addr", "resp_l2_addr", "ip_proto",
)  # fmt: skip

#: Without these a row says nothing.
CONN_NEEDED: Final = ("ts", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto")

#: What conn_state says of the outcome; the other states (OTH, SHR, RSTRH) began before or beside what Zeek saw.
#: Source: Zeek's reference, Conn::Info. RSTOS0 and SH: the originator gave up before any SYN-ACK.
_BY_STATE: Final[dict[Any, Outcome]] = {
    "SF": "answered", "S1": "answered", "S2": "answered", "S3": "answered", "RSTO": "answered", "RSTR": "answered",
    "REJ": "refused", "S0": "unanswered", "RSTOS0": "unanswered", "SH": "unanswered",
}  # fmt: skip

_PLAIN: Final = ("tcp", "udp")

#: Letters of a SYN and of a SYN-ACK in the history, of the originator (upper case) and the responder.
_BEGINNINGS: Final = frozenset("SHsh")

#: The states of a TCP connection whose first SYN Zeek did not see, for logs without history.
_JOINED_LATE: Final = ("OTH", "SHR", "RSTRH")


def flow_of(start_ns: int, values: Sequence[Any], seen: Seen) -> Flow:
    """Read one connection.

    start_ns  its ts
    values    of CONN_FIELDS, None where unset; text as in a table, or as JSON has them

    Raises LineFault saying which field cannot be, TimeFault where it is a time.
    """
    (
        _, orig_host, orig_port, resp_host, resp_port, proto, service, duration, orig_payload, resp_payload, state,
        history, orig_packets, orig_bytes, resp_packets, resp_bytes, orig_mac, resp_mac, ip_proto,
    ) = values  # fmt: skip
    client = (
        address(orig_host, "id.orig_h"),
        count(orig_port, "id.orig_p", 65535),
        # Without counts (Zeek can be told to keep none) nobody knows, and 0 claims least.
        count_if_any(orig_packets, "orig_pkts") or 0,
        count_if_any(orig_bytes, "orig_ip_bytes") or 0,
        count_if_any(orig_payload, "orig_bytes"),
        mac_if_any(orig_mac),
    )
    server = (
        address(resp_host, "id.resp_h"),
        count(resp_port, "id.resp_p", 65535),
        count_if_any(resp_packets, "resp_pkts") or 0,
        count_if_any(resp_bytes, "resp_ip_bytes") or 0,
        count_if_any(resp_payload, "resp_bytes"),
        mac_if_any(resp_mac),
    )
    letters = history if type(history) is str else ""
    begun = proto != "tcp" or _begun(state, letters)
    if not begun and client[1] < server[1]:
        client, server, letters = server, client, letters.swapcase()
    icmp = proto == "icmp"
    return Flow(
        seen,
        start_ns,
        start_ns + duration_ns(duration, "duration"),
        client[0],
        0 if icmp else client[1],
        server[0],
        # Of ICMP Zeek keeps the type in the originator's port.
        client[1] if icmp else server[1],
        proto if proto in _PLAIN else _protocol(proto, ip_proto, client[0]),
        client[2],
        server[2],
        client[3],
        server[3],
        client[4],
        server[4],
        _outcome(state, letters, client[2], server[2], begun),
        begun,
        text(service, "service"),
        client[5],
        server[5],
    )


def _begun(state: Any, letters: str) -> bool:
    """Whether a SYN or SYN-ACK of a TCP connection was seen."""
    return not _BEGINNINGS.isdisjoint(letters) if letters else state not in _JOINED_LATE


def _outcome(state: Any, letters: str, client_packets: int, server_packets: int, begun: bool) -> Outcome:
    told = _BY_STATE.get(state) if type(state) is str else None
    if told == "unanswered" and not begun:
        return "unknown"  # a stray reset or FIN (RSTOS0, SH): who knows what was said before
    if told is not None:
        return told
    if client_packets and server_packets:
        answers = {letter for letter in letters if letter.islower()}
        return "refused" if answers == {"r"} else "answered"
    return "unanswered" if client_packets and begun else "unknown"


def _protocol(proto: Any, ip_proto: Any, host: str) -> str:
    """What is neither TCP nor UDP: ICMP of either family, or the number, which newer Zeeks tell (ip_proto)."""
    if proto == "icmp":
        return "icmp6" if ":" in host else "icmp"
    if ip_proto is not None:
        return str(count(ip_proto, "ip_proto", 255))
    if not proto:
        raise LineFault("proto is missing")
    return text(proto, "proto")
