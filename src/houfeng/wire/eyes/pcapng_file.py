"""The newer capture file: blocks, each with its length before and behind it, in sections with their interfaces.

Source: draft-ietf-opsawg-pcapng. Packets in enhanced, simple and (obsolete) packet blocks; any other block is passed
over, since it says nothing of frames.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit

from houfeng.wire.eyes.capture_file import MOST_RECORDS, Walked, link_kind
from houfeng.wire.eyes.frame_ip import Bytes, Row
from houfeng.wire.eyes.frame_kernel import (
    AT,
    CAPTURED,
    LENGTH,
    LINK,
    NO_INTERFACE,
    POSITION,
    RECORD_WHOLES,
    SHORT_BLOCK,
    STAMP_NS,
    UNREAD,
    UNSTAMPED,
    Table,
)
from houfeng.wire.eyes.pcap_file import frame_length, read_u32
from houfeng.wire.eyes.pcapng_stamps import instant_of

SECTION = b"\x0a\x0d\x0d\x0a"
_SECTION_BLOCK: Final = 0x0A0D0D0A
_INTERFACE_BLOCK, _OLD_BLOCK, _SIMPLE_BLOCK, _ENHANCED_BLOCK = 1, 2, 3, 6
_ORDERS: Final = {b"\x4d\x3c\x2b\x1a": False, b"\x1a\x2b\x3c\x4d": True}

#: The largest block: as Wireshark limits it, room for a frame and any comment (wiretap/pcapng.c, MAX_BLOCK_SIZE).
LARGEST_BLOCK_BYTES: Final = 16 * 1024 * 1024
#: Interfaces of one section: a switch has some hundred ports; more is a file made to fill memory.
MOST_INTERFACES: Final = 4096

#: Bytes of a packet block before the frame: block type, length, and what tells of the packet.
_ENHANCED_BYTES, _SIMPLE_BYTES = 28, 12
#: The shortest block: type and both lengths.
_LEAST_BYTES = 12

#: What is known of an interface: kind of link, snapshot length (0: no limit), and the units of its stamps.
_KIND, _SNAP, _DECIMAL, _POWER, _OFFSET_S, _INTERFACE_WHOLES = range(6)
_RESOLUTION_OPTION, _OFFSET_OPTION = 9, 14

#: Why a walk stopped.
_WANTS, _FULL, _HEADER, _NO_LENGTH = range(4)


@dataclass(frozen=True, slots=True)
class _Step:
    """What became of a block that Python reads: its length or that it wants more bytes, or why it is none."""

    size: int = 0
    wants: int = 0
    unread: tuple[int, ...] = ()
    fault: str = ""


class PcapngFile:
    """A pcapng file, walked from its first byte, which must be a section's."""

    def __init__(self) -> None:
        self._big = False
        self._in_section = False
        self._interfaces = np.zeros((0, _INTERFACE_WHOLES), dtype=np.int64)

    def walk(self, data: bytes, at: int, base: int) -> Walked:
        """See CaptureFile."""
        records = np.empty((MOST_RECORDS, RECORD_WHOLES), dtype=np.int64)
        if self._in_section:
            view = np.frombuffer(data, dtype=np.uint8)
            count, at, why, wants = _walk(view, at, base, self._big, self._interfaces, records)
        else:
            count, why, wants = 0, _HEADER, 0
        records = records[:count]
        if why == _NO_LENGTH:
            return Walked(
                records, at, 0, fault=f"the block there claims {wants} bytes, which its end does not bear out"
            )
        if why != _HEADER:
            return Walked(records, at, wants)
        step = self._header_block(data, at)
        return Walked(records, at + step.size, step.wants, step.unread, step.fault)

    def _header_block(self, data: bytes, at: int) -> _Step:
        if len(data) - at < _LEAST_BYTES:
            return _Step(wants=_LEAST_BYTES)
        section = data[at : at + 4] == SECTION
        if section:
            order = _ORDERS.get(data[at + 8 : at + 12])
            if order is None:
                return _Step(fault="the section there has no byte order that is known")
            self._big = order
        size = self._number(data[at + 4 : at + 8])
        if not _legal(size):
            return _Step(fault=f"the block there claims {size} bytes, which cannot be")
        if len(data) - at < size:
            return _Step(wants=size)
        if self._number(data[at + size - 4 : at + size]) != size:
            return _Step(fault=f"the block there claims {size} bytes, which its end does not bear out")
        if section:
            self._in_section = True
            self._interfaces = self._interfaces[:0]
            return _Step(size)
        return self._interface(data[at + 8 : at + size - 4], size)

    def _interface(self, body: bytes, size: int) -> _Step:
        """Remember an interface: link type, two bytes unused, snapshot length, options."""
        if len(self._interfaces) >= MOST_INTERFACES:
            return _Step(fault=f"the section has more than {MOST_INTERFACES} interfaces")
        body = body.ljust(8, b"\0")
        link_type = self._number(body[:2])
        resolution, offset_s = self._options(body[8:])
        kind = link_kind(link_type)
        power, decimal = resolution & 0x7F, not resolution & 0x80
        row = [kind, self._number(body[4:8]), decimal, power, offset_s]
        self._interfaces = np.concatenate([self._interfaces, np.array([row], dtype=np.int64)])
        return _Step(size, unread=(link_type,) if kind == UNREAD else ())

    def _options(self, options: bytes) -> tuple[int, int]:
        """An interface's resolution, by default microseconds, and the seconds to add to its stamps."""
        resolution, offset_s, at = 6, 0, 0
        while len(options) - at >= 4:
            code, count = self._number(options[at : at + 2]), self._number(options[at + 2 : at + 4])
            value = options[at + 4 : at + 4 + count]
            if code == _RESOLUTION_OPTION and len(value) == 1:
                resolution = value[0]
            elif code == _OFFSET_OPTION and len(value) == 8:
                offset_s = self._number(value, signed=True)
            elif code == 0:
                break
            at += 4 + (count + 3) // 4 * 4
        return resolution, offset_s

    def _number(self, text: bytes, *, signed: bool = False) -> int:
        return int.from_bytes(text, "big" if self._big else "little", signed=signed)


def _legal(size: int) -> bool:
    return _LEAST_BYTES <= size <= LARGEST_BLOCK_BYTES and size % 4 == 0


@njit(nogil=True, cache=True)
def _walk(data: Bytes, at: int, base: int, big: bool, interfaces: Table, records: Table) -> tuple[int, int, int, int]:
    """Walk blocks up to one that Python reads; gives records, where they end, why, and the bytes wanted or claimed."""
    count, size = 0, len(data)
    while count < len(records):
        if size - at < _LEAST_BYTES:
            return count, at, _WANTS, _LEAST_BYTES
        kind = read_u32(data, at, big)
        if kind in (_SECTION_BLOCK, _INTERFACE_BLOCK):
            return count, at, _HEADER, 0
        length = read_u32(data, at + 4, big)
        if length < _LEAST_BYTES or length > LARGEST_BLOCK_BYTES or length % 4:
            return count, at, _NO_LENGTH, length
        if size - at < length:
            return count, at, _WANTS, length
        if read_u32(data, at + length - 4, big) != length:
            return count, at, _NO_LENGTH, length
        if kind in (_ENHANCED_BLOCK, _OLD_BLOCK, _SIMPLE_BLOCK):
            records[count, POSITION] = base + at
            _packet(data, at, length, big, kind, interfaces, records[count])
            count += 1
        at += length
    return count, at, _FULL, 0


@njit(nogil=True, cache=True)
def _packet(data: Bytes, at: int, length: int, big: bool, kind: int, interfaces: Table, record: Row) -> None:
    """Read what a packet block says of its frame."""
    head = _SIMPLE_BYTES if kind == _SIMPLE_BLOCK else _ENHANCED_BYTES
    room = length - head - 4
    record[AT] = at + head
    record[CAPTURED] = 0
    record[LENGTH] = 0
    record[STAMP_NS] = UNSTAMPED
    record[LINK] = SHORT_BLOCK
    if room < 0:
        return
    number = 0
    if kind == _ENHANCED_BLOCK:
        number = read_u32(data, at + 8, big)
    elif kind == _OLD_BLOCK:
        pair = read_u32(data, at + 8, big)
        number = pair >> 16 if big else pair & 0xFFFF
    if number >= len(interfaces):
        record[LINK] = NO_INTERFACE
        return
    interface = interfaces[number]
    if kind == _SIMPLE_BLOCK:
        claimed = read_u32(data, at + 8, big)
        captured = min(claimed, room)
        if interface[_SNAP] > 0:
            captured = min(captured, interface[_SNAP])
    else:
        captured, claimed = read_u32(data, at + 20, big), read_u32(data, at + 24, big)
        record[STAMP_NS] = instant_of(
            read_u32(data, at + 12, big),
            read_u32(data, at + 16, big),
            interface[_DECIMAL] != 0,
            interface[_POWER],
            interface[_OFFSET_S],
        )
    if captured > room:
        return
    record[CAPTURED] = captured
    record[LENGTH] = frame_length(claimed, captured)
    record[LINK] = interface[_KIND]
