"""Payloads into samples, as compiled kernels.

Sources: SEED 2.4 manual, appendix B (Steim 1 and 2); FDSN data encodings.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.wire.mseed import layout
from houfeng.wire.mseed.layout import BAD_PAYLOAD, GOOD
from houfeng.wire.mseed.loads import Bytes, f32, f64, i16, i32, u16, u32, u32_big
from houfeng.wire.mseed.walk import note_problem

#: Bytes of a Steim frame: one word of 16 two-bit codes, then 15 words of differences.
_FRAME = 64

#: Samples behind the last that a Steim payload may spoil: whole words are unpacked, of up to seven samples.
SPARE = 6


@njit(cache=True)
def _word(b: Bytes, i: int, code: int, steim1: bool, little: bool) -> int:
    """One word of differences, the earliest in the highest bits."""
    if not little or code == 1:  # four single bytes stand in the order of time in either byte order
        return u32_big(b, i)
    if code == 2 and steim1:  # so do two 16-bit numbers, each in its own byte order
        return (u16(b, i, True) << 16) | u16(b, i + 2, True)
    return u32(b, i, True)


@njit(cache=True)
def _sum_up(word: int, many: int, bits: int, value: int, samples: NDArray[np.int32], at: int) -> tuple[int, int]:
    """Add the differences of a word one after the other and keep every sum; the last one, and how many."""
    for k in range(many):
        # Move the k-th difference to the top of 64 bits, then down again with its sign.
        value += (word << (64 - (many - k) * bits)) >> (64 - bits)
        samples[np.uint64(at + k)] = value
    return value, many


@njit(cache=True)
def _spread_1(word: int, code: int, value: int, samples: NDArray[np.int32], at: int) -> tuple[int, int]:
    """Unpack a word of Steim 1: the sum of all differences so far, and how many the word holds."""
    if code == 1:
        return _sum_up(word, 4, 8, value, samples, at)
    return _sum_up(word, 2, 16, value, samples, at) if code == 2 else _sum_up(word, 1, 32, value, samples, at)


@njit(cache=True)
def _spread_2(word: int, code: int, value: int, samples: NDArray[np.int32], at: int) -> tuple[int, int]:
    """Unpack a word of Steim 2, likewise; -1 differences where its codes mean nothing."""
    # Each call has constants for the number and the width of the differences, which the compiler unrolls.
    if code == 1:
        return _sum_up(word, 4, 8, value, samples, at)
    kind = (code & 1) << 2 | word >> 30
    if kind == 3:
        return _sum_up(word, 3, 10, value, samples, at)
    if kind == 4:
        return _sum_up(word, 5, 6, value, samples, at)
    if kind == 2:
        return _sum_up(word, 2, 15, value, samples, at)
    if kind == 5:
        return _sum_up(word, 6, 5, value, samples, at)
    if kind == 6:
        return _sum_up(word, 7, 4, value, samples, at)
    if kind == 1:
        return _sum_up(word, 1, 30, value, samples, at)
    return value, -1


@njit(cache=True)
def _steim(
    b: Bytes, at: int, size: int, count: int, steim1: bool, little: bool, samples: NDArray[np.int32], first: int
) -> int:
    """Decode count samples of Steim 1 or 2 into samples[first:first + count], spoiling up to 6 samples behind them."""
    done = 0
    value = 0
    k = 3  # the first frame spends two words on the first and the last sample
    for frame in range(at, at + size // _FRAME * _FRAME, _FRAME):
        codes = u32(b, frame, little)
        while k < 16 and done < count:
            code = (codes >> (30 - 2 * k)) & 3
            if code:
                word = _word(b, frame + 4 * k, code, steim1, little)
                if steim1:
                    value, many = _spread_1(word, code, value, samples, first + done)
                else:
                    value, many = _spread_2(word, code, value, samples, first + done)
                    if many < 0:
                        return BAD_PAYLOAD
                done += many
            k += 1
        k = 1
        if done >= count:
            break
    if done < count:
        return BAD_PAYLOAD
    # The first difference leads from the record before; what counts is the first sample told.
    # So far the samples lack that one constant. Sums wrap at 32 bits as in every decoder.
    shift = i32(b, at + 4, little) - samples[first]
    for i in range(first, first + count):
        samples[np.uint64(i)] += shift
    return GOOD if samples[first + count - 1] == i32(b, at + 8, little) else BAD_PAYLOAD


@njit(cache=True)
def _integers(b: Bytes, row: layout.Row, samples: NDArray[np.int32], first: int) -> int:
    at, little = row.offset + row.data, row.little != 0
    if row.encoding in (layout.STEIM1, layout.STEIM2):
        return _steim(b, at, row.size, row.count, row.encoding == layout.STEIM1, little, samples, first)
    if row.encoding == layout.INT32:
        for k in range(row.count):
            samples[first + k] = i32(b, at + 4 * k, little)
    else:
        for k in range(row.count):
            samples[first + k] = i16(b, at + 2 * k, little)
    return GOOD


@njit(cache=True)
def _floats(b: Bytes, row: layout.Row, samples: NDArray[np.float64], first: int) -> None:
    at, little = row.offset + row.data, row.little != 0
    if row.encoding == layout.FLOAT64:
        for k in range(row.count):
            samples[first + k] = f64(b, at + 8 * k, little)
    else:
        for k in range(row.count):
            samples[first + k] = f32(b, at + 4 * k, little)


@njit(cache=True)
def unpack(
    b: Bytes,
    records: NDArray[np.void],
    begin: int,
    filled: NDArray[np.int64],
    integers: NDArray[np.int32],
    floats: NDArray[np.float64],
    told: NDArray[np.int64],
    problems: NDArray[np.void],
) -> int:
    """Decode the payloads of records[begin:] one after the other; the first record left to libmseed, or their number.

    records   a record whose payload turns out bad gets a count of 0
    filled    int64 [2], how many of integers and of floats are filled; goes up with every good record
    integers, floats  int32 and float64, with room for all samples promised and SPARE more
    told, problems    as in walk()
    """
    for k in range(begin, len(records)):
        row = records[k]
        if row.count == 0:
            continue
        if not layout.IS_HOT[row.encoding]:
            return k
        if layout.IS_FLOAT[row.encoding]:
            _floats(b, row, floats, filled[1])
            filled[1] += row.count
        elif _integers(b, row, integers, filled[0]) == GOOD:
            filled[0] += row.count
        else:
            row.count = 0
            note_problem(BAD_PAYLOAD, row.length, row, told, problems)
    return len(records)
