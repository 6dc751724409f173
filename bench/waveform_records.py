"""Real records for the judges in the waveform: sets as whole segments, what an intruder does to them, and the store."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfilt

from houfeng.shell.recordings import find_files, open_recordings
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import PacketBatch, Segment, segments_of
from houfeng.words.source import SourceId
from rows import DATA

Reals = NDArray[np.float64]

#: Sets with the folder or file that holds their waveforms.
SETS = {
    "nz_alpinefault_2013a": "waveforms",
    "iceland_dyke_2014": "waveforms",
    "antilles_2010": "waveforms",
    "pleasanthill_2019": "waveforms",
    "raspberryshake_udp_2020": "truth/testdata.mseed",
    "openeew_mexico_a": "waveforms",
    "hawaii_clipped_2019": "waveforms",
    "dprk_2017_explosion": "waveforms",
}
#: Seconds a packet holds here.
PACKET_S = 10.0


def load(name: str) -> list[Segment]:
    """A set's segments, packets joined where they continue each other, by time."""
    runs: dict[SourceId, list[Segment]] = defaultdict(list)
    recordings = open_recordings(find_files([str(DATA / name / SETS[name])]), now_ns=time.time_ns())
    for _, batches, _ in recordings.play():
        for batch in batches:
            for segment in segments_of(batch):
                runs[segment.source].append(segment)
    joined = [segment for packets in runs.values() for segment in _joined(packets)]
    return sorted(joined, key=lambda segment: (segment.start_ns, segment.source))


def _joined(packets: list[Segment]) -> Iterator[Segment]:
    packets = sorted(packets, key=lambda packet: packet.start_ns)
    held = [packets[0]]
    for packet in packets[1:]:
        due_ns = held[0].time_ns(sum(len(one.samples) for one in held))
        if abs(packet.start_ns - due_ns) * packet.rate_hz < 1.5 * NS_PER_S:
            held.append(packet)
        elif packet.start_ns > due_ns:
            yield _one(held)
            held = [packet]
    yield _one(held)


def _one(held: list[Segment]) -> Segment:
    samples = np.concatenate([one.samples for one in held])
    return Segment(held[0].source, held[0].start_ns, held[0].rate_hz, samples)


def packets_of(segment: Segment, packet_s: float = PACKET_S) -> Iterator[PacketBatch]:
    """A segment packet by packet."""
    step = max(int(packet_s * segment.rate_hz), 1)
    for k in range(0, len(segment.samples), step):
        samples = segment.samples[k : k + step]
        yield PacketBatch(
            (segment.source,),
            np.zeros(1, dtype=np.int32),
            np.array([segment.time_ns(k)]),
            np.array([segment.rate_hz]),
            np.array([0, len(samples)]),
            samples,
        )


class Store:
    """Samples by channel and span, as the shell would fetch them from archive and memory."""

    def __init__(self) -> None:
        self._held: dict[SourceId, list[Segment]] = defaultdict(list)

    def add(self, segment: Segment) -> None:
        """Keep a segment."""
        self._held[segment.source].append(segment)

    def remove(self, segment: Segment) -> None:
        """Drop the segment added last."""
        assert self._held[segment.source].pop() is segment

    def fetch(self, source: SourceId, start_ns: int, end_ns: int) -> Segment | None:
        """The longest stretch at hand within a span."""
        best: Segment | None = None
        for held in self._held[source]:
            first = max(int(np.ceil((start_ns - held.start_ns) / NS_PER_S * held.rate_hz)), 0)
            samples = held.samples[first : max(int((end_ns - held.start_ns) / NS_PER_S * held.rate_hz) + 1, 0)]
            if len(samples) and (best is None or len(samples) > len(best.samples)):
                best = Segment(source, held.time_ns(first), held.rate_hz, samples)
        return best


def surrogate(samples: Reals, count: int, rng: np.random.Generator) -> Reals:
    """Noise with a record's spectrum and nothing else of it."""
    spectrum = np.abs(np.fft.rfft(samples - samples.mean()))
    turned = np.fft.irfft(spectrum * np.exp(2j * np.pi * rng.random(len(spectrum))), len(samples))
    return np.resize(turned, count)


Alteration = Callable[[Reals, float, np.random.Generator], Reals]


def _filtered(order: int, corners_hz: float | list[float], kind: str) -> Alteration:
    def alter(samples: Reals, rate_hz: float, _: np.random.Generator) -> Reals:
        top = 0.4 * rate_hz
        corners = [min(c, top) for c in corners_hz] if isinstance(corners_hz, list) else corners_hz
        return np.asarray(sosfilt(butter(order, corners, kind, fs=rate_hz, output="sos"), samples - samples.mean()))

    return alter


def _delayed(samples: Reals, _: float, rng: np.random.Generator) -> Reals:
    turn = np.exp(2j * np.pi * np.fft.rfftfreq(len(samples)) * rng.uniform(0.1, 0.9))
    return np.fft.irfft(np.fft.rfft(samples - samples.mean()) * turn, len(samples))


def _stretched(share: float) -> Alteration:
    return lambda samples, _rate, _rng: np.interp(
        np.arange(0, len(samples) - 1, 1 + share), np.arange(len(samples)), samples
    )


#: What is done to a copy.
ALTERATIONS: dict[str, Alteration] = {
    "exact": lambda samples, _rate, _rng: samples,
    "scaled": lambda samples, _rate, rng: samples * rng.choice([0.3, 0.7, 1.5, 4.0]),
    "polarity turned": lambda samples, _rate, _rng: -samples,
    "constant added": lambda samples, _rate, rng: samples + rng.integers(50, 5000),
    "shifted by part of a sample": _delayed,
    "resampled to half the rate and back": lambda samples, _rate, _rng: resample_poly(
        resample_poly(samples - samples.mean(), 1, 2), 2, 1
    ),
    "band-passed 0.8 to 8 Hz": _filtered(2, [0.8, 8.0], "bandpass"),
    "low-passed at 3 Hz": _filtered(2, 3.0, "lowpass"),
    "high-passed at 2 Hz": _filtered(3, 2.0, "highpass"),
    "stretched by 0.2 %": _stretched(0.002),
    "stretched by 1 %": _stretched(0.01),
    "noise of 0.3 of its own level added": lambda samples, _rate, rng: (
        samples + 0.3 * 1.4826 * np.median(np.abs(samples - np.median(samples))) * rng.standard_normal(len(samples))
    ),
}
