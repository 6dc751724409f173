"""The frame decoder: one compiled pass over captured frames, one row a frame. It reads the link's header.

Nothing is read outside the bytes of a frame, whatever is written in it.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.wire.eyes.frame_ip import (
    ARP_MAC,
    BLOCK,
    COUNTER,
    DST_MAC,
    ETHER_TYPE,
    FAULT,
    FRAME_BYTES,
    INTERFACE,
    PROTOCOL,
    ROW_WHOLES,
    RUNT,
    SOUND,
    SRC_HI,
    SRC_MAC,
    TIME_NS,
    Bytes,
    Row,
    decode_network,
    mac_at,
    u16,
    u32,
)
from houfeng.wire.eyes.frames import IPV4, IPV6, NO_MAC

#: A record as the file's walker gives it: where the frame's bytes begin and how many there are, its length on the
#: wire, its time or one of the two below, its link (one of the kinds below) and where in the file it is.
AT, CAPTURED, LENGTH, STAMP_NS, LINK, POSITION, RECORD_WHOLES = range(7)
#: In place of a time: a stamp that is none, and no stamp at all.
NO_SUCH_TIME, UNSTAMPED = -1, -2

#: Kinds of links. Frames of the last three are counted only: their link is not read, their block is shorter than they
#: claim, or their interface was never described.
ETHERNET, COOKED, COOKED_2, RAW, NULL, UNREAD, SHORT_BLOCK, NO_INTERFACE = range(8)

#: Ethertypes before a VLAN tag: IEEE 802.1Q, 802.1ad, and the older 9100. Two tags are QinQ, three are seen in the
#: backbones of carriers, more nowhere.
VLAN, QINQ, OLD_QINQ = 0x8100, 0x88A8, 0x9100
MOST_TAGS = 4

#: Address families of the null link: IPv4 everywhere; IPv6 on Linux, on the BSDs (two) and on macOS.
FAMILY_4, FAMILIES_6 = 2, (10, 24, 28, 30)

Table = NDArray[np.int64]


@njit(nogil=True, cache=True)
def decode_frames(data: Bytes, records: Table, rows: Table) -> None:
    """Read the headers of captured frames.

    data     bytes that the records point into
    records  [n, RECORD_WHOLES]
    rows     out, [n, ROW_WHOLES]; the number is left to the caller
    """
    for i in range(len(records)):
        record, row = records[i], rows[i]
        _blank(row)
        row[TIME_NS] = record[STAMP_NS]
        row[FRAME_BYTES] = record[LENGTH]
        fault = _frame(data, record, row)
        if fault != SOUND:
            # Nobody who receives such a packet takes it for one: it belongs to no conversation.
            row[SRC_HI:] = 0
            _unset(row)
        row[FAULT] = fault


@njit(nogil=True, cache=True)
def _blank(row: Row) -> None:
    row[:ROW_WHOLES] = 0
    row[SRC_MAC] = NO_MAC
    row[DST_MAC] = NO_MAC
    _unset(row)


@njit(nogil=True, cache=True)
def _unset(row: Row) -> None:
    row[PROTOCOL] = -1
    row[COUNTER] = -1
    row[ARP_MAC] = NO_MAC


@njit(nogil=True, cache=True)
def _frame(data: Bytes, record: Row, row: Row) -> int:
    at, link = record[AT], record[LINK]
    end = at + record[CAPTURED]
    if link == UNREAD:
        return SOUND
    if link == SHORT_BLOCK:
        return BLOCK
    if link == NO_INTERFACE:
        return INTERFACE
    beyond = _link(data, at, end, link, row)
    if beyond < 0:
        # Cut by the capture it is merely unknown; that short on the wire it is no frame.
        return RUNT if record[LENGTH] <= record[CAPTURED] else SOUND
    return decode_network(data, beyond, end, record[LENGTH] - (beyond - at), row)


@njit(nogil=True, cache=True)
def _link(data: Bytes, at: int, end: int, link: int, row: Row) -> int:
    """Read the link's header; gives where the next one begins, -1 when the frame is too short for it."""
    if link == ETHERNET:
        if end - at < 14:
            return -1
        row[DST_MAC] = mac_at(data, at)
        row[SRC_MAC] = mac_at(data, at + 6)
        row[ETHER_TYPE] = u16(data, at + 12)
        return _tags(data, at + 14, end, row)
    if link in (COOKED, COOKED_2):
        return _cooked(data, at, end, link, row)
    if link == NULL:
        return _null(data, at, end, row)
    if end - at < 1:
        return -1
    version = data[at] >> 4
    row[ETHER_TYPE] = IPV4 if version == 4 else IPV6 if version == 6 else 0
    return at


@njit(nogil=True, cache=True)
def _tags(data: Bytes, at: int, end: int, row: Row) -> int:
    for _ in range(MOST_TAGS):
        kind = row[ETHER_TYPE]
        if kind not in (VLAN, QINQ, OLD_QINQ):
            break
        if end - at < 4:
            return -1
        row[ETHER_TYPE] = u16(data, at + 2)
        at += 4
    return at


@njit(nogil=True, cache=True)
def _cooked(data: Bytes, at: int, end: int, link: int, row: Row) -> int:
    """LINKTYPE_LINUX_SLL: type, hardware, address length, address[8], protocol; SLL2 has the protocol first."""
    size = 16 if link == COOKED else 20
    if end - at < size:
        return -1
    if link == COOKED:
        address_bytes, address_at, kind_at = u16(data, at + 4), at + 6, at + 14
    else:
        address_bytes, address_at, kind_at = int(np.int64(data[at + 11])), at + 12, at
    if address_bytes == 6:
        row[SRC_MAC] = mac_at(data, address_at)
    row[ETHER_TYPE] = u16(data, kind_at)
    return _tags(data, at + size, end, row)


@njit(nogil=True, cache=True)
def _null(data: Bytes, at: int, end: int, row: Row) -> int:
    """The family in the order of the machine that captured, which nothing tells: the small reading is the right one."""
    if end - at < 4:
        return -1
    family = u32(data, at)
    if family > 0xFFFF:
        family = (family >> 24) | ((family >> 8) & 0xFF00)
    if family == FAMILY_4:
        row[ETHER_TYPE] = IPV4
    elif family in FAMILIES_6:
        row[ETHER_TYPE] = IPV6
    return at + 4
