"""The index of landmarks: a month of many channels in memory, searched for the past of what is coming in.

What is younger than an hour lies open: blocks by lane and a chained hash table of names. Every hour it becomes a
shard with its names sorted, every day 24 shards become one, and the oldest go. A lane is a channel in one octave.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from houfeng.guard.waveform import naming, walks
from houfeng.guard.waveform.landmarks import TICK_NS, Marks
from houfeng.guard.waveform.naming import BLOCK
from houfeng.guard.waveform.open_hour import OpenHour
from houfeng.guard.waveform.shard import (
    AGREE_TICKS,
    CELL_TICKS,
    NO_TAGS,
    Blocks,
    Filed,
    Shard,
    Tables,
    make_shard,
    names_of,
)
from houfeng.words.instant import DAY_NS
from houfeng.words.source import SourceId

Wholes = NDArray[np.int64]

#: Walks below this say nothing yet: one in a hundred billion pairs of landmarks has as much by accident.
LEAST_SCORE: Final = 25.0
#: Shards of an hour that become one of a day.
HOURS: Final = 24
#: Matches of one search: a long replay gives one every few seconds.
MOST_ROWS: Final = 4_096


@dataclass(frozen=True, slots=True)
class Lane:
    """One channel in one octave."""

    source: SourceId
    band: int


@dataclass(frozen=True, slots=True)
class Match:
    """A stretch of record that has the landmarks of an older one.

    lane, old_lane  the newer and the older record
    tick, old_tick  where both end
    ticks           how long it is so far
    hits, walked    landmarks that agree, of how many
    score           log likelihood ratio of a copy over unrelated records, nats
    quiet           what of it is due to landmarks that do not stand out of the noise
    """

    lane: Lane
    old_lane: Lane
    tick: int
    old_tick: int
    ticks: int
    hits: int
    walked: int
    score: float
    quiet: float

    @property
    def lag_ticks(self) -> int:
        """How much older the older record is."""
        return self.tick - self.old_tick


class ReplayIndex:
    """Landmarks of the past, and of the present as it comes, with one door.

    days    how long a landmark is remembered
    lanes, shards  what lanes() and shards() gave before a restart
    """

    def __init__(self, *, days: int = 31, lanes: Iterable[Lane] = (), shards: Iterable[Shard] = ()) -> None:
        self._keep_ticks = days * DAY_NS // TICK_NS
        self._lanes: list[Lane] = []
        self._number: dict[Lane, int] = {}
        self._channels: dict[SourceId, int] = {}
        self._stations: dict[str, int] = {}
        self._traits = np.zeros((8, 3), dtype=np.int32)
        self._shards = list(shards)
        self._open = OpenHour()
        self._rows, self._scores = np.empty((MOST_ROWS, walks.ROW_WHOLES), dtype=np.int64), np.empty((MOST_ROWS, 2))
        self._asked: list[Wholes] = []
        self._names: list[Wholes] = []
        for lane in lanes:
            self._lane_number(lane)

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """Whose landmarks it holds, in the order that shards count them by."""
        return tuple(self._lanes)

    @property
    def shards(self) -> tuple[Shard, ...]:
        """What is closed, the oldest first."""
        return tuple(self._shards)

    @property
    def count_bytes(self) -> int:
        """Memory of what is closed."""
        return sum(shard.count_bytes for shard in self._shards)

    def handle(self, marks: Iterable[Marks]) -> list[Match]:
        """Remember landmarks, and say which of them end a stretch that was there before."""
        matches: list[Match] = []
        for some in marks:
            for k in range(0, max(len(some.ticks), 1), BLOCK):
                piece = some.ticks[k : k + BLOCK]
                matches += self._make_room(piece)
                self._add(some, piece, k)
        return matches + self._search()

    def _add(self, some: Marks, ticks: Wholes, skipped: int) -> None:
        number = self._lane_number(Lane(some.source, some.band))
        places = self._open.append(
            number, ticks, some.power[skipped : skipped + BLOCK], fresh=some.fresh and not skipped
        )
        if len(places):
            named, names = names_of(places, self._open.tables[:4], self._traits)
            self._open.file(named, names)
            self._asked.append(named)
            self._names.append(names)

    def _make_room(self, ticks: Wholes) -> list[Match]:
        """Close the hour when it is over or a lane is full; what was asked is answered before."""
        if not (len(ticks) and self._open.must_close(int(ticks[-1]))):
            return []
        matches = self._search()
        blocks = self._open.close()
        if len(blocks.lane):
            self._shards.append(make_shard(blocks, self._traits))
        self._tidy(int(ticks[-1]))
        return matches

    def _tidy(self, now_tick: int) -> None:
        hours = [shard for shard in self._shards if shard.hours < HOURS]
        if sum(shard.hours for shard in hours) >= HOURS:
            joined = Blocks(
                np.concatenate([shard.short for shard in hours]),
                np.concatenate([shard.continues for shard in hours]),
                np.concatenate([shard.first for shard in hours]),
                np.concatenate([shard.lane for shard in hours]),
            )
            self._shards = [shard for shard in self._shards if shard.hours >= HOURS]
            self._shards.append(make_shard(joined, self._traits, HOURS))
        self._shards = [shard for shard in self._shards if shard.newest_tick >= now_tick - self._keep_ticks]

    def _search(self) -> list[Match]:
        if not self._asked:
            return []
        asked, names = np.concatenate(self._asked), np.concatenate(self._names)
        self._asked, self._names = [], []
        # In the order of their names lookups go through a shard from its beginning to its end, which caches like.
        order = np.argsort(names, kind="stable")
        asked, names = asked[order], names[order]
        matches: list[Match] = []
        tables = self._open.tables
        own = (tables[:4], (self._open.following, self._open.heads, NO_TAGS, -1))
        for shard in self._shards:
            old = (shard.short, shard.continues, shard.first, shard.lane)
            matches += self._matches(asked, names, old, (shard.places, shard.heads, shard.tags, shard.shift))
        return [*matches, *self._matches(asked, names, *own)]

    def _matches(self, asked: Wholes, names: Wholes, old: Tables, filed: Filed) -> Iterator[Match]:
        rows, scores = self._rows, self._scores
        tables = self._open.tables
        count = walks.search_kernel(
            asked, names, tables, old, filed, self._traits, AGREE_TICKS, CELL_TICKS, LEAST_SCORE, rows, scores
        )
        for row, score in zip(rows[:count].tolist(), scores[:count].tolist(), strict=True):
            place, old_place = int(asked[row[walks.ROW_QUERY]]), row[walks.ROW_PLACE]
            yield Match(
                lane=self._lanes[tables[3][place // BLOCK]],
                old_lane=self._lanes[old[3][old_place // BLOCK]],
                tick=naming.tick_at(tables[0], tables[2], place),
                old_tick=naming.tick_at(old[0], old[2], old_place),
                ticks=row[walks.ROW_TICKS],
                hits=row[walks.ROW_HITS],
                walked=row[walks.ROW_WALKED],
                score=score[0],
                quiet=score[1],
            )

    def _lane_number(self, lane: Lane) -> int:
        number = self._number.get(lane)
        if number is None:
            number = self._number[lane] = len(self._lanes)
            self._lanes.append(lane)
            channel = self._channels.setdefault(lane.source, len(self._channels))
            station = self._stations.setdefault(lane.source.station_key, len(self._stations))
            if number >= len(self._traits):
                self._traits = np.concatenate([self._traits, np.zeros_like(self._traits)])
            self._traits[number] = lane.band, channel, station
            self._open.reserve(number + 1)
        return number
