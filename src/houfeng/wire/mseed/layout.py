"""The tables the kernels fill: one row per good record, one row per problem.

Sources: SEED 2.4 manual, chapter 8 (miniSEED 2); FDSN miniSEED 3 specification (miniSEED 3).
"""

from typing import Final, Protocol

import numpy as np

from houfeng.wire.decoded import TOLD

#: One row per good record. offset and length locate it in the buffer; data and size its payload within it.
RECORD: Final = np.dtype(
    [
        ("offset", np.int64),
        ("start_ns", np.int64),
        ("rate_hz", np.float64),
        ("length", np.int32),
        ("id_at", np.int32),
        ("id_length", np.int32),
        ("channel", np.int32),
        ("count", np.int32),
        ("data", np.int32),
        ("size", np.int32),
        ("version", np.uint8),
        ("encoding", np.uint8),
        ("little", np.uint8),
        ("publication", np.uint8),
        ("note", np.uint8),
    ],
    align=True,
)


class Row(Protocol):
    """One row of the record table, as a kernel sees it."""

    offset: int
    start_ns: int
    rate_hz: float
    length: int
    id_at: int
    id_length: int
    channel: int
    count: int
    data: int
    size: int
    version: int
    encoding: int
    little: int
    publication: int
    note: int


#: One row per problem. id_at is negative when the channel is not known.
PROBLEM: Final = np.dtype(
    [
        ("offset", np.int64),
        ("start_ns", np.int64),
        ("length", np.int64),
        ("id_at", np.int64),
        ("id_length", np.int32),
        ("version", np.uint8),
    ],
    align=True,
)

# What can be wrong with a record. The numbers only index the rows of the problem table.
GOOD: Final = 0
UNREADABLE_BYTES: Final = 1
TRUNCATED: Final = 2
UNKNOWN_VERSION: Final = 3
BAD_DATE: Final = 4
BAD_RATE: Final = 5
BAD_BLOCKETTES: Final = 6
BAD_DATA_OFFSET: Final = 7
BAD_LENGTH: Final = 8
BAD_CRC: Final = 9
BAD_COUNT: Final = 10
BAD_CODES: Final = 11
UNSUPPORTED_ENCODING: Final = 12
BAD_PAYLOAD: Final = 13
PROBLEM_KINDS: Final = 14

#: Rows kept of one kind of problem; the rest is only counted.
PROBLEMS_TOLD: Final = TOLD

#: Start of a record whose time is not known.
NO_TIME: Final = np.iinfo(np.int64).min

# Encodings, FDSN "Data encoding codes" (the same numbers in versions 2 and 3).
TEXT: Final = 0
INT16: Final = 1
INT32: Final = 3
FLOAT32: Final = 4
FLOAT64: Final = 5
STEIM1: Final = 10
STEIM2: Final = 11
GEOSCOPE24: Final = 12
GEOSCOPE16_3: Final = 13
GEOSCOPE16_4: Final = 14
CDSN: Final = 16
SRO: Final = 30
DWWSSN: Final = 32
OPAQUE: Final = 100

#: Bytes of one sample by encoding, where it is fixed; 0 where it is not, or the encoding is not known here.
SAMPLE_BYTES: Final = np.zeros(256, dtype=np.int64)
SAMPLE_BYTES[[INT16, GEOSCOPE16_3, GEOSCOPE16_4, CDSN, SRO, DWWSSN]] = 2
SAMPLE_BYTES[GEOSCOPE24] = 3
SAMPLE_BYTES[[INT32, FLOAT32]] = 4
SAMPLE_BYTES[FLOAT64] = 8

#: Whether an encoding gives floating-point samples.
IS_FLOAT: Final = np.isin(np.arange(256), [FLOAT32, FLOAT64, GEOSCOPE24, GEOSCOPE16_3, GEOSCOPE16_4])

#: Whether an encoding is decoded by our own kernels; the rest is left to libmseed.
IS_HOT: Final = np.isin(np.arange(256), [STEIM1, STEIM2, INT16, INT32, FLOAT32, FLOAT64])

#: Length of the fixed header: SEED 2.4 chapter 8; miniSEED 3 section 3.
HEADER_2: Final = 48
HEADER_3: Final = 40

#: Longest record believed: 2^17 bytes in version 2 and 10 MiB in version 3, as in libmseed 3.
LONGEST_2: Final = 1 << 17
LONGEST_3: Final = 10 << 20
