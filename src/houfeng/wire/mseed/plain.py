"""Start times of many records at once, of those whose header is of the plainest form; nearly all are.

The slow twin, for every form, is fields_of in wire/manifest/head.py.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.wire.mseed import layout
from houfeng.wire.mseed.header import read_header
from houfeng.wire.mseed.loads import Bytes, u8, u16

#: Shortest record of this form: fixed header, two blockettes, no samples.
_LEAST_BYTES: Final = 64

#: Fewer records than this are read sooner one by one.
_FEW: Final = 8

_TICKS_PER_S: Final = 10_000
_IN_FIRST, _BEHIND_FIRST = 48, 56

#: The M of MS, with which miniSEED 3 begins.
_MARK_OF_3: Final = 77


def plain_starts_ns(contents: Sequence[bytes]) -> list[int]:
    """When each record starts, ns since 1970; layout.NO_TIME for one that is to be read with more care.

    contents  of some packets; plain is one whole miniSEED 2 record, big-endian, with blockette 1000, or 1000 and 1001
    """
    if len(contents) < _FEW:
        return [layout.NO_TIME] * len(contents)
    joined = np.frombuffer(b"".join(contents), np.uint8)
    ends = np.fromiter(accumulate(map(len, contents)), np.int64, len(contents))
    starts_ns = np.empty(len(contents), np.int64)
    _read(joined, ends, np.zeros(1, layout.RECORD), starts_ns)
    told: list[int] = starts_ns.tolist()
    return told


@njit(cache=True)
def _is_plain(b: Bytes, i: int, length: int) -> bool:
    if length < _LEAST_BYTES or u8(b, i) == _MARK_OF_3 or u16(b, i + 28, False) >= _TICKS_PER_S:
        return False
    if not (1900 <= u16(b, i + 20, False) <= 2100 and 1 <= u16(b, i + 22, False) <= 365):
        return False
    if u16(b, i + 46, False) != _IN_FIRST or u16(b, i + _IN_FIRST, False) != 1000:
        return False
    following = u16(b, i + _IN_FIRST + 2, False)
    if following == _BEHIND_FIRST:
        return u16(b, i + _BEHIND_FIRST, False) == 1001 and u16(b, i + _BEHIND_FIRST + 2, False) == 0
    return following == 0


@njit(cache=True)
def _read(b: Bytes, ends: NDArray[np.int64], rows: NDArray[np.void], starts_ns: NDArray[np.int64]) -> None:
    i, row = 0, rows[0]
    for k in range(len(ends)):
        end = ends[k]
        starts_ns[k] = layout.NO_TIME
        if _is_plain(b, i, end - i) and read_header(b, i, end, row) == layout.GOOD and row.length == end - i:
            starts_ns[k] = row.start_ns
        i = end
