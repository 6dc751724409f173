"""One record of NetFlow 9 or IPFIX, by field number, as what a sender sent.

Numbers: RFC 3954, 8, and iana.org/assignments/ipfix.
"""

from dataclasses import dataclass
from typing import Final

from houfeng.wire.eyes.frames import NO_MAC
from houfeng.wire.eyes.netflow_clock import Times, by_instants, by_uptime
from houfeng.wire.eyes.netflow_templates import REVERSE, Values
from houfeng.wire.eyes.oneway import Sent, address_text

_NS_PER_MS: Final = 1_000_000
_NS_PER_S: Final = 1_000_000_000

#: From the start of NTP's seconds, 1900, to 1970 (RFC 5905, 6).
_NTP_EPOCH_S: Final = 2_208_988_800

#: FIN to URG: the flags above them tell of congestion only.
FLAGS: Final = 0x3F

#: Where each counter is looked for, in this order: of the flow, of what left the router, of the whole life of the
#: flow, of a firewall's initiator.
_PACKETS: Final = (2, 24, 86, 298)
_BYTES: Final = (1, 23, 85, 231)
_BACK_PACKETS: Final = (REVERSE + 2, REVERSE + 86, 299)
_BACK_BYTES: Final = (REVERSE + 1, REVERSE + 85, 232)
_SENDER_PORTS: Final = (7, 180, 182)
_RECEIVER_PORTS: Final = (11, 181, 183)

#: ICMP type and code in one number: RFC 3954 (v4), IPFIX (v6).
_ICMP_TYPES: Final = (32, 139)

#: Start and end of a flow in whole seconds, milliseconds, NTP's 64 bits (twice), microseconds before the datagram,
#: milliseconds since the exporter started.
_SECONDS: Final = (150, 151)
_MILLISECONDS: Final = (152, 153)
_NTP: Final = ((154, 155), (156, 157))
_BEFORE: Final = (158, 159)
_UPTIMES: Final = (22, 21)


@dataclass(frozen=True, slots=True)
class Export:
    """The datagram that a record came in.

    ipfix       whether it is IPFIX, else NetFlow 9
    domain      source id or observation domain: exporters number their templates apart in each
    sent_ns     when it was sent
    uptime_ms   milliseconds since the exporter started, at sent_ns; None where it does not say
    arrived_ns  when it came
    """

    ipfix: bool
    domain: int
    sent_ns: int
    uptime_ms: int | None
    arrived_ns: int


def sent_of(values: Values, export: Export) -> tuple[Sent, str]:
    """What a record says, and what is wrong with its clock, "" when nothing is.

    values  with a pair of addresses, as Template.has_addresses promises
    A record without times was seen when it was exported.
    """
    times = _times(values, export)
    packets = _first(values, _PACKETS) or 0
    back_packets, back_bytes = _first(values, _BACK_PACKETS), _first(values, _BACK_BYTES)
    sender, receiver = _addresses(values)
    flags = _first(values, (6,))
    back_flags = _first(values, (REVERSE + 6,))
    return Sent(
        start_ns=times.start_ns,
        end_ns=times.end_ns,
        sender=sender,
        sender_port=_first(values, _SENDER_PORTS) or 0,
        receiver=receiver,
        receiver_port=_receiver_port(values),
        protocol=_first(values, (4,)) or 0,
        tcp_flags=None if flags is None else flags & FLAGS,
        packets=packets,
        count_bytes=_first(values, _BYTES) or 0,
        back_packets=(back_packets or 0) if (back_packets, back_bytes) != (None, None) else None,
        back_bytes=back_bytes or 0,
        back_flags=None if back_flags is None else back_flags & FLAGS,
        turned=values.get(239) == 2,
        sender_mac=_first(values, (56,)) or NO_MAC,
        receiver_mac=_first(values, (80,)) or NO_MAC,
    ), times.doubt


def _first(values: Values, numbers: tuple[int, ...]) -> int | None:
    for number in numbers:
        value = values.get(number)
        if isinstance(value, int):
            return value
    return None


def _receiver_port(values: Values) -> int:
    port = _first(values, _RECEIVER_PORTS) or 0
    kind_and_code = _first(values, _ICMP_TYPES)
    if kind_and_code:
        return kind_and_code
    kind = _first(values, (176, 178))
    return port if kind is None else kind << 8 | (_first(values, (177, 179)) or 0)


def _addresses(values: Values) -> tuple[str, str]:
    """Of a record with both kinds, the one that its IP version or a zero in the other tells."""
    for pair, length, version in (((8, 12), 4, 4), ((27, 28), 16, 6)):
        sender, receiver = values.get(pair[0]), values.get(pair[1])
        if not isinstance(sender, bytes) or not isinstance(receiver, bytes) or {len(sender), len(receiver)} != {length}:
            continue
        if version == 4 and 27 in values and (values.get(60) == 6 or not any(sender + receiver)):
            continue
        return address_text(sender), address_text(receiver)
    return address_text(bytes(4)), address_text(bytes(4))


def _times(values: Values, export: Export) -> Times:
    if (found := _pair(values, _MILLISECONDS)) is not None:
        return by_instants(found[0] * _NS_PER_MS, found[1] * _NS_PER_MS, export.sent_ns)
    if (found := _pair(values, _SECONDS)) is not None:
        return by_instants(found[0] * _NS_PER_S, found[1] * _NS_PER_S, export.sent_ns)
    for numbers in _NTP:
        if (found := _pair(values, numbers)) is not None:
            return by_instants(_from_ntp(found[0]), _from_ntp(found[1]), export.sent_ns)
    if (found := _pair(values, _BEFORE)) is not None:
        return by_instants(export.sent_ns - found[0] * 1000, export.sent_ns - found[1] * 1000, export.sent_ns)
    if (found := _pair(values, _UPTIMES)) is not None:
        if export.uptime_ms is None:
            return Times(export.sent_ns, export.sent_ns, "when the exporter started is not known")
        return by_uptime(*found, export.uptime_ms, export.sent_ns)
    return Times(export.sent_ns, export.sent_ns)


def _pair(values: Values, numbers: tuple[int, int]) -> tuple[int, int] | None:
    """Start and end; where one of them is missing the other stands for it."""
    start, end = _first(values, numbers[:1]), _first(values, numbers[1:])
    if start is None or end is None:
        known = start if end is None else end
        return None if known is None else (known, known)
    return start, end


def _from_ntp(stamp: int) -> int:
    seconds, fraction = divmod(stamp, 1 << 32)
    return (seconds - _NTP_EPOCH_S) * _NS_PER_S + (fraction * _NS_PER_S >> 32)
