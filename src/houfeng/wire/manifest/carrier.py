"""The record that carries a statement: miniSEED 3 with a header, extra headers and no samples.

Nothing of the record but the statement within is believed, so a relay that writes the header or the JSON anew does
no harm. Source: FDSN miniSEED 3 specification.
"""

import binascii
import json
import struct
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from houfeng.wire.manifest.body import LARGEST_BYTES, STATION
from houfeng.wire.manifest.crc import crc32c
from houfeng.words.errors import DataFault

#: Band A is for administrative channels, source X for what is derived rather than measured: no sensor has this name.
CHANNEL: Final = "_A_X_M"

#: Fixed header up to the source identifier: indicator, version, flags, nanosecond, year, day, hour, minute, second,
#: encoding, rate, samples, CRC, publication, and the lengths of identifier, extra headers and payload.
HEADER: Final = struct.Struct("<2sBBIHHBBBBdIIBBHI")

_BEFORE, _AFTER = b'{"Houfeng":{"Statement":"', b'"}}'
_AROUND_BYTES = len(_BEFORE) + len(_AFTER)
_QUOTE = ord('"')

#: How a source identifier of the stream ends, and the last fields of the header.
_ENDING = b"_" + CHANNEL.encode()
_LENGTHS, _LENGTHS_AT = struct.Struct("<BHI"), 33

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NS_PER_S = 1_000_000_000
_CRC_AT = 28

_REMEDY = "see docs/reference/manifest.md"


def carry(statement: bytes, station: str, time_ns: int) -> bytes:
    """The record that carries a statement.

    statement  body and proof
    station    NET_STA
    time_ns    time in the record's header, 1970 to 9999: of the second of a manifest, of the signing otherwise

    Raises DataFault when the statement is too long or the time cannot be written.
    """
    if len(statement) > LARGEST_BYTES:
        raise DataFault("statement", f"{len(statement)} bytes are more than one record carries", _REMEDY)
    try:
        moment = _EPOCH + timedelta(seconds=time_ns // _NS_PER_S)
    except OverflowError as error:
        raise DataFault("statement", "its time is outside the years a record can say", _REMEDY) from error
    source = f"FDSN:{station}_{CHANNEL}".encode("ascii")
    extra = _BEFORE + b64encode(statement) + _AFTER
    parts = [
        HEADER.pack(
            b"MS", 3, 0, time_ns % _NS_PER_S,
            moment.year, moment.timetuple().tm_yday, moment.hour, moment.minute, moment.second,
            0, 0.0, 0, 0, 1, len(source), len(extra), 0,
        ),
        source,
        extra,
    ]  # fmt: skip
    record = bytearray(b"".join(parts))
    record[_CRC_AT : _CRC_AT + 4] = crc32c(record).to_bytes(4, "little")
    return bytes(record)


def is_carrier(content: bytes) -> bool:
    """Whether a record is of the stream that carries statements."""
    return source_in(content).endswith(_ENDING)


def carried(content: bytes) -> tuple[str, bytes]:
    """The station (NET_STA) that a carrier names, and the statement within.

    Raises DataFault when the record is damaged. Its CRC is not looked at: see crc_holds.
    """
    told = carried_if_any(content)
    if told is None:
        raise DataFault("record", "not of the stream of statements", _REMEDY)
    return told


def carried_if_any(content: bytes) -> tuple[str, bytes] | None:
    """The same, and None for a record that is not of the stream that carries statements."""
    source = source_in(content)
    if not source.endswith(_ENDING):
        return None
    extra_at = _extra_at(content)
    station = _station(source)
    return station, _statement(content, extra_at)


def statement_in(content: bytes) -> bytes:
    """The statement within a carrier of a station that is known by source_in. Raises DataFault as carried does."""
    return _statement(content, _extra_at(content))


def source_of(station: str) -> bytes:
    """The source identifier of a station's (NET_STA) stream of statements."""
    return b"FDSN:" + station.encode() + _ENDING


def source_in(content: bytes) -> bytes:
    """The source identifier of a miniSEED 3 record as far as it is there, b"" for anything else."""
    if content[:3] != b"MS\x03" or len(content) < HEADER.size:
        return b""
    return content[HEADER.size : HEADER.size + content[_LENGTHS_AT]]


def _extra_at(content: bytes) -> int:
    """Where a carrier's extra headers begin, which go on to its end."""
    source_bytes, extra_bytes, payload_bytes = _LENGTHS.unpack_from(content, _LENGTHS_AT)
    extra_at = HEADER.size + source_bytes
    if payload_bytes or extra_at + extra_bytes != len(content):
        raise DataFault("record", "its length is not what its header says", _REMEDY)
    return int(extra_at)


def _statement(content: bytes, extra_at: int) -> bytes:
    text = content[extra_at + len(_BEFORE) : -len(_AFTER)]
    as_written = content.startswith(_BEFORE, extra_at) and content.endswith(_AFTER)
    if not as_written or len(content) < extra_at + _AROUND_BYTES or _QUOTE in text:
        text = _member(content[extra_at:])
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise DataFault("record", "its statement is not base64", _REMEDY) from error


@lru_cache(maxsize=1 << 16)  # a station sends many
def _station(source: bytes) -> str:
    station = source[: -len(_ENDING)]
    if not (station.startswith(b"FDSN:") and STATION.fullmatch(station, 5)):
        raise DataFault("record", "its source identifier names no station", _REMEDY)
    return station[5:].decode("ascii")


def crc_holds(content: bytes) -> bool:
    """Whether a carrier's CRC is right. It tells of damage, not of who made it."""
    blank = content[:_CRC_AT] + bytes(4) + content[_CRC_AT + 4 :]
    return crc32c(blank).to_bytes(4, "little") == content[_CRC_AT : _CRC_AT + 4]


def _member(extra: bytes) -> bytes:
    """The statement in extra headers that somebody wrote anew, or added to."""
    try:
        text = json.loads(extra)["Houfeng"]["Statement"]
        return bytes(text.encode("ascii"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataFault("record", "its extra headers hold no statement", _REMEDY) from error
