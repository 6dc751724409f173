"""A stretch of one sensor's components around a trigger, and the same laid on one grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

#: Longest window a picker takes, s. Picking works on tens of seconds; an hour is a mistake of the caller.
LONGEST_S = 3600.0

#: Two rates are the same when they differ by less than this share (digitisers state 99.9998 Hz for 100 Hz).
_SAME_RATE = 1e-3

#: No recording reaches this value; larger ones, infinities and NaN are holes. Their squares would overflow.
_ABSURD = 1e100


@dataclass(frozen=True, slots=True)
class Window:
    """Samples of one sensor: up to three components, each in one or more segments (gaps lie between them).

    station_key  NET.STA
    segments     any component names, starts, lengths; int32 or float64 counts
    vertical     the channel that stands upright, where the metadata say so (dip near -90 or +90 degrees);
                 None: the channel named Z, and failing that channel 3 of a set named 1, 2, 3

    A set named 1, 2, 3 has three orthogonal axes of unstated direction (SEED manual 2.4, appendix A). Most follow
    the order of N, E, Z, so 3 is taken as upright when nobody says better, but its sense is not relied upon: such
    a set is listened to on all its axes and tells no polarity. A set named 1, 2 or N, E alone has no vertical.

    Raises ValueError when the segments belong to different stations or span more than LONGEST_S.
    """

    station_key: str
    segments: tuple[Segment, ...]
    vertical: SourceId | None = None

    def __post_init__(self) -> None:
        if any(segment.source.station_key != self.station_key for segment in self.segments):
            raise ValueError(f"a window of {self.station_key} holds another station")
        if self.segments:
            span_ns = max(s.end_ns for s in self.segments) - min(s.start_ns for s in self.segments)
            if span_ns > LONGEST_S * NS_PER_S:
                raise ValueError(f"a window of {self.station_key} spans {span_ns / NS_PER_S:.0f} s")


@dataclass(frozen=True, slots=True)
class Panel:
    """The components of a window on the sampling grid of its leading one.

    rate_hz      of every row
    start_ns     instant of column 0
    sources      one channel per row; the vertical first when there is one
    samples      float64 [rows, columns], finite; where valid is False, the neighbours joined by a straight line
    valid        bool [rows, columns]
    upright      row 0 is a vertical
    stated       a name or the metadata say so, rather than a guess from the order of numbers
    """

    rate_hz: float
    start_ns: int
    sources: tuple[SourceId, ...]
    samples: NDArray[np.float64]
    valid: NDArray[np.bool_]
    upright: bool
    stated: bool

    def index(self, time_ns: int) -> int:
        """The column nearest to an instant; may lie outside the panel."""
        return round((time_ns - self.start_ns) * self.rate_hz / NS_PER_S)

    def time_ns(self, index: float) -> int:
        """The instant of a (fractional) column."""
        return self.start_ns + round(index / self.rate_hz * NS_PER_S)


def panel(window: Window) -> Panel | None:
    """Lay a window on one grid: the vertical's, failing that the first channel's by name.

    Components that never move (dead) or run at another rate than the leading one are left out, and each row
    is shifted to the nearest sample of the grid. None when nothing is left.
    """
    by_source: dict[SourceId, list[Segment]] = {}
    for segment in window.segments:
        by_source.setdefault(segment.source, []).append(segment)
    alive = {source: parts for source, parts in by_source.items() if _moves(parts)}
    if not alive:
        return None
    vertical = window.vertical if window.vertical in alive else _vertical(tuple(alive))
    order = sorted(alive, key=lambda source: (source != vertical, source.nslc))
    leading = max(alive[order[0]], key=lambda part: len(part.samples))
    rate_hz = leading.rate_hz
    for source in order:
        alive[source] = [p for p in alive[source] if abs(p.rate_hz - rate_hz) < _SAME_RATE * rate_hz]
    kept = tuple(source for source in order if alive[source])[:3]

    # Columns count from the leading segment's own first sample, so that its samples fall on the grid exactly.
    first = {
        id(part): round((part.start_ns - leading.start_ns) * rate_hz / NS_PER_S)
        for source in kept
        for part in alive[source]
    }
    origin = min(first.values())
    columns = max(first[id(part)] + len(part.samples) for source in kept for part in alive[source]) - origin
    samples = np.zeros((len(kept), columns))
    valid = np.zeros((len(kept), columns), dtype=np.bool_)
    for row, source in enumerate(kept):
        for part in alive[source]:
            begin = first[id(part)] - origin
            values = part.samples.astype(np.float64)
            samples[row, begin : begin + len(values)] = values
            valid[row, begin : begin + len(values)] = np.abs(values) < _ABSURD
        _join(samples[row], valid[row])
    start_ns = leading.time_ns(origin)
    upright = kept[0] == vertical
    stated = upright and (kept[0] == window.vertical or kept[0].component[-1:].upper() == "Z")
    return Panel(rate_hz, start_ns, kept, samples, valid, upright, stated)


def _vertical(sources: tuple[SourceId, ...]) -> SourceId | None:
    """The channel whose name says vertical: Z, or 3 beside both 1 and 2."""
    by_name = {source.component[-1:].upper(): source for source in sorted(sources)}
    if "Z" in by_name:
        return by_name["Z"]
    return by_name["3"] if {"1", "2", "3"} <= set(by_name) else None


def _moves(parts: list[Segment]) -> bool:
    """Whether a channel shows two different values at all."""
    for part in parts:
        sound = part.samples[np.abs(part.samples.astype(np.float64)) < _ABSURD]
        if len(sound) and sound.min() != sound.max():
            return True
    return False


def _join(row: NDArray[np.float64], valid: NDArray[np.bool_]) -> None:
    """Bridge what is not valid with straight lines, in place, so that filters see no step."""
    if valid.all():
        return
    good = np.flatnonzero(valid)
    bad = np.flatnonzero(~valid)
    row[bad] = np.interp(bad, good, row[good])
