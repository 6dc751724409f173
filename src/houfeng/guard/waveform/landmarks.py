"""Landmarks: the instants at which a channel's envelope peaks, in two octaves: what a copy keeps.

A gain, a constant offset, a change of sign, another sampling rate, any filter that is smooth over an octave: none of
them moves the peaks of the envelope of that octave by more than a constant. So the intervals between peaks name a
stretch of record as the spacing of spectral peaks names a song (Wang 2003, ISMIR, "An industrial-strength audio search
algorithm"). For each octave and sample, `walk`

1. takes the difference to the sample before, so that an offset, drift and the microseism are small;
2. shifts the octave's middle to 0 Hz and low-passes it (Butterworth of order 6): its power is the envelope's square;
3. calls a maximum a landmark once the power has fallen to half of it, and looks for the next once it has doubled
   again; a parabola through the logarithms around the greatest sample places it between samples.

Nothing is allocated and the arithmetic goes sample by sample in one order, so any cutting into packets gives the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.signal import butter

from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import PacketBatch, Samples, Segment, segments_of
from houfeng.words.source import SourceId

Reals = NDArray[np.float64]
Wholes = NDArray[np.int64]

#: The octaves, Hz. Below 1 Hz landmarks are too rare to know half a minute by; above 4 Hz a station of 20 Hz is deaf
#: and a copy through a slower channel has nothing left. Two, so that a filter which takes one leaves the other.
BANDS_HZ: Final = ((1.0, 2.0), (2.0, 4.0))
#: An octave is listened to from this many samples a period of its upper edge on: 4 Hz at 10 samples/s.
LEAST_SAMPLES: Final = 2.5
#: Nobody samples the ground faster, and the filters would lose their digits.
MOST_HZ: Final = 5_000.0
#: Filters kept for the rates heard of.
MOST_RATES: Final = 1_024
#: Landmarks are told in whole ticks of this length: a tenth of what they scatter by in copies through a filter.
TICK_NS: Final = NS_PER_S // 128
#: Peaks of this share of the greatest one, or less, are told apart: half the power, 3 dB.
FALL: Final = 0.5
#: A filter has forgotten how it was begun after this many over its octave's width, s.
SETTLE: Final = 4.0
#: A packet that starts this many samples off where the last ended begins a new run: rounding of stamps stays under it.
SLIP_SAMPLES: Final = 1.5
#: Stated rates of one run differ by less (acquire corrects them a little); more is another digitiser's setting.
SAME_RATE: Final = 0.01

#: State of a channel and octave, real: carrier, last sample, 3 biquads of 2 complex memories, powers now and before,
#: greatest and its neighbours, least since. Whole: samples since the run began, sample of the greatest, 1 when falling.
CARRIER, LAST, MEMORY, POWER, BEFORE, PEAK, PEAK_BEFORE, PEAK_AFTER, LEAST, REALS = 0, 2, 3, 15, 16, 17, 18, 19, 20, 21
AGE, PEAK_AGE, FALLING, WHOLES = 0, 1, 2, 3
#: No ground is louder, in counts or any unit; what is, or is no number, gives way to the sample before.
GREATEST: Final = 1e12
#: Powers below this are digital silence: they have no peaks worth naming.
SILENCE: Final = 1e-9


@njit(cache=True)
def walk(
    samples: Samples, sections: Reals, turn: Reals, settle: int, real: Reals, whole: Wholes, at: Reals, height: Reals
) -> int:
    """Take one octave of one channel through samples that continue its run; give how many landmarks there were.

    samples   [n]
    sections  [3, 6] biquads as SciPy writes them
    turn      [2] real and imaginary part of the carrier's step
    settle    samples of a run before the first landmark
    real, whole  state
    at        out, samples since the start of the run, fractional
    height    out, power there
    """
    found = 0
    c, s = real[CARRIER], real[CARRIER + 1]
    age = whole[AGE]
    for sample in samples:
        value = float(sample)
        if not abs(value) <= GREATEST:
            value = real[LAST]
        step = value - real[LAST] if age else 0.0
        real[LAST] = value
        x, y = step * c, step * s
        c, s = c * turn[0] - s * turn[1], c * turn[1] + s * turn[0]
        for k in range(3):
            b0, b1, b2, a1, a2 = sections[k, 0], sections[k, 1], sections[k, 2], sections[k, 4], sections[k, 5]
            m = MEMORY + 4 * k
            u, v = b0 * x + real[m], b0 * y + real[m + 1]
            real[m], real[m + 1] = b1 * x - a1 * u + real[m + 2], b1 * y - a1 * v + real[m + 3]
            real[m + 2], real[m + 3] = b2 * x - a2 * u, b2 * y - a2 * v
            x, y = u, v
        power = x * x + y * y
        if age == whole[PEAK_AGE] + 1:
            real[PEAK_AFTER] = power
        if whole[FALLING]:
            if power < real[LEAST]:
                real[LEAST] = power
            elif power * FALL > real[LEAST] and power > SILENCE:
                whole[FALLING] = 0
                real[PEAK] = 0.0
        if not whole[FALLING]:
            if power > real[PEAK]:
                real[PEAK], real[PEAK_BEFORE], whole[PEAK_AGE] = power, real[POWER], age
            elif power < FALL * real[PEAK]:
                whole[FALLING] = 1
                real[LEAST] = power
                if whole[PEAK_AGE] >= settle:
                    at[found] = whole[PEAK_AGE] + _between(real[PEAK_BEFORE], real[PEAK], real[PEAK_AFTER])
                    height[found] = real[PEAK]
                    found += 1
        real[POWER] = power
        age += 1
    size = np.sqrt(c * c + s * s)
    real[CARRIER], real[CARRIER + 1] = c / size, s / size
    whole[AGE] = age
    return found


@njit(cache=True)
def _between(before: float, peak: float, after: float) -> float:
    """How far from the greatest sample the parabola through three logarithms peaks, in samples."""
    if before <= 0.0 or after <= 0.0:
        return 0.0
    a, b, c = np.log(before), np.log(peak), np.log(after)
    bend = a - 2.0 * b + c
    return 0.5 * (a - c) / bend if bend < 0.0 else 0.0


@lru_cache(maxsize=MOST_RATES)
def octave(rate_hz: float, band: int) -> tuple[Reals, Reals, int]:
    """The filter of an octave at a sampling rate: biquads, step of the carrier, samples to settle.

    rate_hz  such that audible(rate_hz, band)
    band     index into BANDS_HZ
    """
    low_hz, high_hz = BANDS_HZ[band]
    sections = butter(6, (high_hz - low_hz) / 2, fs=rate_hz, output="sos")
    angle = np.pi * (low_hz + high_hz) / rate_hz
    return np.ascontiguousarray(sections), np.array([np.cos(angle), -np.sin(angle)]), _settle(rate_hz, band)


def audible(rate_hz: float, band: int) -> bool:
    """Whether a sampling rate leaves room for an octave."""
    return LEAST_SAMPLES * BANDS_HZ[band][1] <= rate_hz <= MOST_HZ


def _settle(rate_hz: float, band: int) -> int:
    low_hz, high_hz = BANDS_HZ[band]
    return round(SETTLE / (high_hz - low_hz) * rate_hz)


@dataclass(frozen=True, slots=True)
class Marks:
    """Landmarks of one channel in one octave, in the order of time.

    band   index into BANDS_HZ
    ticks  int64 [n], instants in units of TICK_NS
    power  float64 [n], the envelope's square there
    """

    source: SourceId
    band: int
    ticks: Wholes
    power: Reals
    fresh: bool


@dataclass(slots=True)
class _Run:
    """One octave of one channel while its samples continue each other."""

    next_ns: int
    rate_hz: float
    samples: int
    real: Reals
    whole: Wholes


class Landmarks:
    """Finds the landmarks of many channels as their packets come, with one door."""

    def __init__(self) -> None:
        self._runs: dict[tuple[SourceId, int], _Run] = {}

    def handle(self, batch: PacketBatch) -> Iterator[Marks]:
        """The landmarks that the packets of a batch complete, packet by packet; a fresh run also when it has none."""
        for segment in segments_of(batch):
            yield from self.follow(segment)

    def follow(self, segment: Segment) -> Iterator[Marks]:
        """The landmarks that one packet completes."""
        for band in range(len(BANDS_HZ)):
            if audible(segment.rate_hz, band):
                yield self._octave(segment, band)

    def _octave(self, segment: Segment, band: int) -> Marks:
        key = (segment.source, band)
        run = self._runs.get(key)
        fresh = run is None or not _continues(run, segment)
        if run is None or fresh:
            run = _Run(segment.start_ns, segment.rate_hz, 0, np.zeros(REALS), np.zeros(WHOLES, dtype=np.int64))
            run.real[CARRIER] = 1.0
            self._runs[key] = run
        sections, turn, settle = octave(run.rate_hz, band)
        at, power = np.empty(len(segment.samples)), np.empty(len(segment.samples))
        found = walk(segment.samples, sections, turn, settle, run.real, run.whole, at, power)
        # Times hang on the latest packet's stamp, so that slow drift of a rate does not part stamp and count.
        since = (at[:found] - run.samples) / segment.rate_hz * NS_PER_S
        ticks = np.rint((since + segment.start_ns % TICK_NS) / TICK_NS).astype(np.int64) + segment.start_ns // TICK_NS
        run.samples += len(segment.samples)
        run.next_ns = segment.end_ns
        return Marks(segment.source, band, ticks, power[:found].copy(), fresh)


def _continues(run: _Run, segment: Segment) -> bool:
    off_s = (segment.start_ns - run.next_ns) / NS_PER_S
    return abs(off_s) * run.rate_hz < SLIP_SAMPLES and abs(segment.rate_hz / run.rate_hz - 1.0) < SAME_RATE
