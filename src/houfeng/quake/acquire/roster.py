"""Which row of the state arrays is whose."""

import numpy as np
from numpy.typing import NDArray

from houfeng.words.source import SourceId

#: Channel lists whose rows are remembered whole. A decoder that hands the same tuple again costs nothing then.
_REMEMBERED = 8


class Roster:
    """Numbers channels in the order they first speak; a number is never given twice.

    most  channels known at one time; later strangers get row -1

    Garbage in station codes invents channels; the limit keeps them from filling memory.
    """

    def __init__(self, most: int = 262_144) -> None:
        self.most = most
        self.sources: list[SourceId] = []
        self._row: dict[SourceId, int] = {}
        self._recent: list[tuple[tuple[SourceId, ...], NDArray[np.int64]]] = []

    def __len__(self) -> int:
        return len(self.sources)

    def row(self, source: SourceId) -> int | None:
        """Row of a channel that has spoken, else None."""
        return self._row.get(source)

    def rows(self, channels: tuple[SourceId, ...]) -> NDArray[np.int64]:
        """Rows of these channels [len(channels)], strangers taken in; -1 for those there is no room for."""
        for known, rows in self._recent:
            if known is channels:
                return rows
        numbers = list(map(self._row.get, channels))
        if None in numbers:
            numbers = [self._take_in(source) for source in channels]
        rows = np.array(numbers, dtype=np.int64)
        self._recent = [(channels, rows), *self._recent[: _REMEMBERED - 1]]
        return rows

    def _take_in(self, source: SourceId) -> int:
        row = self._row.get(source)
        if row is None:
            if len(self.sources) >= self.most:
                return -1
            row = self._row[source] = len(self.sources)
            self.sources.append(source)
        return row
