"""Blocks of Linux's packet ring (TPACKET_V3), as the kernel writes them, become records of a capture file.

So frames of a live interface are read by the same walker and kernel as those of a file. Source: linux/if_packet.h and
Documentation/networking/packet_mmap.rst; numbers are in the byte order of the machine, little here as in the header.
The kernel takes a frame's outermost VLAN tag off: it is missing here, in the bytes and in the length.
"""

import struct

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.wire.eyes.capture_file import LARGEST_FRAME_BYTES
from houfeng.wire.eyes.pcap_file import RECORD_HEADER_BYTES, read_u32

Bytes = NDArray[np.uint8]

#: Of a block: its status, how many packets, where the first is (struct tpacket_block_desc, tpacket_hdr_v1).
STATUS_AT, _COUNT_AT, _FIRST_AT = 8, 12, 16
#: Of a packet: to the next; seconds, nanoseconds, captured and length, as in a record; where the frame begins (struct
#: tpacket3_hdr).
_NEXT, _STAMP, _CAPTURED, _MAC = 0, 4, 12, 24

#: A packet's header in the ring; a record's in the file is shorter, so a block is never too small for its records.
_PACKET_HEADER_BYTES = 48


def ring_file_header(link_type: int) -> bytes:
    """The beginning of a capture file, with stamps in nanoseconds, for the records of an interface.

    link_type  1 Ethernet, 101 raw IP (www.tcpdump.org/linktypes.html)
    """
    return struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, LARGEST_FRAME_BYTES, link_type)


def ring_records(block: Bytes) -> bytes:
    """The packets of one block as records of a capture file. A block that contradicts itself is read so far."""
    records = np.empty(len(block), dtype=np.uint8)
    return records[: _copy(block, records)].tobytes()


@njit(nogil=True, cache=True)
def _copy(block: Bytes, records: Bytes) -> int:
    size = len(block)
    used = 0
    at = read_u32(block, _FIRST_AT, False)
    for _ in range(read_u32(block, _COUNT_AT, False)):
        if at + _PACKET_HEADER_BYTES > size:
            break
        captured = read_u32(block, at + _CAPTURED, False)
        begins = at + np.int64(block[at + _MAC]) + (np.int64(block[at + _MAC + 1]) << 8)
        if captured > LARGEST_FRAME_BYTES or begins + captured > size or used + RECORD_HEADER_BYTES + captured > size:
            break
        records[used : used + RECORD_HEADER_BYTES] = block[at + _STAMP : at + _STAMP + RECORD_HEADER_BYTES]
        records[used + RECORD_HEADER_BYTES : used + RECORD_HEADER_BYTES + captured] = block[begins : begins + captured]
        used += RECORD_HEADER_BYTES + captured
        step = read_u32(block, at + _NEXT, False)
        if step == 0:
            break
        at += step
    return used
