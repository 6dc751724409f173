"""What SeedLink must know of a record, from its header alone: format, stream, and from when to when.

Standard library only. Sources: SEED 2.4 manual, chapter 8; FDSN miniSEED 3 specification; FDSN Source Identifiers 1.0.
"""

import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from houfeng.words.errors import DataFault

#: The only length that SeedLink 3 carries.
V3_RECORD_BYTES = 512

#: Lengths served. Anything longer would let one record hold up everything behind it.
LEAST_BYTES, MOST_BYTES = 40, 1 << 16

_HEADER_3 = struct.Struct("<2sBBIHHBBBBdIIBBHI")
_FIXED_2 = {order: struct.Struct(f"{order}HHBBBxHHhhBBBBiHH") for order in "><"}
_FORM_2 = re.compile(rb"[0-9 \0]{6}[DRQM][ \0]")
_CODES_2 = re.compile(r"[A-Z0-9-]{0,5}")
_NAME_3 = re.compile(
    r"FDSN:[A-Za-z0-9]{1,8}_[A-Za-z0-9-]{1,8}_([A-Za-z0-9-]{0,8}_[A-Za-z0-9]*_[A-Za-z0-9]*_[A-Za-z0-9]*)"
)
_MOST_BLOCKETTES = 16
_TIME_CORRECTION_APPLIED = 0x02
_NS_PER_S = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: Longest time one record may cover: whatever says more has a damaged rate.
_MOST_COVERED_S = 366 * 86_400.0


@dataclass(frozen=True, slots=True)
class Outline:
    """A record's header, as far as SeedLink looks at it.

    format     format and subformat, as in the version 4 header: 2D, 2L, 2E, 2C, 2T, 2O or 3D
    stream_id  LOC_B_S_SS
    start_ns   time of the first sample
    end_ns     time of the sample that would follow the last, >= start_ns
    fits_v3    whether SeedLink 3 can carry it: version 2, 512 bytes, and saying so itself
    """

    format: str
    stream_id: str
    start_ns: int
    end_ns: int
    fits_v3: bool


def outline(record: bytes) -> Outline:
    """Read the header of one whole record.

    record  miniSEED 2 or 3, from 40 to 65,536 bytes, nothing behind it

    Raises DataFault when it is none, or its own length is another.
    """
    if not LEAST_BYTES <= len(record) <= MOST_BYTES:
        raise _fault(f"a record of {len(record)} bytes")
    if record[:3] == b"MS\x03":
        return _outline_3(record)
    if len(record) >= 64 and _FORM_2.match(record):
        return _outline_2(record)
    raise _fault("neither miniSEED 2 nor 3")


def _outline_3(record: bytes) -> Outline:
    (_, _, _, ns, year, day, hour, minute, second, _, rate, count, _, _, name_bytes, extra_bytes, load_bytes) = (
        _HEADER_3.unpack_from(record)
    )
    if _HEADER_3.size + name_bytes + extra_bytes + load_bytes != len(record):
        raise _fault("its length is not what its header says")
    stream_id = _stream_3(record[_HEADER_3.size : _HEADER_3.size + name_bytes])
    if ns >= _NS_PER_S:
        raise _fault("its time is none")
    start_ns = _day_ns(year, day) + _clock_ns(hour, minute, second) + ns
    # Below zero it is a period in seconds, not a rate.
    interval_s = -rate if rate < 0 else 1 / rate if rate > 0 else 0.0
    return Outline("3D", stream_id, start_ns, start_ns + _covered_ns(count * interval_s), fits_v3=False)


def _outline_2(record: bytes) -> Outline:
    order = ">" if 1900 <= int.from_bytes(record[20:22], "big") <= 2100 else "<"
    (year, day, hour, minute, second, ticks, count, factor, multiplier, activity, _, _, _, correction, _, following) = (
        _FIXED_2[order].unpack_from(record, 20)
    )
    blockettes = _blockettes(record, order, following)
    start_ns = _day_ns(year, day) + _clock_ns(hour, minute, second) + ticks * 100_000
    if not activity & _TIME_CORRECTION_APPLIED:
        start_ns += correction * 100_000
    if 1001 in blockettes:
        start_ns += int.from_bytes(record[blockettes[1001] + 5 : blockettes[1001] + 6], "big", signed=True) * 1000
    rate_hz = _rate_2(factor, multiplier)
    if 100 in blockettes:
        rate_hz = struct.unpack_from(f"{order}f", record, blockettes[100] + 4)[0]
    exponent = record[blockettes[1000] + 6] if 1000 in blockettes else 0
    if exponent and 1 << min(exponent, 16) != len(record):
        raise _fault("its length is not what its header says")
    covered_s = count / rate_hz if rate_hz > 0 else 0.0
    return Outline(
        "2" + _subformat(count, rate_hz, blockettes),
        _stream_2(record[13:18]),
        start_ns,
        start_ns + _covered_ns(covered_s),
        fits_v3=len(record) == V3_RECORD_BYTES and exponent == 9,
    )


def _blockettes(record: bytes, order: str, following: int) -> dict[int, int]:
    """Where each kind of blockette begins. A chain that leads nowhere just ends: it concerns whoever decodes it."""
    found: dict[int, int] = {}
    while len(found) < _MOST_BLOCKETTES and 48 <= following <= len(record) - 8:
        kind, after = struct.unpack_from(f"{order}HH", record, following)
        found.setdefault(kind, following)
        if after <= following:
            break
        following = after
    return found


def _subformat(count: int, rate_hz: float, blockettes: dict[int, int]) -> str:
    if count:
        return "D" if rate_hz > 0 else "L"
    for letter, kinds in (("E", range(200, 300)), ("C", range(300, 400)), ("T", (500,)), ("O", (2000,))):
        if any(kind in kinds for kind in blockettes):
            return letter
    return "D"


def _rate_2(factor: int, multiplier: int) -> float:
    """Samples per second of the two fields of the fixed header: below zero, either divides (SEED 2.4, chapter 8)."""
    if factor == 0 or multiplier == 0:
        return 0.0
    rate_hz = float(factor) if factor > 0 else -1.0 / factor
    return rate_hz * multiplier if multiplier > 0 else rate_hz / -multiplier


def _covered_ns(covered_s: float) -> int:
    if not 0 <= covered_s <= _MOST_COVERED_S:
        raise _fault("it covers no time that can be")
    return round(covered_s * _NS_PER_S)


@lru_cache(maxsize=16_384)
def _stream_2(codes: bytes) -> str:
    try:
        location, channel = codes[:2].decode("ascii").strip(" \0"), codes[2:].decode("ascii").strip(" \0")
    except UnicodeDecodeError:
        raise _fault("its channel has no name") from None
    if not channel or not _CODES_2.fullmatch(location + channel):
        raise _fault("its channel has no name")
    return f"{location}_{channel[:1]}_{channel[1:2]}_{channel[2:]}"


@lru_cache(maxsize=16_384)
def _stream_3(name: bytes) -> str:
    match = _NAME_3.fullmatch(name.decode("ascii", "replace"))
    if match is None:
        raise _fault("its name is no FDSN source identifier")
    return match[1]


@lru_cache(maxsize=4096)
def _day_ns(year: int, day: int) -> int:
    if not (1900 <= year <= 2200 and 1 <= day <= 366):
        raise _fault("its time is none")
    return (datetime(year, 1, 1, tzinfo=UTC) - _EPOCH + timedelta(days=day - 1)) // timedelta(seconds=1) * _NS_PER_S


def _clock_ns(hour: int, minute: int, second: int) -> int:
    if hour > 23 or minute > 59 or second > 60:
        raise _fault("its time is none")
    return (hour * 3600 + minute * 60 + second) * _NS_PER_S


def _fault(reason: str) -> DataFault:
    return DataFault("record", reason)
