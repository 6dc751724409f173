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
_NS_PER_TICK, _TICKS_PER_S = 100_000, 10_000
#: Where a miniSEED 2 header holds station, location, channel and network.
CODES_2 = slice(8, 20)

_UNREADABLE = "its header cannot be read"
_BEYOND = "a number beyond its field's end"
_EPOCH_DAY = date(1970, 1, 1).toordinal()
#: Sequence number, quality, codes, date to the minute, second, 0.1 ms, samples; and the rest of the first 64 bytes,
#: which holds every blockette of most records.
_FIXED_2 = {order: struct.Struct(f"{order}6scx12s6sBxHH32s") for order in "><"}
_REST_2_AT, _LEAST_2, _USUAL_2 = 32, 48, 64
_QUALITIES = b"DRQM"
_DIGITS = b"0123456789 \0"
_MOST_BLOCKETTES = 64
_CORRECTED = 0x02


@dataclass(frozen=True, slots=True)
class Names:
    """What a channel is called; made once for all its records.

    source       the channel
    station_key  NET.STA
    identifier   FDSN source identifier
    channel      LOC_B_S_SS: what follows NET_STA_ in it
    """

    source: SourceId
    station_key: str
    identifier: str
    channel: str


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


#: Names, start, samples, rate and length as in RecordHead: a tenth of the cost of making one.
Fields = tuple[Names, int, int, float, int]


def head_of(content: bytes) -> RecordHead:
    """Read the header a record begins with. Raises DataFault when it is none that can be believed."""
    names, start_ns, samples, rate_hz, length_bytes = fields_of(content)
    return RecordHead(names.source, start_ns, samples, rate_hz, length_bytes)


def fields_of(content: bytes) -> Fields:
    """Read the header a record begins with, where there are many. Raises DataFault as head_of does."""
    try:
        fields = _read_3(content) if content[:3] == b"MS\x03" else _read_2(content)
    except (struct.error, ValueError, OverflowError, IndexError, ZeroDivisionError) as error:
        raise DataFault("record", f"{_UNREADABLE}: {error}") from error
    if fields[4] > len(content):
        raise DataFault("record", f"{fields[4]} bytes long by its header, {len(content)} in truth")
    return fields


def name_of(content: bytes) -> Name:
    """Name a record for a manifest. Raises DataFault when its header cannot be believed."""
    names, start_ns, _, _, length_bytes = fields_of(content)
    if length_bytes != len(content):
        raise DataFault("record", f"{len(content) - length_bytes} bytes follow the record")
    if not names.source.has_fdsn or CHANNEL.fullmatch(names.channel.encode()) is None:
        raise DataFault("record", f"{names.source.nslc} has no FDSN source identifier")
    return Name(names.channel, start_ns, sha256(content).digest())


def _read_3(content: bytes) -> Fields:
    (
        _, _, _, nanosecond, year, day, hour, minute, second, _, rate, samples, _, _, source_bytes, extra, payload,
    ) = HEADER_3.unpack_from(content)  # fmt: skip
    start_ns = _instant_ns(year, day, hour, minute, second) + _checked(nanosecond, _NS_PER_S)
    length = HEADER_3.size + source_bytes + extra + payload
    names = _names_3(content[HEADER_3.size : HEADER_3.size + source_bytes])
    if not math.isfinite(rate):
        raise ValueError("no such rate")
    return names, start_ns, samples, -1 / rate if rate < 0 else rate, length


def _read_2(content: bytes) -> Fields:
    if len(content) < _LEAST_2:
        raise ValueError("not miniSEED")
    whole = content if len(content) >= _USUAL_2 else content + bytes(_USUAL_2 - _LEAST_2)
    number, quality, codes, date_2, second, tick, samples, rest = _FIXED_2[">"].unpack_from(whole)
    if quality not in _QUALITIES or not (number.isdigit() or not number.strip(_DIGITS)):
        raise ValueError("not miniSEED")
    order, minute_ns = _minute_2(date_2)
    if order == "<":
        *_, tick, samples, rest = _FIXED_2[order].unpack_from(whole)
    if second > 60:
        raise ValueError("no such time")
    if tick >= _TICKS_PER_S:
        raise ValueError(_BEYOND)
    start_ns = minute_ns + second * _NS_PER_S + tick * _NS_PER_TICK
    try:
        late_ns, rate_hz, length = _layout_2(rest if whole is content else content[_REST_2_AT:], _REST_2_AT, order)
    except (struct.error, IndexError):  # its blockettes go on further behind, or are cut off
        late_ns, rate_hz, length = _layout_2.__wrapped__(content, 0, order)
    # Without blockette 1000 only the reader's surroundings say how long a record is.
    return names_2(codes), start_ns + late_ns, samples, rate_hz, length or len(content)


@lru_cache(maxsize=1024)  # records of one time come together
def _minute_2(date_2: bytes) -> tuple[str, int]:
    """Byte order, told by which of the two gives a year and a day that can be; and the minute in it, ns since 1970."""
    for order in "><":
        year, day, hour, minute = struct.unpack(order + "HHBB", date_2)
        if 1900 <= year <= 2100 and 1 <= day <= 366:
            return order, _instant_ns(year, day, hour, minute, 0)
    raise ValueError("no such date")


@lru_cache(maxsize=1 << 14)  # channels differ in it, and hardly the records of one
def _layout_2(part: bytes, part_at: int, order: str) -> tuple[int, float, int]:
    """What is to be added to the start, ns; the rate, Hz; the length or 0: all a header says but codes, time and count.

    part     bytes of the record
    part_at  where in the record they begin

    Raises struct.error or IndexError where more bytes are needed than the part has.
    """
    factor, multiplier, flags, correction, at = struct.unpack_from(order + "hhB3xi2xH", part, _REST_2_AT - part_at)
    late_ns = 0 if flags & _CORRECTED else correction * _NS_PER_TICK
    rate_hz, length = _rate_2(factor, multiplier), 0
    for _ in range(_MOST_BLOCKETTES):
        if at == 0:
            break
        if at < part_at:
            raise IndexError
        kind, following = struct.unpack_from(order + "HH", part, at - part_at)
        if kind == 1000:
            if length:
                raise ValueError("two lengths")
            length = 1 << _checked(part[at - part_at + 6], 18)
        elif kind == 1001:
            late_ns += struct.unpack_from("b", part, at - part_at + 5)[0] * 1_000
        elif kind == 100:
            (rate_hz,) = struct.unpack_from(order + "f", part, at - part_at + 4)
        if following and following < at + 4:
            raise ValueError("blockettes that run backwards")
        at = following
    if not math.isfinite(rate_hz):
        raise ValueError("no such rate")
    return late_ns, rate_hz, length


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
        raise ValueError(_BEYOND)
    return number


@lru_cache(maxsize=1 << 17)  # a nation has 50,000 channels, each named once a second
def names_2(codes: bytes) -> Names:
    """Read the codes in a miniSEED 2 header, its part CODES_2. Raises DataFault as fields_of does."""
    text = codes.decode("latin-1")
    station, location, channel, network = (text[a:b].strip(" \0") for a, b in ((0, 5), (5, 7), (7, 10), (10, 12)))
    try:
        return _names(SourceId(network, station, location, channel))
    except ValueError as error:
        raise DataFault("record", f"{_UNREADABLE}: {error}") from error


@lru_cache(maxsize=1 << 17)
def _names_3(identifier: bytes) -> Names:
    return _names(parse_source(identifier.decode("latin-1").rstrip("\0")))


def _names(source: SourceId) -> Names:
    identifier = source.fdsn
    return Names(source, source.station_key, identifier, identifier.split("_", 2)[2])
