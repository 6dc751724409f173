"""The classic capture file: a header of 24 bytes, then each frame after 16 bytes of its own.

Source: draft-ietf-opsawg-pcap. Both byte orders, stamps in microseconds and in nanoseconds.
"""

import numpy as np
from numba import njit

from houfeng.wire.eyes.capture_file import LARGEST_FRAME_BYTES, MOST_RECORDS, Walked, link_kind
from houfeng.wire.eyes.frame_ip import Bytes
from houfeng.wire.eyes.frame_kernel import (
    AT,
    CAPTURED,
    LENGTH,
    LINK,
    NO_SUCH_TIME,
    POSITION,
    RECORD_WHOLES,
    STAMP_NS,
    UNREAD,
    Table,
)
from houfeng.words.instant import NS_PER_S

#: The file's first four bytes: byte order, and nanoseconds in one unit of a stamp's fraction.
MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("little", 1000),
    b"\xa1\xb2\xc3\xd4": ("big", 1000),
    b"\x4d\x3c\xb2\xa1": ("little", 1),
    b"\xa1\xb2\x3c\x4d": ("big", 1),
}
HEADER_BYTES = 24
RECORD_HEADER_BYTES = 16


@njit(nogil=True, cache=True)
def read_u32(data: Bytes, at: int, big: bool) -> int:
    """Four bytes in either order."""
    a, b, c, d = np.int64(data[at]), np.int64(data[at + 1]), np.int64(data[at + 2]), np.int64(data[at + 3])
    if big:
        return int((a << 24) | (b << 16) | (c << 8) | d)
    return int((d << 24) | (c << 16) | (b << 8) | a)


class PcapFile:
    """A classic capture file, walked from its first byte.

    header  its first 24 bytes, beginning with one of MAGICS
    """

    def __init__(self, header: bytes) -> None:
        order, self._unit_ns = MAGICS[header[:4]]
        self._big = order == "big"
        # The upper half of this field tells of check sums behind the frames (draft section 4), which IP's lengths
        # leave out anyway.
        self._link_type = int.from_bytes(header[20:24], "big" if self._big else "little") & 0xFFFF
        self._begun = False

    def walk(self, data: bytes, at: int, base: int) -> Walked:
        """See CaptureFile."""
        unread: tuple[int, ...] = ()
        if not self._begun:
            self._begun = True
            at += HEADER_BYTES
            unread = (self._link_type,) if link_kind(self._link_type) == UNREAD else ()
        records = np.empty((MOST_RECORDS, RECORD_WHOLES), dtype=np.int64)
        view = np.frombuffer(data, dtype=np.uint8)
        count, at, wants = _walk(view, at, base, self._big, self._unit_ns, link_kind(self._link_type), records)
        records = records[:count]
        if wants <= RECORD_HEADER_BYTES + LARGEST_FRAME_BYTES:
            return Walked(records, at, wants, unread)
        claimed = wants - RECORD_HEADER_BYTES
        return Walked(records, at, 0, unread, f"the frame there claims {claimed} captured bytes, more than can be")


@njit(nogil=True, cache=True)
def _walk(data: Bytes, at: int, base: int, big: bool, unit_ns: int, link: int, records: Table) -> tuple[int, int, int]:
    """Give the number of records, where they end, and how many bytes the next one takes (0: unknown, no room)."""
    count, size = 0, len(data)
    while count < len(records):
        if size - at < RECORD_HEADER_BYTES:
            return count, at, RECORD_HEADER_BYTES
        captured = read_u32(data, at + 8, big)
        if captured > LARGEST_FRAME_BYTES or size - at < RECORD_HEADER_BYTES + captured:
            return count, at, RECORD_HEADER_BYTES + captured
        seconds, fraction = read_u32(data, at, big), read_u32(data, at + 4, big)
        record = records[count]
        record[AT] = at + RECORD_HEADER_BYTES
        record[CAPTURED] = captured
        record[LENGTH] = frame_length(read_u32(data, at + 12, big), captured)
        record[STAMP_NS] = seconds * NS_PER_S + fraction * unit_ns if fraction * unit_ns < NS_PER_S else NO_SUCH_TIME
        record[LINK] = link
        record[POSITION] = base + at
        count += 1
        at += RECORD_HEADER_BYTES + captured
    return count, at, 0


@njit(nogil=True, cache=True)
def frame_length(claimed: int, captured: int) -> int:
    """A frame's length on the wire: as claimed, not below what was captured nor beyond what a frame can be."""
    return max(captured, min(claimed, LARGEST_FRAME_BYTES))
