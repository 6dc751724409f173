"""Closed landmarks: an hour or a day of them in arrays, with their names sorted."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from houfeng.guard.waveform import naming, walks
from houfeng.guard.waveform.landmarks import BANDS_HZ, TICK_NS
from houfeng.words.instant import NS_PER_S

Wholes = NDArray[np.int64]
#: Landmarks in blocks: short ticks, whether a block continues, its first tick, its lane.
Tables = tuple[NDArray[np.uint16], NDArray[np.bool_], Wholes, NDArray[np.int32]]
#: Names: places by name, heads, tags, shift; see walks.search_kernel.
Filed = tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint8], int]

#: One name in so many is filed: at 1.4 landmarks a second, half a minute of copy still brings ten.
KEPT: Final = 2

#: The open part has no tags.
NO_TAGS: Final = np.zeros(0, dtype=np.uint8)

_WIDTHS_HZ: Final = tuple(high_hz - low_hz for low_hz, high_hz in BANDS_HZ)
_PER_S: Final = NS_PER_S // TICK_NS
#: naming.CELL and walks.AGREE in ticks, by octave.
CELL_TICKS: Final = np.array([naming.CELL / width_hz * _PER_S for width_hz in _WIDTHS_HZ])
AGREE_TICKS: Final = np.array([round(walks.AGREE / width_hz * _PER_S) for width_hz in _WIDTHS_HZ], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Blocks:
    """Landmarks without their names."""

    short: NDArray[np.uint16]
    continues: NDArray[np.bool_]
    first: Wholes
    lane: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Shard:
    """Landmarks of many lanes over an hour or a day, with their names sorted. Plain arrays, for a disk to hold.

    short      uint16 [64 n], ticks modulo 65,536, in blocks of 64
    continues  bool [n], whether a block goes on where the one before it ends
    first      int64 [n], the first tick of a block in full
    lane       int32 [n], whose block it is: index into the index's lanes
    places     uint32, landmarks with a name, by name
    heads      uint32, where in places the names with the same leading bits begin
    tags       uint8, the bits of each name that come next
    shift      bits of a name that do not lead
    hours      how many hours it was made of
    """

    short: NDArray[np.uint16]
    continues: NDArray[np.bool_]
    first: Wholes
    lane: NDArray[np.int32]
    places: NDArray[np.uint32]
    heads: NDArray[np.uint32]
    tags: NDArray[np.uint8]
    shift: int
    hours: int = 1

    @property
    def count_bytes(self) -> int:
        """Memory it takes."""
        arrays = (self.short, self.continues, self.first, self.lane, self.places, self.heads, self.tags)
        return sum(array.nbytes for array in arrays)

    @property
    def newest_tick(self) -> int:
        """First tick of its youngest block."""
        return int(self.first.max(initial=0))


def names_of(places: Wholes, tables: Tables, traits: NDArray[np.int32]) -> tuple[Wholes, Wholes]:
    """Which of some landmarks are filed, and under what name.

    traits  [lanes, 3] octave, channel and station of each lane
    """
    named, names = np.empty(len(places), dtype=np.int64), np.empty(len(places), dtype=np.int64)
    short, continues, _, lane = tables
    count = naming.name_all(places, short, continues, lane, traits, CELL_TICKS, KEPT, named, names)
    return named[:count], names[:count]


def make_shard(blocks: Blocks, traits: NDArray[np.int32], hours: int = 1) -> Shard:
    """Name and sort landmarks."""
    tables = (blocks.short, blocks.continues, blocks.first, blocks.lane)
    places, names = names_of(np.arange(len(blocks.short), dtype=np.int64), tables, traits)
    order = np.argsort(names, kind="stable")
    # Four names a head: a lookup meets few strangers, and heads take a byte a name.
    bits = min(max(len(names).bit_length() - 2, 1), 32 - walks.TAG_BITS)
    shift = 32 - bits
    heads = np.searchsorted(names[order] >> shift, np.arange((1 << bits) + 1))
    tags = (names[order] >> (shift - walks.TAG_BITS)) & walks.TAG_MASK
    filed = (places[order].astype(np.uint32), heads.astype(np.uint32), tags.astype(np.uint8))
    return Shard(*tables, *filed, shift, hours)
