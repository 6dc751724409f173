"""The header of a miniSEED record, 2 or 3, in plain Python: which channel, from when, how many samples, how fast.

Sources: SEED 2.4 manual, chapter 8 (blockettes 100, 1000 and 1001); FDSN miniSEED 3 specification.
"""

import math
import struct
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import sha256

from houfeng.wire.manifest.body import CHANNEL
from houfeng.wire.manifest.carrier import HEADER as HEADER_3
from houfeng.wire.manifest.values import Name
from houfeng.words.errors import DataFault
from houfeng.words.source import SourceId, parse_source

_NS_PER_S = 1_000_000_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_SOURCE_2 = slice(8, 20)
_FIXED_2 = {order: struct.Struct(f"{order}HHBBBxHHhhBBBBiHH") for order in "<>"}
_PAIR_2 = {order: struct.Struct(f"{order}HH") for order in "<>"}
_DIGITS = b"0123456789 \0"
_TIME_2_AT = 20
_MOST_BLOCKETTES = 64
_CORRECTED = 0x02


@dataclass(frozen=True, slots=True)
class RecordHead:
    """What a record's header says.

    source        the channel
    start_ns      time of the first sample
    samples       how many, 0 for a record of headers alone
    rate_hz       0.0 when it says none
    length_bytes  of the whole record
    """

    source: SourceId
    start_ns: int
    samples: int
    rate_hz: float
    length_bytes: int


def head_of(content: bytes) -> RecordHead:
    """Read the header a record begins with. Raises DataFault when it is none that can be believed."""
    try:
        head = _head_3(content) if content[:3] == b"MS\x03" else _head_2(content)
    except (struct.error, ValueError, OverflowError, IndexError, ZeroDivisionError) as error:
        raise DataFault("record", f"its header cannot be read: {error}") from error
    if head.length_bytes > len(content):
        raise DataFault("record", f"{head.length_bytes} bytes long by its header, {len(content)} in truth")
    return head


def name_of(content: bytes) -> Name:
    """Name a record for a manifest. Raises DataFault when its header cannot be believed."""
    head = head_of(content)
    if head.length_bytes != len(content):
        raise DataFault("record", f"{len(content) - head.length_bytes} bytes follow the record")
    identifier = head.source.fdsn.split("_", 2)
    if not head.source.has_fdsn or CHANNEL.fullmatch(identifier[2].encode()) is None:
        raise DataFault("record", f"{head.source.nslc} has no FDSN source identifier")
    return Name(identifier[2], head.start_ns, sha256(content).digest())


def _head_3(content: bytes) -> RecordHead:
    (
        _, _, _, nanosecond, year, day, hour, minute, second, _, rate, samples, _, _, source_bytes, extra, payload,
    ) = HEADER_3.unpack_from(content)  # fmt: skip
    start_ns = _instant_ns(year, day, hour, minute, second) + _checked(nanosecond, _NS_PER_S)
    length = HEADER_3.size + source_bytes + extra + payload
    source = _source_3(content[HEADER_3.size : HEADER_3.size + source_bytes])
    if not math.isfinite(rate):
        raise ValueError("no such rate")
    return RecordHead(source, start_ns, samples, -1 / rate if rate < 0 else rate, length)


def _head_2(content: bytes) -> RecordHead:
    order = _order_2(content)
    (
        year, day, hour, minute, second, tick, samples, factor, multiplier, activity, _, _, _, correction, _, at,
    ) = _FIXED_2[order].unpack_from(content, _TIME_2_AT)  # fmt: skip
    start_ns = _instant_ns(year, day, hour, minute, second) + _checked(tick, 10_000) * 100_000
    if not activity & _CORRECTED:
        start_ns += correction * 100_000
    rate_hz, length = _rate_2(factor, multiplier), 0
    for _ in range(_MOST_BLOCKETTES):
        if at == 0:
            break
        kind, following = _PAIR_2[order].unpack_from(content, at)
        if kind == 1000 and length:
            raise ValueError("two lengths")
        if kind == 1000:
            length = 1 << _checked(content[at + 6], 18)
        elif kind == 1001:
            start_ns += struct.unpack_from("b", content, at + 5)[0] * 1_000
        elif kind == 100:
            (rate_hz,) = struct.unpack_from(order + "f", content, at + 4)
        if following and following < at + 4:
            raise ValueError("blockettes that run backwards")
        at = following
    if not math.isfinite(rate_hz):
        raise ValueError("no such rate")
    # Without blockette 1000 only the reader's surroundings say how long a record is.
    return RecordHead(_source_2(content[_SOURCE_2]), start_ns, samples, rate_hz, length or len(content))


def _order_2(content: bytes) -> str:
    """Byte order, told by which of the two gives a year and a day that can be."""
    if content[:6].strip(_DIGITS) or content[6:7] not in (b"D", b"R", b"Q", b"M") or len(content) < 48:
        raise ValueError("not miniSEED")
    for order in ">", "<":
        year, day = _PAIR_2[order].unpack_from(content, _TIME_2_AT)
        if 1900 <= year <= 2100 and 1 <= day <= 366:
            return order
    raise ValueError("no such date")


def _rate_2(factor: int, multiplier: int) -> float:
    """Samples a second: positive numbers multiply, negative ones divide."""
    if factor == 0 or multiplier == 0:
        return 0.0
    rate_hz = float(factor) if factor > 0 else -1 / factor
    return rate_hz * multiplier if multiplier > 0 else rate_hz / -multiplier


def _instant_ns(year: int, day: int, hour: int, minute: int, second: int) -> int:
    if not (1 <= day <= 366 and hour < 24 and minute < 60 and second <= 60):
        raise ValueError("no such time")
    days = _first_day(year) + day - 1
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * _NS_PER_S


@lru_cache(maxsize=64)
def _first_day(year: int) -> int:
    if not 1900 <= year <= 2200:  # what 64 bits of nanoseconds hold, with room
        raise ValueError("no such year")
    return date(year, 1, 1).toordinal() - _EPOCH_DAY


def _checked(number: int, limit: int) -> int:
    if number >= limit:
        raise ValueError("a number beyond its field's end")
    return number


@lru_cache(maxsize=1 << 17)  # a nation has 50,000 channels, each named once a second
def _source_2(codes: bytes) -> SourceId:
    text = codes.decode("latin-1")
    station, location, channel, network = (text[a:b].strip(" \0") for a, b in ((0, 5), (5, 7), (7, 10), (10, 12)))
    return SourceId(network, station, location, channel)


@lru_cache(maxsize=1 << 17)
def _source_3(identifier: bytes) -> SourceId:
    return parse_source(identifier.decode("latin-1").rstrip("\0"))
