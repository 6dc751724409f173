"""The landmarks of the last hour, open for more: rows of blocks by lane, and a chained hash table of names."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from houfeng.guard.waveform import naming, walks
from houfeng.guard.waveform.landmarks import TICK_NS
from houfeng.guard.waveform.naming import BLOCK
from houfeng.guard.waveform.shard import Blocks
from houfeng.words.instant import NS_PER_S

Wholes = NDArray[np.int64]
Reals = NDArray[np.float64]

#: Blocks of a lane; the busiest, 1.1 landmarks a second, fills them in two hours.
ROOM: Final = 128
#: Blocks that stay when the hour is closed, so that walks can begin with them.
STAY: Final = walks.FARTHEST // BLOCK + 1
#: Heads of chains: an hour of 300 channels files 400,000 names, a few a chain.
HEADS: Final = 1 << 16
HOUR_TICKS: Final = 3600 * NS_PER_S // TICK_NS


class OpenHour:
    """Rows of blocks, one row a lane, that are written to and closed every hour."""

    def __init__(self) -> None:
        self._rows = 0
        self._short = np.zeros(0, dtype=np.uint16)
        self._loud = np.zeros(0, dtype=np.bool_)
        self._continues = np.zeros(0, dtype=np.bool_)
        self._first = np.zeros(0, dtype=np.int64)
        self._lane = np.zeros(0, dtype=np.int32)
        self._used = np.zeros(0, dtype=np.int64)
        self._closed = np.zeros(0, dtype=np.int64)
        self._last = np.zeros(0, dtype=np.int64)
        self._level = np.zeros((0, 2))
        self._since: int | None = None
        self.following = np.zeros(0, dtype=np.uint32)
        self.heads = np.zeros(HEADS, dtype=np.uint32)

    @property
    def tables(self) -> tuple[NDArray[np.uint16], NDArray[np.bool_], Wholes, NDArray[np.int32], NDArray[np.bool_]]:
        """Short ticks, whether a block continues, its first tick, its lane; and which landmarks are loud."""
        return self._short, self._continues, self._first, self._lane, self._loud

    def reserve(self, lanes: int) -> None:
        """Make room for so many lanes."""
        if lanes <= self._rows:
            return
        rows = max(8, 2 * self._rows, lanes)
        more = rows - self._rows
        marks, blocks = more * ROOM * BLOCK, more * ROOM
        self._short = np.concatenate([self._short, np.zeros(marks, dtype=np.uint16)])
        self._loud = np.concatenate([self._loud, np.zeros(marks, dtype=np.bool_)])
        self.following = np.concatenate([self.following, np.zeros(marks, dtype=np.uint32)])
        self._continues = np.concatenate([self._continues, np.zeros(blocks, dtype=np.bool_)])
        self._first = np.concatenate([self._first, np.zeros(blocks, dtype=np.int64)])
        self._lane = np.repeat(np.arange(rows, dtype=np.int32), ROOM)
        self._used = np.concatenate([self._used, np.zeros(more, dtype=np.int64)])
        self._closed = np.concatenate([self._closed, np.zeros(more, dtype=np.int64)])
        self._last = np.concatenate([self._last, np.zeros(more, dtype=np.int64)])
        self._level = np.concatenate([self._level, np.zeros((more, 2))])
        self._rows = rows

    def must_close(self, tick: int) -> bool:
        """Whether the hour is over, or a lane could be too full for one more block of landmarks."""
        over = self._since is not None and tick - self._since >= HOUR_TICKS
        return over or bool(self._used.max(initial=0) > (ROOM - 3) * BLOCK)

    def append(self, lane: int, ticks: Wholes, power: Reals, *, fresh: bool) -> Wholes:
        """Write at most a block of landmarks behind those of a lane; give their places."""
        if not len(ticks):
            # A fresh run without landmarks so far: what comes later must not continue what was.
            self._used[lane] = -(-self._used[lane] // BLOCK) * BLOCK if fresh else self._used[lane]
            return ticks
        self._since = int(ticks[0]) if self._since is None else self._since
        base, before = lane * ROOM * BLOCK, int(self._used[lane])
        loud = np.empty(len(ticks), dtype=np.bool_)
        naming.listen(power, self._level[lane], loud)
        row = (self._short, self._first, self._continues, self._loud)
        after = naming.append(ticks, loud, fresh, base, before, base + ROOM * BLOCK, self._last[lane], row)
        self._used[lane], self._last[lane] = after, ticks[-1]
        return np.arange(base + before, base + after)

    def file(self, places: Wholes, names: Wholes) -> None:
        """File landmarks under their names."""
        naming.chain(places, names, self.heads, self.following)

    def close(self) -> Blocks:
        """Give what is not closed yet, and keep only the end of each lane."""
        chosen = []
        for row in np.flatnonzero(self._used):
            base, used = row * ROOM, int(self._used[row])
            blocks = -(-used // BLOCK)
            self._short[base * BLOCK + used : (base + blocks) * BLOCK] = self._short[base * BLOCK + used - 1]
            chosen.append(np.arange(base + self._closed[row], base + blocks))
        picked = np.concatenate(chosen) if chosen else np.zeros(0, dtype=np.int64)
        short = self._short.reshape(-1, BLOCK)[picked].ravel()
        given = Blocks(short, self._continues[picked], self._first[picked], self._lane[picked])
        for row in np.flatnonzero(self._used):
            self._shift(int(row))
        self.heads[:] = 0
        self.following[:] = 0
        self._since = None
        return given

    def _shift(self, row: int) -> None:
        base, used = row * ROOM, int(self._used[row])
        blocks = -(-used // BLOCK)
        skip = max(0, blocks - STAY)
        for table, each in ((self._short, BLOCK), (self._loud, BLOCK), (self._continues, 1), (self._first, 1)):
            begin, end = (base + skip) * each, (base + blocks) * each
            table[base * each : base * each + end - begin] = table[begin:end].copy()
        self._continues[base] = False
        self._used[row] = used - skip * BLOCK
        self._closed[row] = self._used[row] // BLOCK
