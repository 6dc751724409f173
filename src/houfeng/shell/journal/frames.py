"""How a journal's packets lie in a file: frames with a length, a checksum and a marker to find them again by.

A segment is a header and then frames, all little-endian. The header holds a marker of eight random bytes, the first
number a frame here may have, the latest arrival before it, and the marks of all feeds when it was begun. Each frame
begins with that marker, which no packet's sender can know, so that where a disk lost bytes the next frame is found
again and nothing inside a packet is taken for one.
Standard library only.
"""

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from houfeng.words.errors import DataFault
from houfeng.words.packet import NO_SEQUENCE, Packet

MARKER_BYTES = 8

#: The longest record taken. SeedLink's own packets stay far below.
LARGEST_CONTENT_BYTES = 1 << 24

#: CRC-32 of the rest, the name of the format, marker, first number, latest arrival, length and CRC-32 of the marks.
_HEADER = struct.Struct("<I8s8sQqII")
_FORMAT = b"HFJOUR01"

#: What JSON of the marks may take: a dozen feeds, each with as many stations of the longest names as are remembered.
LARGEST_MARKS_BYTES = 1 << 26

#: The longest name of a feed or station.
LARGEST_NAME_BYTES = 64

#: Marker and CRC-32 of the rest; length of the content, number, arrival, the feed's number, lengths of two names.
_PREFIX = struct.Struct("<8sI")
_HEAD = struct.Struct("<IQqQBB")
_HEAD_AT = _PREFIX.size
_NAMES_AT = _PREFIX.size + _HEAD.size
LEAST_FRAME_BYTES = _NAMES_AT

#: How a feed that counts nothing is written: no feed's number is that large.
_UNCOUNTED = 2**64 - 1

#: The last sequence per station, per feed.
Marks = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Header:
    """The head of a segment.

    marker     what its frames begin with
    first      no frame here has a lower number
    latest_ns  latest arrival of all packets before it
    size       bytes up to the first frame
    marks_crc  checksum of the marks that follow
    """

    marker: bytes
    first: int
    latest_ns: int
    size: int
    marks_crc: int


class Frame(NamedTuple):
    """A whole frame: where it lies, its number, and its packet."""

    begin: int
    end: int
    sequence: int
    packet: Packet


class Hole(NamedTuple):
    """Bytes that are no frame, with a whole frame after them."""

    begin: int
    end: int


def write_header(marker: bytes, first: int, latest_ns: int, marks: Marks) -> bytes:
    """The bytes a segment begins with. Raises DataFault when the marks have no room."""
    text = json.dumps(marks, separators=(",", ":")).encode()
    if len(text) > LARGEST_MARKS_BYTES:
        raise DataFault("journal", "has more stations than its marks have room for", "split it by feed")
    rest = _HEADER.pack(0, _FORMAT, marker, first, latest_ns, len(text), zlib.crc32(text))[4:]
    return struct.pack("<I", zlib.crc32(rest)) + rest + text


HEADER_BYTES = _HEADER.size


def read_header(data: bytes) -> Header | None:
    """The head of a segment from its first HEADER_BYTES, None when they are damaged."""
    if len(data) < HEADER_BYTES:
        return None
    crc, name, marker, first, latest_ns, size, marks_crc = _HEADER.unpack_from(data)
    if zlib.crc32(data[4:HEADER_BYTES]) != crc or name != _FORMAT or size > LARGEST_MARKS_BYTES:
        return None
    return Header(marker, first, latest_ns, HEADER_BYTES + size, marks_crc)


def read_marks(header: Header, data: bytes) -> dict[str, dict[str, int]] | None:
    """The marks a segment was begun with, from its bytes; None when they are damaged."""
    text = data[HEADER_BYTES : header.size]
    if zlib.crc32(text) != header.marks_crc:
        return None
    marks: dict[str, dict[str, int]] = json.loads(text)
    return marks


def write_frame(marker: bytes, sequence: int, packet: Packet) -> bytes:
    """One packet as a frame. Raises DataFault when a name, a number or the content does not fit."""
    feed, station = (name.encode(errors="backslashreplace") for name in (packet.feed, packet.station_key))
    content = packet.content
    counted = _UNCOUNTED if packet.sequence == NO_SEQUENCE else packet.sequence
    sound = (
        len(feed) <= LARGEST_NAME_BYTES
        and len(station) <= LARGEST_NAME_BYTES
        and len(content) <= LARGEST_CONTENT_BYTES
        and NO_SEQUENCE <= packet.sequence < _UNCOUNTED
        and -(2**63) <= packet.arrival_ns < 2**63
    )
    if not sound:
        raise DataFault(packet.station_key[:64], "sent a packet whose names, number or length no journal can hold")
    head = _HEAD.pack(len(content), sequence, packet.arrival_ns, counted, len(feed), len(station))
    rest = b"".join((head, feed, station, content))
    return _PREFIX.pack(marker, zlib.crc32(rest)) + rest


def scan(data: bytes, marker: bytes, *, at: int, final: bool) -> Iterator[Frame | Hole]:
    """Whole frames in order, with the holes between them; what lies after the last frame is not told.

    data   bytes of a segment from the begin of a frame on
    at     where in the segment they lie, from which places are counted
    final  whether the segment ends where data does; otherwise a frame that is cut off ends the scan
    """
    place, sound_to = 0, 0
    view = memoryview(data)
    while (found := data.find(marker, place)) >= 0:
        end = _end_of(data, view, found)
        if end > 0:
            if found > sound_to:
                yield Hole(at + sound_to, at + found)
            yield _frame(data, found, end, at)
            place = sound_to = end
        elif end == _CUT_OFF and not final:
            return
        else:
            place = found + 1


#: What is no whole frame: one that may go on after these bytes, or none at all.
_CUT_OFF = -1
_NO_FRAME = 0


def _end_of(data: bytes, view: memoryview, begin: int) -> int:
    """Where a whole frame ends."""
    if begin + _NAMES_AT > len(data):
        return _CUT_OFF
    length, _, _, _, feed_bytes, station_bytes = _HEAD.unpack_from(data, begin + _HEAD_AT)
    if length > LARGEST_CONTENT_BYTES:
        return _NO_FRAME
    end: int = begin + _NAMES_AT + feed_bytes + station_bytes + length
    if end > len(data):
        return _CUT_OFF
    sound = zlib.crc32(view[begin + _HEAD_AT : end]) == _PREFIX.unpack_from(data, begin)[1]
    return end if sound else _NO_FRAME


def _frame(data: bytes, begin: int, end: int, at: int) -> Frame:
    length, sequence, arrival_ns, counted, feed_bytes, _ = _HEAD.unpack_from(data, begin + _HEAD_AT)
    feed, station_key = _names(data[begin + _NAMES_AT : end - length], feed_bytes)
    feed_sequence = NO_SEQUENCE if counted == _UNCOUNTED else counted
    packet = Packet(feed, station_key, feed_sequence, arrival_ns, data[end - length : end])
    return Frame(at + begin, at + end, sequence, packet)


@lru_cache(maxsize=1 << 14)
def _names(names: bytes, feed_bytes: int) -> tuple[str, str]:
    return names[:feed_bytes].decode(), names[feed_bytes:].decode()
