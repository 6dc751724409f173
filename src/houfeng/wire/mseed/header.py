"""Headers of miniSEED 2 and 3 records, as compiled kernels.

Each reader fills one row of layout.RECORD and says what is wrong with the record, GOOD when nothing is.
Nothing read from the bytes is believed before it is checked against the end of the buffer.

Sources: SEED 2.4 manual, chapter 8; FDSN miniSEED 3 specification; where these are silent, what libmseed 3 does.
"""

import numpy as np
from numba import njit

from houfeng.wire.mseed import layout
from houfeng.wire.mseed.crc import record_crc
from houfeng.wire.mseed.layout import BAD_BLOCKETTES, BAD_LENGTH, GOOD, HEADER_2, HEADER_3, TRUNCATED
from houfeng.wire.mseed.loads import Bytes, f32, f64, i16, i32, u8, u16, u32
from houfeng.words.instant import EARLIEST_NS, LATEST_NS

#: Bytes a header must have before it can be recognised: up to the second of the start time.
_RECOGNISED_BY = 27

#: Blockettes followed in one record. Records seen in practice carry fewer than ten.
_MOST_BLOCKETTES = 64

#: A record that does not say its length ends where the next begins, at most this far away.
#: SEED records are 256 to 4096 bytes long (SEED 2.4, chapter 2); four times that for good measure.
_LONGEST_UNSAID = 1 << 14

#: Time corrections and fractions of a second count in units of 0.0001 s (SEED 2.4, chapter 8, fields 10 and 16).
_TICK_NS = 100_000
_SECOND_NS = 1_000_000_000
_MOST_SECONDS = LATEST_NS // _SECOND_NS

#: Whole years inside what a 64-bit count of nanoseconds can say.
_FIRST_YEAR, _LAST_YEAR = 1679, 2260

#: Faster than one sample per nanosecond cannot be told apart in time.
_FASTEST_HZ = 1e9

#: Days from 1970-01-01 back to 0000-03-01 in the proleptic Gregorian calendar.
_DAYS_BEFORE_1970 = 719_468


#: Bytes allowed in the sequence number of a version 2 header: digits, space, NUL. A table spares 18 comparisons.
_SEQUENCE = np.isin(np.arange(256), [0, 32, *range(48, 58)]).astype(np.uint8)

#: Letters of data quality, which tell version 2 records from the control headers of a SEED volume.
_QUALITY = np.isin(np.arange(256), list(b"DRQM")).astype(np.uint8)


@njit(cache=True)
def _is_clock(b: Bytes, i: int) -> bool:
    return u8(b, i) <= 23 and u8(b, i + 1) <= 59 and u8(b, i + 2) <= 60


@njit(cache=True)
def _is_sequence(b: Bytes, i: int) -> bool:
    early = _SEQUENCE[u8(b, i)] & _SEQUENCE[u8(b, i + 1)] & _SEQUENCE[u8(b, i + 2)]
    late = _SEQUENCE[u8(b, i + 3)] & _SEQUENCE[u8(b, i + 4)] & _SEQUENCE[u8(b, i + 5)]
    return bool(early & late)


@njit(cache=True)
def version_at(b: Bytes, i: int, end: int) -> int:
    """Format version of the header that seems to begin at byte i, 0 when none does.

    A version beyond 3 is told as 4: a header of a kind not known here.
    """
    if i + _RECOGNISED_BY > end:
        return 0
    # Quality letter first: it is the byte that random bytes get wrong most often.
    if _QUALITY[u8(b, i + 6)] and _is_sequence(b, i):
        return 2 if (u8(b, i + 7) == 32 or u8(b, i + 7) == 0) and _is_clock(b, i + 24) else 0
    if u8(b, i) == 77 and u8(b, i + 1) == 83 and 3 <= u8(b, i + 2) <= 9 and _is_clock(b, i + 12):  # M S
        return 3 if u8(b, i + 2) == 3 else 4
    return 0


@njit(cache=True)
def next_header(b: Bytes, start: int, end: int) -> int:
    """First byte at or after start where a header seems to begin, end when there is none."""
    for i in range(start, end - _RECOGNISED_BY + 1):
        if version_at(b, i, end):
            return i
    return end


@njit(cache=True)
def _is_leap(year: int) -> bool:
    return (year % 4 == 0 and year % 100 != 0) or year % 400 == 0


@njit(cache=True)
def _is_day(year: int, day: int, first_year: int, last_year: int) -> bool:
    return first_year <= year <= last_year and 1 <= day <= (366 if _is_leap(year) else 365)


@njit(cache=True)
def _is_day_2(b: Bytes, i: int, little: bool) -> bool:
    # The years libmseed believes; read in the wrong byte order none of them is a year.
    return _is_day(u16(b, i + 20, little), u16(b, i + 22, little), 1900, 2100)


@njit(cache=True)
def _instant(year: int, day: int, seconds: int, ns: int) -> int:
    """Nanoseconds since 1970 of a day of the year (1 to 366) and the seconds of that day."""
    # 1 January belongs to the March-based year before, as its day 306 (Hinnant's days_from_civil).
    y = year - 1
    days = y * 365 + y // 4 - y // 100 + y // 400 + 306 + day - 1 - _DAYS_BEFORE_1970
    return (days * 86_400 + seconds) * _SECOND_NS + ns


@njit(cache=True)
def _seconds_of_day(b: Bytes, i: int) -> int:
    return u8(b, i) * 3600 + u8(b, i + 1) * 60 + u8(b, i + 2)


@njit(cache=True)
def _nominal_rate(factor: int, multiplier: int) -> float:
    """Sampling rate of factor and multiplier; negative ones divide (SEED 2.4, chapter 8, fields 10 and 11)."""
    rate = float(factor) if factor > 0 else (-1.0 / factor if factor < 0 else 0.0)
    if multiplier > 0:
        return rate * multiplier
    return -(rate / multiplier) if multiplier < 0 else rate


@njit(cache=True)
def _blockettes(b: Bytes, i: int, end: int, little: bool, row: layout.Row) -> tuple[int, int]:
    """Follow the chain of blockettes: length, encoding, microseconds and rate, where they say so.

    What is wrong with it, and how far into the record it was read.
    """
    at = u16(b, i + 46, little)
    steps, reach = 0, HEADER_2
    while at >= HEADER_2 and i + at + 8 <= end and (row.length == 0 or at + 8 <= row.length):
        kind, following = u16(b, i + at, little), u16(b, i + at + 2, little)
        if kind == 1000 and row.length == 0:
            if u8(b, i + at + 6) > 17:
                return BAD_LENGTH, reach
            row.length = 1 << u8(b, i + at + 6)
            row.encoding = u8(b, i + at + 4)
            row.little = u8(b, i + at + 5) == 0
        elif kind == 1001:
            micros = u8(b, i + at + 5)
            row.start_ns += (micros - 256 if micros > 127 else micros) * 1000
        elif kind == 100:
            row.rate_hz = f32(b, i + at + 4, little)
        steps, reach = steps + 1, at + 8
        if following and (following < at + 4 or steps == _MOST_BLOCKETTES):
            row.note = BAD_BLOCKETTES
            break
        at = following
    return GOOD if row.length or row.note == GOOD else BAD_BLOCKETTES, reach


@njit(cache=True)
def _unsaid_length(b: Bytes, i: int, end: int) -> int:
    """Length of a record without blockette 1000: up to the next header or the end, in steps of 64 bytes, or 0."""
    length = 64
    while length <= _LONGEST_UNSAID and i + length < end:
        if version_at(b, i + length, end) == 2:
            return length
        length += 64
    return length if i + length == end and length <= _LONGEST_UNSAID else 0


@njit(cache=True)
def _start_2(b: Bytes, i: int, little: bool) -> int:
    """Start time of a version 2 record, to 0.1 ms, a correction not yet applied included."""
    start_ns = _instant(u16(b, i + 20, little), u16(b, i + 22, little), _seconds_of_day(b, i + 24), 0)
    correction = 0 if u8(b, i + 36) & 2 else i32(b, i + 40, little)
    return start_ns + (u16(b, i + 28, little) + correction) * _TICK_NS


@njit(cache=True)
def _publication_2(quality: int) -> int:
    # R raw, D unknown, Q controlled, M merged: publication versions as libmseed maps them.
    return 1 if quality == 82 else (2 if quality == 68 else (3 if quality == 81 else 4))


@njit(cache=True)
def _read_2(b: Bytes, i: int, end: int, row: layout.Row) -> int:
    row.id_at, row.id_length = 8, 12
    if i + HEADER_2 > end:
        return TRUNCATED
    little = not _is_day_2(b, i, False)
    if little and not _is_day_2(b, i, True):
        return layout.BAD_DATE
    row.start_ns = _start_2(b, i, little)
    row.rate_hz = _nominal_rate(i16(b, i + 32, little), i16(b, i + 34, little))
    row.publication = _publication_2(u8(b, i + 6))
    row.encoding = layout.STEIM1  # without blockette 1000 nobody says; libmseed takes Steim 1
    row.little = little
    row.length = 0
    problem, reach = _blockettes(b, i, end, little, row)
    if problem != GOOD:
        return problem
    if row.length == 0:
        row.length = _unsaid_length(b, i, end)
    if row.length < 64:
        return BAD_LENGTH
    if row.length < reach:
        return BAD_BLOCKETTES
    row.count = u16(b, i + 30, little)
    row.data = u16(b, i + 44, little)
    row.size = row.length - row.data
    if i + row.length > end:
        return TRUNCATED
    return layout.BAD_DATA_OFFSET if row.count and not HEADER_2 <= row.data < row.length else GOOD


@njit(cache=True)
def _read_3(b: Bytes, i: int, end: int, row: layout.Row) -> int:
    if i + HEADER_3 > end:
        return TRUNCATED
    row.id_at, row.id_length = HEADER_3, u8(b, i + 33)
    row.data = HEADER_3 + row.id_length + u16(b, i + 34, True)
    size = u32(b, i + 36, True)
    count = u32(b, i + 24, True)
    if row.data + size > layout.LONGEST_3:
        return BAD_LENGTH
    row.size = size
    row.length = row.data + size
    if i + row.length > end:
        return TRUNCATED
    if record_crc(b, i, i + row.length) != u32(b, i + 28, True):
        return layout.BAD_CRC
    year, day, ns = u16(b, i + 8, True), u16(b, i + 10, True), u32(b, i + 4, True)
    if not _is_day(year, day, _FIRST_YEAR, _LAST_YEAR) or ns >= _SECOND_NS:
        return layout.BAD_DATE
    row.start_ns = _instant(year, day, _seconds_of_day(b, i + 12), ns)
    row.rate_hz = f64(b, i + 16, True)
    if row.rate_hz < 0:
        row.rate_hz = -1.0 / row.rate_hz  # a negative rate is a period in seconds
    row.encoding = u8(b, i + 15)
    # Steim payloads are big-endian, all others little-endian (miniSEED 3, section 4).
    row.little = row.encoding not in (layout.STEIM1, layout.STEIM2)
    row.publication = u8(b, i + 32)
    # Seven samples in four bytes is the most any encoding packs, so a larger count is a lie.
    if count > 2 * (size + 4):
        return layout.BAD_COUNT
    row.count = count
    return GOOD


@njit(cache=True)
def most_samples(encoding: int, size: int) -> int:
    """The most samples that size bytes of an encoding can hold, -1 for encodings not known here."""
    if encoding == layout.STEIM2:
        return (size // 64) * 105 - (14 if size >= 64 else 0)
    if encoding == layout.STEIM1:
        return (size // 64) * 60 - (8 if size >= 64 else 0)
    sample_bytes = layout.SAMPLE_BYTES[encoding]
    return size // sample_bytes if sample_bytes else -1


@njit(cache=True)
def _check_samples(row: layout.Row) -> int:
    """Whether the samples promised can be there, and have a rate and a place in time."""
    if row.encoding in (layout.TEXT, layout.OPAQUE):
        row.count = 0
    if row.count == 0:
        return GOOD
    most = most_samples(row.encoding, row.size)
    if most < 0:
        return layout.UNSUPPORTED_ENCODING
    if row.count > most:
        return layout.BAD_COUNT
    if not 0.0 < row.rate_hz <= _FASTEST_HZ:  # NaN fails this too
        return layout.BAD_RATE
    seconds = row.count / row.rate_hz
    if seconds > _MOST_SECONDS:
        return layout.BAD_RATE
    inside = EARLIEST_NS <= row.start_ns <= LATEST_NS - int(seconds * _SECOND_NS)
    return GOOD if inside else layout.BAD_DATE


@njit(cache=True)
def read_header(b: Bytes, i: int, end: int, row: layout.Row) -> int:
    """Read the record header at byte i into row and say what is wrong with it, GOOD when nothing is.

    end  where the buffer, or the part of it that may be read, ends

    Only rows told GOOD are complete; id_length is 0 when the channel is not known.
    """
    row.offset = i
    row.start_ns = layout.NO_TIME
    row.rate_hz = 0.0
    row.length = 0
    row.id_at = 0
    row.id_length = 0
    row.count = 0
    row.note = GOOD
    row.version = version_at(b, i, end)
    if row.version == 0:
        return layout.UNREADABLE_BYTES
    if row.version == 4:
        return layout.UNKNOWN_VERSION
    problem = _read_2(b, i, end, row) if row.version == 2 else _read_3(b, i, end, row)
    return problem if problem != GOOD else _check_samples(row)
