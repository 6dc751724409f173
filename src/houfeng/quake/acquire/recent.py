"""The last seconds of every channel, in bounded memory."""

from itertools import pairwise
from typing import TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.quake.acquire.roster import Roster
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import PacketBatch, Samples, Segment
from houfeng.words.source import SourceId

Reals = NDArray[np.float64]
Wholes = NDArray[np.int64]
Scalar = TypeVar("Scalar", bound=np.generic)

#: A slip of up to this many samples between packets is jitter of the stamps, or a rate a little off: no gap.
SLIP_SAMPLES = 2.0
#: Rates differing by more than this are different rates; by less, the same one stated imprecisely.
RATE_TOLERANCE = 0.1

#: The time base is kept as marks (this sample had that instant): this many spread over a ring, and room for as many
#: breaks and slips of more than half a sample.
_MARKS_SPREAD = 64
_MARKS = 128

#: Rings come in sizes this factor apart, so that a channel that keeps changing its rate finds its old ring free again.
_SIZE_STEP = 1.25
#: No seismic channel is faster; a packet that claims to be gets a shorter memory, not a larger one.
FASTEST_HZ = 1_000.0

#: A channel's line: where its ring lies, its size (0: none yet), 1 for floats, samples ever written, when the next
#: is due, marks ever made.
BASE, SIZE, KIND, WRITTEN, DUE_NS, MARKS, LINE_WHOLES = range(7)


class Recent:
    """The last span_s seconds of every channel, fed in order.

    span_s  how much to keep, s, > 0
    roster  numbers the channels; share one between stages that see the same packets

    Memory per channel: a ring of span_s at its rate (4 bytes a sample, 8 where samples are floats) and 3.2 kB.
    """

    def __init__(self, span_s: float, roster: Roster | None = None) -> None:
        self.span_s = span_s
        self.roster = Roster() if roster is None else roster
        self._line = np.zeros((0, LINE_WHOLES), dtype=np.int64)
        self._mark_at = np.zeros((0, _MARKS), dtype=np.int64)
        self._mark_ns = np.zeros((0, _MARKS), dtype=np.int64)
        self._mark_hz = np.zeros((0, _MARKS))
        self._mark_first = np.zeros((0, _MARKS), dtype=np.bool_)
        self._pools: list[Samples] = [no_samples(0, 0), no_samples(1, 0)]
        self._used = [0, 0]
        self._free: dict[tuple[int, int], list[int]] = {}

    def append(self, batch: PacketBatch) -> None:
        """Remember packets, those of each channel in order."""
        rows = self.roster.rows(batch.channels)[batch.channel]
        self.grow()
        kind = int(batch.samples.dtype == np.float64)
        packet = 0
        while packet < len(batch):
            packet = append_packets(
                packet,
                rows,
                batch.start_ns,
                batch.rate_hz,
                batch.offset,
                batch.samples,
                kind,
                self.span_s,
                *self.columns(kind),
            )
            if packet < len(batch):
                self.make_ring(int(rows[packet]), float(batch.rate_hz[packet]), kind)

    def append_run(self, row: int, start_ns: int, rate_hz: float, samples: Samples) -> None:
        """Remember one packet of the channel in a row."""
        kind = int(samples.dtype == np.float64)
        if needs_ring(row, self._line, kind, self.span_s, rate_hz):
            self.make_ring(row, rate_hz, kind)
        line, pool, mark_at, mark_ns, mark_hz, mark_first = self.columns(kind)
        append_one(
            row,
            line,
            pool,
            mark_at,
            mark_ns,
            mark_hz,
            mark_first,
            start_ns,
            rate_hz,
            samples,
            0,
            len(samples),
        )

    def channels(self) -> tuple[SourceId, ...]:
        """Channels of which anything is remembered, in the order they first spoke."""
        return tuple(s for s, line in zip(self.roster.sources, self._line, strict=False) if line[WRITTEN] > 0)

    def until_ns(self, source: SourceId) -> int | None:
        """Instant up to which a channel has spoken; None when it has not."""
        line = self._line_of(source)
        return None if line is None else int(line[DUE_NS])

    def segments(self, source: SourceId, start_ns: int, end_ns: int) -> list[Segment]:
        """What is remembered of a channel from start_ns up to end_ns: continuous runs, in the order they came.

        Times follow the packets' own stamps. A run carries its stated rate unless that misses its stamps by more than
        half a sample; then it carries the rate they tell.
        """
        line = self._line_of(source)
        if line is None:
            return []
        row = self.roster.row(source)
        order = np.arange(max(0, line[MARKS] - _MARKS), line[MARKS]) % _MARKS
        at, ns, hz = self._mark_at[row, order], self._mark_ns[row, order], self._mark_hz[row, order]
        edges = [0, *np.flatnonzero(self._mark_first[row, order][1:]) + 1, len(at)]
        oldest = line[WRITTEN] - line[SIZE]
        segments = []
        for low, high in pairwise(edges):
            until = line[WRITTEN] if high == len(at) else at[high]
            rate_hz = _run_rate(at[low:high], ns[low:high], float(hz[high - 1]))
            begin = max(_index(at[low:high], ns[low:high], rate_hz, start_ns), int(oldest), int(at[low]))
            end = min(_index(at[low:high], ns[low:high], rate_hz, end_ns), int(until))
            if begin < end:
                first_ns = _instant(at[low:high], ns[low:high], rate_hz, begin)
                segments.append(Segment(source, first_ns, rate_hz, self._copy(line, begin, end)))
        return segments

    def grow(self) -> None:
        """Make room for the channels on the roster."""
        have, need = len(self._line), len(self.roster)
        if need > have:
            more = max(need, have + have // 2) - have
            self._line = _longer(self._line, more)
            self._mark_at, self._mark_ns = _longer(self._mark_at, more), _longer(self._mark_ns, more)
            self._mark_hz, self._mark_first = _longer(self._mark_hz, more), _longer(self._mark_first, more)

    def columns(self, kind: int) -> tuple[Wholes, Samples, Wholes, Wholes, Reals, NDArray[np.bool_]]:
        """The arrays the compiled functions below work on."""
        return self._line, self._pools[kind], self._mark_at, self._mark_ns, self._mark_hz, self._mark_first

    def make_ring(self, row: int, rate_hz: float, kind: int) -> None:
        """Give a channel a ring that holds span_s at this rate; what it held is forgotten."""
        line = self._line[row]
        if line[SIZE] > 0:
            self._free.setdefault((int(line[KIND]), int(line[SIZE])), []).append(int(line[BASE]))
        need = max(_MARKS_SPREAD, self.span_s * min(rate_hz, FASTEST_HZ))
        size = int(np.ceil(_SIZE_STEP ** np.ceil(np.log(need) / np.log(_SIZE_STEP) - 1e-9)))
        free = self._free.get((kind, size))
        if free:
            base = free.pop()
        else:
            base = self._used[kind]
            self._used[kind] += size
            pool = self._pools[kind]
            if self._used[kind] > len(pool):
                # Pages never touched take no memory: half as much again costs nothing until channels come.
                self._pools[kind] = no_samples(kind, self._used[kind] * 3 // 2)
                self._pools[kind][: len(pool)] = pool
        line[:] = 0
        line[BASE], line[SIZE], line[KIND] = base, size, kind

    def _line_of(self, source: SourceId) -> Wholes | None:
        row = self.roster.row(source)
        if row is None or row >= len(self._line) or self._line[row, WRITTEN] == 0:
            return None
        line: Wholes = self._line[row]
        return line

    def _copy(self, line: Wholes, begin: int, end: int) -> Samples:
        pool, base, size = self._pools[line[KIND]], int(line[BASE]), int(line[SIZE])
        low, high = begin % size, (end - 1) % size + 1
        if low < high:
            samples: Samples = pool[base + low : base + high].copy()
        else:
            samples = np.concatenate([pool[base + low : base + size], pool[base : base + high]])
        return samples


def no_samples(kind: int, count: int) -> Samples:
    """Room for so many samples: integers (kind 0) or floats (1)."""
    return np.empty(count, dtype=np.float64) if kind else np.empty(count, dtype=np.int32)


def _longer(array: NDArray[Scalar], more: int) -> NDArray[Scalar]:
    return np.concatenate([array, np.zeros((more, *array.shape[1:]), dtype=array.dtype)])


def _run_rate(at: Wholes, ns: Wholes, stated_hz: float) -> float:
    lasted_ns, samples = int(ns[-1] - ns[0]), int(at[-1] - at[0])
    if samples == 0 or abs(lasted_ns - samples / stated_hz * NS_PER_S) <= 0.5 / stated_hz * NS_PER_S:
        return stated_hz
    return samples / lasted_ns * NS_PER_S


def _index(at: Wholes, ns: Wholes, rate_hz: float, time_ns: int) -> int:
    """The first sample at or after an instant, by the last mark before it."""
    mark = max(0, int(np.searchsorted(ns, time_ns, side="right")) - 1)
    # A millionth of a sample of grace: the instant given may be that very sample's, rounded to ns.
    return int(at[mark]) + int(np.ceil((time_ns - int(ns[mark])) * rate_hz / NS_PER_S - 1e-6))


def _instant(at: Wholes, ns: Wholes, rate_hz: float, index: int) -> int:
    mark = max(0, int(np.searchsorted(at, index, side="right")) - 1)
    return int(ns[mark]) + round((index - int(at[mark])) / rate_hz * NS_PER_S)


@njit(cache=True)
def append_packets(
    packet: int,
    rows: Wholes,
    start_ns: Wholes,
    rate_hz: Reals,
    offset: Wholes,
    samples: Samples,
    kind: int,
    span_s: float,
    line: Wholes,
    pool: Samples,
    mark_at: Wholes,
    mark_ns: Wholes,
    mark_hz: Reals,
    mark_first: NDArray[np.bool_],
) -> int:
    """Append packets from one on; returns where it stopped: at the end, or at a packet whose channel needs a ring."""
    while packet < len(rows):
        row = rows[packet]
        if row >= 0 and offset[packet] < offset[packet + 1]:
            if needs_ring(row, line, kind, span_s, rate_hz[packet]):
                break
            append_one(
                row,
                line,
                pool,
                mark_at,
                mark_ns,
                mark_hz,
                mark_first,
                start_ns[packet],
                rate_hz[packet],
                samples,
                offset[packet],
                offset[packet + 1],
            )
        packet += 1
    return packet


@njit(cache=True)
def needs_ring(row: int, line: Wholes, kind: int, span_s: float, rate_hz: float) -> bool:
    """Whether a channel has no ring for this kind of samples, or one too small for this rate."""
    return bool(
        line[row, SIZE] == 0 or line[row, KIND] != kind or line[row, SIZE] < int(span_s * min(rate_hz, FASTEST_HZ))
    )


@njit(cache=True)
def append_one(
    row: int,
    line: Wholes,
    pool: Samples,
    mark_at: Wholes,
    mark_ns: Wholes,
    mark_hz: Reals,
    mark_first: NDArray[np.bool_],
    start_ns: int,
    rate_hz: float,
    samples: Samples,
    first: int,
    last: int,
) -> None:
    """Append samples[first:last] to a channel's ring, as a new run unless they continue the present one."""
    latest = (line[row, MARKS] - 1) % _MARKS
    slip = abs(start_ns - line[row, DUE_NS]) * rate_hz / NS_PER_S
    breaks = line[row, MARKS] == 0 or slip > SLIP_SAMPLES or abs(rate_hz / mark_hz[row, latest] - 1.0) > RATE_TOLERANCE
    if breaks or slip > 0.5 or line[row, WRITTEN] - mark_at[row, latest] >= line[row, SIZE] // _MARKS_SPREAD:
        latest = line[row, MARKS] % _MARKS
        mark_at[row, latest], mark_ns[row, latest], mark_hz[row, latest] = line[row, WRITTEN], start_ns, rate_hz
        mark_first[row, latest] = breaks
        line[row, MARKS] += 1
    # Of more than a ring full only the end stays.
    keep = max(first, last - line[row, SIZE])
    to = (line[row, WRITTEN] + keep - first) % line[row, SIZE]
    edge = min(last, keep + line[row, SIZE] - to)
    ring = pool[line[row, BASE] : line[row, BASE] + line[row, SIZE]]
    _copy(samples, keep, edge, ring, to)
    _copy(samples, edge, last, ring, 0)
    line[row, WRITTEN] += last - first
    line[row, DUE_NS] = start_ns + np.int64(np.floor((last - first) / rate_hz * NS_PER_S + 0.5))


@njit(cache=True)
def _copy(samples: Samples, first: int, last: int, ring: Samples, to: int) -> None:
    source, target = samples[first:last], ring[to:]
    for k in range(len(source)):
        target[k] = source[k]
