"""The records of a buffer: where they are and what their headers say."""

from dataclasses import dataclass
from mmap import mmap

import numpy as np
from numpy.typing import NDArray

from houfeng.wire.mseed import layout
from houfeng.wire.mseed.faults import Faults
from houfeng.wire.mseed.names import keyed_source
from houfeng.wire.mseed.walk import CHANNELS, POSITION, RECORDS, memory, note_problem, visit, walk
from houfeng.words.source import SourceId

#: Bytes-like objects that can be read, files mapped into memory among them.
Buffer = bytes | bytearray | memoryview | mmap | NDArray[np.uint8]

#: Rows of the record table filled at a time: 6 MB, whatever the length of the buffer.
_CHUNK = 1 << 16

#: A short record: a second of 100 Hz fills 190 to 512 bytes. Shorter ones only cost another table.
_USUAL_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Records:
    """Headers of the good records of a buffer, in order.

    b         the buffer as read-only bytes
    rows      layout.RECORD [n]; their channel points into channels
    channels  the channels named
    faults    what was wrong so far
    """

    b: NDArray[np.uint8]
    rows: NDArray[np.void]
    channels: tuple[SourceId, ...]
    faults: Faults


def all_records(data: Buffer) -> Records:
    """Find every good record of a buffer."""
    b = as_bytes(data)
    faults = Faults()
    capacity = min(len(b) // _USUAL_LENGTH + 1, _CHUNK)
    state = memory(0, len(b))
    names, slots = _name_tables(capacity)
    chunks = []
    while state[POSITION] < len(b):
        if len(names) - state[CHANNELS] < capacity:
            names = np.concatenate([names, np.empty_like(names)])
        rows = np.empty(capacity, dtype=layout.RECORD)
        walk(b, state, rows, names, slots, faults.told, faults.problems)
        chunks.append(rows[: state[RECORDS]])
    rows = chunks[0] if len(chunks) == 1 else np.concatenate([np.empty(0, dtype=layout.RECORD), *chunks])
    return _named(b, rows, names[: state[CHANNELS]], faults)


def chosen_records(data: Buffer, offsets: NDArray[np.int64], lengths: NDArray[np.int64]) -> Records:
    """Read the records that begin at the given bytes and are no longer than given."""
    b = as_bytes(data)
    faults = Faults()
    rows = np.empty(len(offsets) + 1, dtype=layout.RECORD)
    names, slots = _name_tables(len(rows))
    good, channels = visit(
        b, offsets.astype(np.int64), lengths.astype(np.int64), rows, names, slots, faults.told, faults.problems
    )
    return _named(b, rows[:good], names[:channels], faults)


def as_bytes(data: Buffer) -> NDArray[np.uint8]:
    """The buffer as the kernels take it, without copying."""
    b: NDArray[np.uint8] = np.frombuffer(data, dtype=np.uint8)
    b.flags.writeable = False  # one compiled version of the kernels, whatever the buffer is
    return b


def _name_tables(capacity: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    # Twice as many cells as names keeps the runs of full cells short.
    cells = 1 << (2 * capacity - 1).bit_length()
    return np.empty((capacity, 3), dtype=np.int64), np.full(cells, -1, dtype=np.int32)


def _named(b: NDArray[np.uint8], rows: NDArray[np.void], names: NDArray[np.int64], faults: Faults) -> Records:
    """Give the channels their names, and leave out records of channels without a proper one."""
    view = b.data
    places: dict[str, int] = {}
    channels: list[SourceId] = []
    numbers: list[int] = []
    for start, length, version in names.tolist():
        found = keyed_source(bytes(view[start : start + length]), version)
        if found is None:
            numbers.append(-1)
            continue
        key, source = found
        place = places.setdefault(key, len(channels))
        if place == len(channels):
            channels.append(source)
        numbers.append(place)
    if numbers:
        rows["channel"] = np.array(numbers, dtype=np.int32)[rows["channel"]]
    bad = rows["channel"] < 0
    if bad.any():
        for row in rows[bad][: layout.PROBLEMS_TOLD]:
            note_problem(layout.BAD_CODES, int(row["length"]), row, faults.told, faults.problems)
        faults.told[layout.BAD_CODES] = np.count_nonzero(bad)
        rows = rows[~bad]
    return Records(b, rows, tuple(channels), faults)
