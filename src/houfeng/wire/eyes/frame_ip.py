"""What the headers above the link say: IPv4, IPv6, TCP, UDP, ICMP and ARP, for one frame, compiled.

Every length inside a frame is a claim. It is held against what the frame had on the wire (a longer claim is damage)
and against what was captured of it (a frame cut short by the capture keeps its lengths, and gives fewer bytes).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.wire.eyes.digest import digest
from houfeng.wire.eyes.frames import ARP, COLUMNS, IPV4, IPV6

Bytes = NDArray[np.uint8]
Row = NDArray[np.int64]

#: A row of the decoder: the columns of FrameBatch in their order, unsigned ones by their bits, then what was wrong.
(
    NUMBER, TIME_NS, FRAME_BYTES, SRC_MAC, DST_MAC, ETHER_TYPE, SRC_HI, SRC_LO, DST_HI, DST_LO, PROTOCOL, SRC_PORT,
    DST_PORT, TCP_FLAGS, SEQUENCE, ACKNOWLEDGED, IP_BYTES, PAYLOAD_BYTES, PAYLOAD_AT, PAYLOAD_KEPT, DIGEST, COUNTER,
    ARP_OP, ARP_MAC, FAULT, ROW_WHOLES,
) = range(len(COLUMNS) + 2)  # fmt: skip

#: What can be wrong with a frame.
SOUND, RUNT, IP_HEADER, IP_LENGTH, TRANSPORT, BLOCK, INTERFACE = range(7)

#: IP protocols (IANA protocol numbers), and the IPv6 extension headers that are walked through (RFC 8200 section 4,
#: RFC 4302, and those of mobility, HIP and shim6, which have the same form).
ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, NO_NEXT = 0, 43, 44, 51, 59
OPTIONS, MOBILITY, HIP, SHIM6 = 60, 135, 139, 140
#: RFC 8200 section 4.1 allows each once, options twice: a longer chain only hides what it carries.
MOST_EXTENSIONS = 12

IP4_BYTES, IP6_BYTES, TCP_BYTES, UDP_BYTES, ICMP_BYTES, ARP_BYTES = 20, 40, 20, 8, 8, 28


@njit(nogil=True, cache=True)
def u16(data: Bytes, at: int) -> int:
    """Two bytes, network order."""
    return int((np.int64(data[at]) << 8) | np.int64(data[at + 1]))


@njit(nogil=True, cache=True)
def u32(data: Bytes, at: int) -> int:
    """Four bytes, network order."""
    return (u16(data, at) << 16) | u16(data, at + 2)


@njit(nogil=True, cache=True)
def mac_at(data: Bytes, at: int) -> int:
    """Six bytes, network order."""
    return (u16(data, at) << 32) | u32(data, at + 2)


@njit(nogil=True, cache=True)
def decode_network(data: Bytes, at: int, end: int, left: int, row: Row) -> int:
    """Read what the ether type in the row announces into the row; gives what was wrong.

    at, end  where it begins, and where what was captured of the frame ends
    left     bytes from `at` to the end of the frame as it was on the wire
    """
    if row[ETHER_TYPE] == IPV4:
        return _ip4(data, at, end, left, row)
    if row[ETHER_TYPE] == IPV6:
        return _ip6(data, at, end, left, row)
    if row[ETHER_TYPE] == ARP:
        return _arp(data, at, end, left, row)
    return SOUND


@njit(nogil=True, cache=True)
def _arp(data: Bytes, at: int, end: int, left: int, row: Row) -> int:
    """RFC 826, for IPv4 over 48-bit hardware addresses; of any other kind only the ether type is kept."""
    if end - at < ARP_BYTES:
        return RUNT if left < ARP_BYTES else SOUND
    if u16(data, at + 2) != IPV4 or data[at + 4] != 6 or data[at + 5] != 4:
        return SOUND
    row[ARP_OP] = min(u16(data, at + 6), 255)
    row[ARP_MAC] = mac_at(data, at + 8)
    row[SRC_LO] = u32(data, at + 14)
    row[DST_LO] = u32(data, at + 24)
    return SOUND


@njit(nogil=True, cache=True)
def _ip4(data: Bytes, at: int, end: int, left: int, row: Row) -> int:
    """RFC 791. A total length of 0 is what a network card leaves that cuts segments itself: then the frame's counts."""
    if end - at < IP4_BYTES:
        return RUNT if left < IP4_BYTES else SOUND
    header = (data[at] & 0x0F) * 4
    total = u16(data, at + 2)
    if total == 0:
        total = left
    if data[at] >> 4 != 4 or header < IP4_BYTES or header > total:
        return IP_HEADER
    if total > left:
        return IP_LENGTH
    fragment = u16(data, at + 6)
    row[IP_BYTES] = total
    row[SRC_LO] = u32(data, at + 12)
    row[DST_LO] = u32(data, at + 16)
    stop = min(end, at + total)
    if fragment & 0x1FFF:
        return _rest(data, at + header, stop, total - header, 0, row)
    return _transport(data, at + header, stop, total - header, int(np.int64(data[at + 9])), fragment & 0x2000 != 0, row)


@njit(nogil=True, cache=True)
def _ip6(data: Bytes, at: int, end: int, left: int, row: Row) -> int:
    """RFC 8200. A length of 0 before a header is a jumbogram's (RFC 2675) or a card's: then the frame's counts."""
    if end - at < IP6_BYTES:
        return RUNT if left < IP6_BYTES else SOUND
    follows = int(np.int64(data[at + 6]))
    total = IP6_BYTES + u16(data, at + 4)
    if total == IP6_BYTES and follows != NO_NEXT:
        total = left
    if data[at] >> 4 != 6:
        return IP_HEADER
    if total > left:
        return IP_LENGTH
    row[IP_BYTES] = total
    row[SRC_HI] = (u32(data, at + 8) << 32) | u32(data, at + 12)
    row[SRC_LO] = (u32(data, at + 16) << 32) | u32(data, at + 20)
    row[DST_HI] = (u32(data, at + 24) << 32) | u32(data, at + 28)
    row[DST_LO] = (u32(data, at + 32) << 32) | u32(data, at + 36)
    return _extensions(data, at + IP6_BYTES, min(end, at + total), total - IP6_BYTES, follows, row)


@njit(nogil=True, cache=True)
def _extensions(data: Bytes, at: int, stop: int, length: int, follows: int, row: Row) -> int:
    """Walk the extension headers; length counts from `at` to the end of the packet as it was on the wire."""
    more = False
    for _ in range(MOST_EXTENSIONS):
        if not _is_extension(follows):
            return _transport(data, at, stop, length, follows, more, row)
        if length < 8:
            return IP_HEADER
        if stop - at < 8:
            row[PROTOCOL] = follows
            return SOUND
        size = 8
        if follows == AUTHENTICATION:
            size = (int(np.int64(data[at + 1])) + 2) * 4
        elif follows != FRAGMENT:
            size = (int(np.int64(data[at + 1])) + 1) * 8
        if size > length:
            return IP_HEADER
        later = follows == FRAGMENT and u16(data, at + 2) & 0xFFF8 != 0
        more = more or (follows == FRAGMENT and data[at + 3] & 1 != 0)
        follows, at, length = int(np.int64(data[at])), at + size, length - size
        if later:
            return _rest(data, at, stop, length, 0, row)
    return IP_HEADER


@njit(nogil=True, cache=True)
def _is_extension(header: int) -> bool:
    return header in (HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, OPTIONS, MOBILITY, HIP, SHIM6)


@njit(nogil=True, cache=True)
def _transport(data: Bytes, at: int, stop: int, length: int, protocol: int, more: bool, row: Row) -> int:
    """What IP carries.

    stop    where what was captured of the packet ends
    length  what IP says it carries
    more    whether fragments follow, so that UDP's own length may go beyond
    """
    row[PROTOCOL] = protocol
    if protocol == TCP:
        return _tcp(data, at, stop, length, row)
    if protocol == UDP:
        return _udp(data, at, stop, length, more, row)
    if protocol in (ICMP, ICMP6):
        return _icmp(data, at, stop, length, row)
    return SOUND


@njit(nogil=True, cache=True)
def _tcp(data: Bytes, at: int, stop: int, length: int, row: Row) -> int:
    """RFC 9293 section 3.1. Of a header cut by the capture before its length, 20 bytes are taken."""
    if length < TCP_BYTES:
        return TRANSPORT
    header = TCP_BYTES
    if stop - at > 12:
        header = int(np.int64(data[at + 12] >> 4)) * 4
    if header < TCP_BYTES or header > length:
        return TRANSPORT
    if stop - at >= 4:
        row[SRC_PORT] = u16(data, at)
        row[DST_PORT] = u16(data, at + 2)
    if stop - at >= 14:
        row[SEQUENCE] = u32(data, at + 4)
        row[ACKNOWLEDGED] = u32(data, at + 8)
        row[TCP_FLAGS] = data[at + 13]
    return _rest(data, at + header, stop, length - header, TCP, row)


@njit(nogil=True, cache=True)
def _udp(data: Bytes, at: int, stop: int, length: int, more: bool, row: Row) -> int:
    """RFC 768. A length of 0 is a jumbogram's (RFC 2675 section 4) or a card's: then IP's counts."""
    if length < UDP_BYTES:
        return TRANSPORT
    if stop - at >= 4:
        row[SRC_PORT] = u16(data, at)
        row[DST_PORT] = u16(data, at + 2)
    if stop - at >= UDP_BYTES:
        said = u16(data, at + 4)
        if 0 < said < UDP_BYTES or (said > length and not more):
            return TRANSPORT
        if 0 < said < length:
            length = said
    return _rest(data, at + UDP_BYTES, stop, length - UDP_BYTES, UDP, row)


@njit(nogil=True, cache=True)
def _icmp(data: Bytes, at: int, stop: int, length: int, row: Row) -> int:
    """RFC 792 and RFC 4443: type and code in place of ports, and what follows the first eight bytes."""
    if length < 4:
        return TRANSPORT
    if stop - at >= 2:
        row[SRC_PORT] = data[at]
        row[DST_PORT] = data[at + 1]
    return _rest(data, at + ICMP_BYTES, stop, max(length - ICMP_BYTES, 0), row[PROTOCOL], row)


@njit(nogil=True, cache=True)
def _rest(data: Bytes, at: int, stop: int, length: int, protocol: int, row: Row) -> int:
    """The payload: as long as the headers say, kept as far as it was captured."""
    row[PROTOCOL] = protocol
    row[PAYLOAD_BYTES] = length
    row[PAYLOAD_KEPT] = max(min(stop - at, length), 0)
    if row[PAYLOAD_KEPT] > 0:
        row[PAYLOAD_AT] = at
        row[DIGEST] = digest(data, at, row[PAYLOAD_KEPT])
    return SOUND
