"""Tables of counters: how many frames a port saw in every second, by kind, as switches and taps count them.

Columns are second_utc_s and <port>_<kind>: master_tcp, slave_tcp, gateway_arp ...
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from houfeng.wire.eyes.table_lines import TableLines, epoch_ns, whole
from houfeng.words.finding import Finding

_SECOND: Final = "second_utc_s"
#: Frames that fit in a second of 400 Gb/s, the fastest Ethernet in use, at 84 bytes of line each, rounded up.
_MOST: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RateBatch:
    """Frames counted per second at several ports.

    eye      name of the file or interface
    time_ns  [n] beginning of each second
    columns  names of the counters, <port>_<kind>
    frames   [n, len(columns)]
    """

    eye: str
    time_ns: NDArray[np.int64]
    columns: tuple[str, ...]
    frames: NDArray[np.int64]


class RateTableReader:
    """Reads a table of counters in pieces of any size.

    name     of the file
    records  rows read so far, broken ones not counted
    """

    __slots__ = ("_lines", "_name", "records")

    def __init__(self, name: str) -> None:
        self._name = name
        self._lines = TableLines(name, ())
        self.records = 0

    def read(self, data: bytes) -> list[RateBatch | Finding]:
        """More of the file came."""
        return self._batch(self._lines.read(data))

    def end(self) -> list[RateBatch | Finding]:
        """No more will come."""
        return self._batch(self._lines.end())

    def _batch(self, rows: Iterable[tuple[int, list[str]] | Finding]) -> list[RateBatch | Finding]:
        out: list[RateBatch | Finding] = []
        times: list[int] = []
        counts: list[list[int]] = []
        for row in rows:
            if isinstance(row, Finding):
                out.append(row)
                continue
            line, fields = row
            if self._lines.header[0] != _SECOND:
                out.extend(self._lines.broken(line, f"the first column is not {_SECOND}"))
                continue
            try:
                time_ns, frames = epoch_ns(fields[0]), [whole(field, _MOST) for field in fields[1:]]
            except ValueError as error:
                out.extend(self._lines.broken(line, str(error)))
                continue
            times.append(time_ns)
            counts.append(frames)
        self.records += len(times)
        if times:
            columns = self._lines.header[1:]
            out.append(RateBatch(self._name, np.array(times, np.int64), columns, np.array(counts, np.int64)))
        return out
