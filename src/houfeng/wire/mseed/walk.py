"""From record to record through a buffer, as compiled kernels.

The walk stops at nothing: what cannot be read is noted as a problem, and the search for the next header goes on.
Its cost is linear in the length of the buffer whatever the bytes say, see _SECOND_CHANCES.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.wire.mseed import layout
from houfeng.wire.mseed.header import next_header, read_header, version_at
from houfeng.wire.mseed.layout import GOOD, PROBLEMS_TOLD
from houfeng.wire.mseed.loads import Bytes, u8

#: Cells of the walk's memory: where to go on, records and channels so far, and bytes that may still be checked twice.
POSITION, RECORDS, CHANNELS, CREDIT = range(4)

#: A record whose check sum fails is searched inside for others. Headers nested in headers would make that quadratic,
#: so at most this many bytes per byte of the buffer are summed up in vain; after that a bad record is skipped whole.
_SECOND_CHANCES = 4

#: Cells tried for one channel name in the table of names. Beyond that the name is taken as new and
#: told apart later, so that names made to collide cost time in proportion to their number only.
_PROBES = 32

# FNV-1a, 64 bits (Fowler, Noll, Vo; RFC 9923).
_FNV_OFFSET = np.uint64(0xCBF29CE484222325)
_FNV_PRIME = np.uint64(0x100000001B3)


def memory(start: int, length: int) -> NDArray[np.int64]:
    """The walk's memory at the beginning of a buffer of some length."""
    return np.array([start, 0, 0, _SECOND_CHANCES * length], dtype=np.int64)


@njit(cache=True)
def _hash(b: Bytes, start: int, stop: int) -> np.int64:
    value = _FNV_OFFSET
    for i in range(start, stop):
        value = (value ^ np.uint64(u8(b, i))) * _FNV_PRIME
    return np.int64((value ^ (value >> np.uint64(32))) & np.uint64(0x7FFFFFFF))


@njit(cache=True)
def _same(b: Bytes, one: int, other: int, length: int) -> bool:
    i = 0
    while i < length and u8(b, one + i) == u8(b, other + i):
        i += 1
    return i == length


@njit(cache=True)
def _channel(b: Bytes, row: layout.Row, names: NDArray[np.int64], known: int, slots: NDArray[np.int32]) -> int:
    """Number of the record's channel; `known` when it is new, and then it is entered in the tables."""
    start = row.offset + row.id_at
    mask = len(slots) - 1
    cell = (_hash(b, start, start + row.id_length) + row.version) & mask
    for _ in range(_PROBES):
        number: int = slots[cell]
        if number < 0:
            slots[cell] = known
            break
        if (
            names[number, 1] == row.id_length
            and names[number, 2] == row.version
            and _same(b, start, names[number, 0], row.id_length)
        ):
            return number
        cell = (cell + 1) & mask
    names[known, 0], names[known, 1], names[known, 2] = start, row.id_length, row.version
    return known


@njit(cache=True)
def note_problem(kind: int, length: int, row: layout.Row, told: NDArray[np.int64], problems: NDArray[np.void]) -> None:
    """Count a problem of a record, and keep where it was while there are few of its kind."""
    if told[kind] < PROBLEMS_TOLD:
        problem = problems[kind, told[kind]]
        problem.offset = row.offset
        problem.length = length
        problem.start_ns = row.start_ns
        problem.version = row.version
        problem.id_at = row.id_at
        problem.id_length = row.id_length
    told[kind] += 1


@njit(cache=True)
def _is_volume_header(b: Bytes, i: int, end: int) -> bool:
    """Whether a control header of a full SEED volume begins here: six digits, one of V A S T, a space or a star."""
    if i + 8 > end:
        return False
    for k in range(6):
        if not 48 <= u8(b, i + k) <= 57:
            return False
    kind = u8(b, i + 6)
    return kind in (86, 65, 83, 84) and u8(b, i + 7) in (32, 42)


@njit(cache=True)
def _after_bad(b: Bytes, end: int, problem: int, row: layout.Row, state: NDArray[np.int64]) -> int:
    """Where to go on after a record that is not good: its length is not believed, so at the next header."""
    if problem == layout.BAD_CRC:
        state[CREDIT] -= row.length
        if state[CREDIT] < 0:
            return row.offset + row.length
    return next_header(b, row.offset + 1, end)


@njit(cache=True)
def _hidden(b: Bytes, end: int, row: layout.Row) -> int:
    """First header inside a version 2 record that is followed by nothing sensible, -1 when there is none.

    Version 2 has no check sum: where bytes were lost, the length leads into the middle of a later record.
    """
    stop = row.offset + row.length
    if row.version != 2 or stop == end or version_at(b, stop, end):
        return -1
    inside = next_header(b, row.offset + layout.HEADER_2, stop)
    return inside if inside < stop else -1


@njit(cache=True)
def walk(
    b: Bytes,
    state: NDArray[np.int64],
    records: NDArray[np.void],
    names: NDArray[np.int64],
    slots: NDArray[np.int32],
    told: NDArray[np.int64],
    problems: NDArray[np.void],
) -> None:
    """Fill records until they are full or the buffer ends.

    state     see memory(); RECORDS counts from 0 again at every call
    names     int64 [channels, 3]: where a channel's name stands, its length, format version; with room for
              as many new channels as there are records
    slots     int32 [a power of two], -1 where empty: the hash table of names
    told      int64 [PROBLEM_KINDS], how many problems of each kind
    problems  layout.PROBLEM [PROBLEM_KINDS, PROBLEMS_TOLD], the first of each kind
    """
    end = len(b)
    state[RECORDS] = 0
    while state[POSITION] < end and state[RECORDS] < len(records):
        row = records[state[RECORDS]]
        problem = read_header(b, state[POSITION], end, row)
        if problem == GOOD:
            inside = _hidden(b, end, row)
            if inside < 0:
                row.channel = _channel(b, row, names, state[CHANNELS], slots)
                state[CHANNELS] = max(state[CHANNELS], row.channel + 1)
                state[RECORDS] += 1
                state[POSITION] += row.length
                if row.note != GOOD:
                    note_problem(row.note, row.length, row, told, problems)
                continue
            problem, state[POSITION] = layout.TRUNCATED, inside
        else:
            state[POSITION] = _after_bad(b, end, problem, row, state)
        if problem != layout.UNREADABLE_BYTES or not _is_volume_header(b, row.offset, end):
            note_problem(problem, state[POSITION] - row.offset, row, told, problems)


@njit(cache=True)
def visit(
    b: Bytes,
    offsets: NDArray[np.int64],
    lengths: NDArray[np.int64],
    records: NDArray[np.void],
    names: NDArray[np.int64],
    slots: NDArray[np.int32],
    told: NDArray[np.int64],
    problems: NDArray[np.void],
) -> tuple[int, int]:
    """Read the records that begin at the given bytes; how many were good, and how many channels they name.

    offsets, lengths  where each record begins and how long it may be; the other arguments are those of walk()
    """
    good, channels = 0, 0
    for k in range(len(offsets)):
        row = records[good]
        stop = offsets[k] + lengths[k]
        if offsets[k] < 0 or lengths[k] < 0 or stop > len(b):
            row.offset, row.start_ns, row.id_length, row.version = offsets[k], layout.NO_TIME, 0, 0
            problem = layout.TRUNCATED
        else:
            problem = read_header(b, offsets[k], stop, row)
        if problem == GOOD:
            row.channel = _channel(b, row, names, channels, slots)
            channels = max(channels, row.channel + 1)
            good += 1
        else:
            note_problem(problem, lengths[k], row, told, problems)
    return good, channels
