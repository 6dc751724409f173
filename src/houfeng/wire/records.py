"""Cut a file's bytes into miniSEED records by their headers alone, samples unread. Standard library only.

Sources: SEED 2.4 manual, chapter 8 (fixed section of the data header, blockette 1000); FDSN miniSEED 3 specification.
"""

import re
import struct
from dataclasses import dataclass

#: Longest record taken from a file. A record that says it is longer is damaged.
LONGEST_BYTES = 1 << 16

#: Bytes of a version 2 header up to its first blockette, of a version 3 header up to its source identifier.
_HEADER_2_BYTES = 48
_HEADER_3 = struct.Struct("<2sBB IHHBBBB d I I BBHI")

_FORM_2 = re.compile(rb"[0-9 \0]{6}[DRQM][ \0]", re.DOTALL)
_FORM_3 = re.compile(rb"MS\x03", re.DOTALL)
_EITHER = re.compile(rb"[0-9 \0]{6}[DRQM][ \0]|MS\x03", re.DOTALL)
_MOST_BLOCKETTES = 64
_BLOCKETTE_1000 = 1000
_FDSN = re.compile(r"FDSN:([A-Z0-9]{1,8})_([A-Z0-9-]{1,8})_")


@dataclass(frozen=True, slots=True)
class Record:
    """A record found.

    station_key  NET.STA as its header says, "" when that is no name
    end          the byte after it
    content      its bytes
    """

    station_key: str
    end: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """What some bytes hold.

    records  in order
    used     bytes done with: records, and what is none between them
    skipped  bytes among those that belong to no record
    """

    records: tuple[Record, ...]
    used: int
    skipped: int


def cut(data: bytes) -> Cut:
    """Find the whole records in bytes that begin where a record should; a record not yet whole is left for later."""
    records = []
    at = skipped = 0
    while at < len(data):
        length = record_bytes(data, at)
        if length is None:
            found = _EITHER.search(data, at + 1)
            # Without a header in sight only the last few bytes can be the begin of one.
            after = found.start() if found else max(at + 1, len(data) - 7)
            skipped += after - at
            at = after
            if not found:
                break
        elif length == 0 or at + length > len(data):
            break
        else:
            content = data[at : at + length]
            at += length
            records.append(Record(station_of(content), at, content))
    return Cut(tuple(records), at, skipped)


def record_bytes(data: bytes, at: int) -> int | None:
    """Length of the record whose header begins at a byte; 0 when more bytes are needed; None when none begins."""
    if len(data) - at < 8:
        return 0
    if _FORM_3.match(data, at):
        return _length_3(data, at)
    return _length_2(data, at) if _FORM_2.match(data, at) else None


def station_of(record: bytes) -> str:
    """NET.STA as a record's header says, "" when it says no name."""
    if record[:2] == b"MS":
        name_bytes = int.from_bytes(record[33:34])
        name = record[_HEADER_3.size : _HEADER_3.size + name_bytes].decode("ascii", "replace")
        match = _FDSN.match(name)
        return f"{match[1]}.{match[2]}" if match else ""
    network, station = (record[part].decode("ascii", "replace").strip() for part in (slice(18, 20), slice(8, 13)))
    return f"{network}.{station}" if network.isalnum() and station.isalnum() else ""


def _length_3(data: bytes, at: int) -> int | None:
    if len(data) - at < _HEADER_3.size:
        return 0
    *_, name_bytes, extra_bytes, load_bytes = _HEADER_3.unpack_from(data, at)
    length = _HEADER_3.size + int(name_bytes) + int(extra_bytes) + int(load_bytes)
    return length if length <= LONGEST_BYTES else None


def _length_2(data: bytes, at: int) -> int | None:
    """What blockette 1000 says. A record without one, of before 1992, is not taken."""
    if len(data) - at < _HEADER_2_BYTES:
        return 0
    # A header in the other byte order shows as an impossible year.
    order = ">" if 1900 <= struct.unpack_from(">H", data, at + 20)[0] <= 2100 else "<"
    following = struct.unpack_from(f"{order}H", data, at + 46)[0]
    for _ in range(_MOST_BLOCKETTES):
        if not _HEADER_2_BYTES <= following < LONGEST_BYTES:
            return None
        if at + following + 7 > len(data):
            return 0
        kind, after = struct.unpack_from(f"{order}HH", data, at + following)
        if kind == _BLOCKETTE_1000:
            exponent = data[at + following + 6]
            return 1 << exponent if 7 <= exponent <= 16 else None
        if after <= following:
            return None
        following = after
    return None
