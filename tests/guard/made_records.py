"""Make-believe records for the judges in the waveform: coloured noise, packets, and a store to fetch from."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import PacketBatch, Samples, Segment
from houfeng.words.source import SourceId

START_NS = 1_700_000_000_000_000_000
RATE_HZ = 50.0
SOURCE = SourceId("XX", "AAA", "", "HHZ")
OTHER = SourceId("XX", "BBB", "", "HHZ")


def ground(seconds: float, seed: int, rate_hz: float = RATE_HZ, spread: float = 300.0) -> NDArray[np.int32]:
    """Noise as red as the ground's."""
    white = np.random.default_rng(seed).standard_normal(int(seconds * rate_hz))
    red = lfilter([1.0], [1.0, -0.9], white)
    return np.asarray(np.rint(red / np.std(red) * spread), dtype=np.int32)


def segment(samples: Samples, after_s: float = 0.0, source: SourceId = SOURCE, rate_hz: float = RATE_HZ) -> Segment:
    return Segment(source, START_NS + round(after_s * NS_PER_S), rate_hz, samples)


def batches(whole: Segment, packet_s: float = 5.0) -> list[PacketBatch]:
    """One segment as packets of some seconds, one a batch."""
    step = max(int(packet_s * whole.rate_hz), 1)
    return [
        PacketBatch(
            (whole.source,),
            np.zeros(1, dtype=np.int32),
            np.array([whole.time_ns(k)]),
            np.array([whole.rate_hz]),
            np.array([0, len(whole.samples[k : k + step])]),
            whole.samples[k : k + step],
        )
        for k in range(0, len(whole.samples), step)
    ]


class Store:
    """What the shell would fetch samples from."""

    def __init__(self) -> None:
        self.held: list[Segment] = []

    def fetch(self, source: SourceId, start_ns: int, end_ns: int) -> Segment | None:
        best: Segment | None = None
        for held in self.held:
            first = max(int(np.ceil((start_ns - held.start_ns) / NS_PER_S * held.rate_hz)), 0)
            samples = held.samples[first : max(int((end_ns - held.start_ns) / NS_PER_S * held.rate_hz) + 1, 0)]
            if held.source == source and len(samples) and (best is None or len(samples) > len(best.samples)):
                best = Segment(source, held.time_ns(first), held.rate_hz, samples)
        return best
