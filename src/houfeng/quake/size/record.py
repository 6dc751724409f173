"""One channel around one quake: the noise before P, the shaking, and a little more."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.words.instant import NS_PER_S, seconds_to_ns
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

#: Noise is measured over at most this long before P: twice the longest period of interest, 20 s.
NOISE_S = 40.0

#: A pick comes late rather than early: noise ends this long before it.
PICK_MARGIN_S = 0.5

#: Less noise than this says nothing; trigger records start 3 to 15 s before P.
LEAST_NOISE_S = 1.0

#: What follows the window is tapered away, so that the window itself is not.
TAIL_S = 2.0

#: A Wood-Anderson pendulum passes above 1.25 Hz and local S waves lie at 1 to 8 Hz: a channel must show those.
LEAST_RATE_HZ = 10.0


@dataclass(frozen=True, slots=True)
class Window:
    """Where in time to look.

    onset_ns  P wave
    s_ns      S wave, observed or expected
    end_ns    end of the shaking
    """

    onset_ns: int
    s_ns: int
    end_ns: int

    def __post_init__(self) -> None:
        if not self.onset_ns <= self.s_ns < self.end_ns:
            raise ValueError("a window runs from P over S to its end")


@dataclass(frozen=True, slots=True)
class Record:
    """Samples from before P to after the shaking, mean of the noise taken off.

    start_ns  instant of the first sample
    samples   counts above rest, all finite, [n]
    rest      counts without motion: the mean of the noise
    onset     index where noise ends
    s         index of the S wave
    end       index one after the window
    whole     whether the record lasts to the end of the window
    """

    source: SourceId
    start_ns: int
    rate_hz: float
    samples: NDArray[np.float64]
    rest: float
    onset: int
    s: int
    end: int
    whole: bool

    @property
    def noise(self) -> NDArray[np.float64]:
        """The samples before P."""
        return self.samples[: self.onset]

    @property
    def shaking(self) -> NDArray[np.float64]:
        """The samples from P to the end of the window."""
        return self.samples[self.onset : self.end]

    def time_ns(self, index: int) -> int:
        """Instant of a sample."""
        return self.start_ns + seconds_to_ns(index / self.rate_hz)


def cut_record(segments: Sequence[Segment], window: Window) -> Record | str:
    """Cut one channel's record of a quake out of its segments, or say why that cannot be done.

    segments  of one channel in time order, in counts
    """
    segment = next((run for run in segments if run.start_ns <= window.onset_ns and window.s_ns < run.end_ns), None)
    if segment is None:
        return "no record from P to S"
    if segment.rate_hz < LEAST_RATE_HZ:
        return f"{segment.rate_hz:g} samples a second are too few"

    def index(time_ns: int) -> int:
        return int(np.clip(round((time_ns - segment.start_ns) / NS_PER_S * segment.rate_hz), 0, len(segment.samples)))

    margin_ns = seconds_to_ns(PICK_MARGIN_S)
    onset = index(window.onset_ns - margin_ns)
    first = index(window.onset_ns - margin_ns - seconds_to_ns(NOISE_S))
    last = index(window.end_ns + seconds_to_ns(TAIL_S))
    if onset - first < LEAST_NOISE_S * segment.rate_hz:
        return "starts too close to P to know its noise"
    samples = np.asarray(segment.samples[first:last], dtype=np.float64)
    if not np.all(np.isfinite(samples)):
        return "a sample is not a number"
    if np.ptp(samples[onset - first :]) == 0:
        return "does not move"
    rest = float(samples[: onset - first].mean())
    return Record(
        source=segment.source,
        start_ns=segment.time_ns(first),
        rate_hz=segment.rate_hz,
        samples=samples - rest,
        rest=rest,
        onset=onset - first,
        s=index(window.s_ns) - first,
        end=index(window.end_ns) - first,
        whole=segment.end_ns >= window.end_ns,
    )
