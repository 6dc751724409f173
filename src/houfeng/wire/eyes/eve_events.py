"""Which of Suricata's events say what."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from houfeng.wire.eyes.eve_flow import flow_of
from houfeng.wire.eyes.eve_joins import DnsMessage, FtpReply, Part
from houfeng.wire.eyes.log_values import LineFault, address, address_if_any, count, shown, table, text
from houfeng.words.network import Lookup, Notice, Seen

#: Signatures of Suricata's own rules (decoder, stream and application layer events), by the range allotted to them
#: (head of its decoder-events.rules; sidallocation.org). They say that a packet is odd, as wrong checksums of an
#: offloading card are, not that it harms.
_OWN_RULES: Final = range(2_200_000, 2_300_000)

#: The least of the four severities.
_LEAST: Final = 4


def parts_of(event: dict[str, Any], kind: str, time_ns: int, seen: Seen) -> tuple[Part, ...]:
    """What an event tells.

    kind     its event_type; of those not known here (http, tls, fileinfo, ssh ...) nothing is made
    time_ns  its timestamp

    Raises LineFault saying which field cannot be.
    """
    make = _MAKERS.get(kind)
    part = make(event, time_ns, seen) if make else None
    return () if part is None else (part,)


def _alert(event: dict[str, Any], time_ns: int, seen: Seen) -> Notice:
    alert = table(event.get("alert"), "alert")
    name = text(alert.get("signature"), "alert.signature")
    if not name:
        raise LineFault("alert.signature is missing")
    # 1 to 255 as classification.config has it; Houfeng knows four.
    severity = min(max(count(alert.get("severity", _LEAST), "alert.severity", 255), 1), _LEAST)
    number = alert.get("signature_id")
    if isinstance(number, int) and number in _OWN_RULES:
        severity = _LEAST
    return Notice(seen, time_ns, "suricata", name, *_ends(event), severity)


def _anomaly(event: dict[str, Any], time_ns: int, seen: Seen) -> Notice:
    """What Suricata could not make sense of: Zeek's weird by another name, and as quiet."""
    anomaly = table(event.get("anomaly"), "anomaly")
    name = text(anomaly.get("event", anomaly.get("type")), "anomaly.event")
    return Notice(seen, time_ns, "suricata", name, *_ends(event), _LEAST)


def _ends(event: dict[str, Any]) -> tuple[str, str]:
    """Client and server of the conversation that an event is about, "" where it names none.

    Newer versions say which the flow's client is, or which way the packet went. Of older ones a packet is taken to be
    the client's.
    """
    flow = event.get("flow")
    if isinstance(flow, dict) and "src_ip" in flow and "dest_ip" in flow:
        event = flow
    source = address_if_any(event.get("src_ip"), "src_ip")
    target = address_if_any(event.get("dest_ip"), "dest_ip")
    return (target, source) if event.get("direction") == "to_client" else (source, target)


def _dns(event: dict[str, Any], time_ns: int, seen: Seen) -> DnsMessage | None:
    """A question or an answer, in the forms of Suricata before 4.1, up to 7, and from 8 on."""
    dns = table(event.get("dns"), "dns")
    told = dns.get("type")
    if told not in ("query", "answer", "request", "response"):
        return None
    answered = told in ("answer", "response")
    queries = dns.get("queries")
    # More than one question a message there is not (RFC 9619).
    asked = table(queries[0], "dns.queries") if isinstance(queries, list) and queries else dns
    client, server = address(event.get("src_ip"), "src_ip"), address(event.get("dest_ip"), "dest_ip")
    if answered and count(event.get("src_port", 0), "src_port") < count(event.get("dest_port", 0), "dest_port"):
        # The oldest form gives the ends of the packet, not of the conversation.
        client, server = server, client
    answer = text(dns.get("rcode"), "dns.rcode") if answered else ""
    name, kind = text(asked.get("rrname"), "dns.rrname"), text(asked.get("rrtype"), "dns.rrtype")
    whole = not answered or "answers" in dns or asked is not dns or dns.get("version") == 2
    exchange = _flow(event), count(dns.get("id", 0), "dns.id", 65535)
    return DnsMessage(exchange, Lookup(seen, time_ns, client, server, name, kind, answer), answered, whole)


def _ftp(event: dict[str, Any], time_ns: int, seen: Seen) -> FtpReply | None:
    """USER, PASS and their replies: 230 lets in, 5xx does not (RFC 959, section 5.4)."""
    ftp = table(event.get("ftp"), "ftp")
    command = ftp.get("command")
    if command not in ("USER", "PASS"):
        return None
    source, host = address(event.get("src_ip"), "src_ip"), address(event.get("dest_ip"), "dest_ip")
    user = text(ftp.get("command_data"), "ftp.command_data") if command == "USER" else ""
    return FtpReply(seen, time_ns, _flow(event), source, host, command, user, _let_in(ftp.get("completion_code")))


def _let_in(codes: Any) -> bool | None:
    told = [code for code in codes if isinstance(code, str)] if isinstance(codes, list) else []
    if "230" in told:
        return True
    return False if any(len(code) == 3 and code.startswith("5") for code in told) else None


def _flow(event: dict[str, Any]) -> str:
    """What events of one flow have in common."""
    return shown(event.get("flow_id"))


_MAKERS: Final[Mapping[str, Callable[[dict[str, Any], int, Seen], Part | None]]] = MappingProxyType({
    "flow": flow_of,
    "netflow": flow_of,
    "alert": _alert,
    "anomaly": _anomaly,
    "dns": _dns,
    "ftp": _ftp,
})  # fmt: skip
