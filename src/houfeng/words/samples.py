"""Samples, as they arrive (PacketBatch) and once ordered (Segment, Gap)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.words.instant import NS_PER_S
from houfeng.words.source import SourceId

#: Samples are 32-bit integers as digitised, or float64 where the source was floating point.
Samples = NDArray[np.int32] | NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PacketBatch:
    """Many packets as columns. Packet i is one run of samples of one channel.

    channels  names; channel[i] points into it
    channel   int32 [n]
    start_ns  int64 [n], instant of the first sample
    rate_hz   float64 [n], > 0 and finite
    offset    int64 [n + 1], packet i is samples[offset[i]:offset[i + 1]]
    samples   flat, int32 or float64

    Raises ValueError when the columns do not fit together.
    """

    channels: tuple[SourceId, ...]
    channel: NDArray[np.int32]
    start_ns: NDArray[np.int64]
    rate_hz: NDArray[np.float64]
    offset: NDArray[np.int64]
    samples: Samples

    def __post_init__(self) -> None:
        count = len(self.channel)
        if not (len(self.start_ns) == len(self.rate_hz) == count == len(self.offset) - 1):
            raise ValueError("packet columns differ in length")
        if self.samples.dtype not in (np.dtype(np.int32), np.dtype(np.float64)):
            raise ValueError(f"samples must be int32 or float64, not {self.samples.dtype}")
        if count and (self.channel.min() < 0 or self.channel.max() >= len(self.channels)):
            raise ValueError("a packet names a channel that is not in the batch")
        if self.offset[0] < 0 or self.offset[-1] > len(self.samples) or np.any(np.diff(self.offset) < 0):
            raise ValueError("packet offsets run outside the samples")
        if count and not np.all(np.isfinite(self.rate_hz) & (self.rate_hz > 0)):
            raise ValueError("a packet has no sampling rate")

    def __len__(self) -> int:
        return len(self.channel)


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of evenly spaced samples of one channel, at least one of them."""

    source: SourceId
    start_ns: int
    rate_hz: float
    samples: Samples

    def __post_init__(self) -> None:
        if len(self.samples) == 0:
            raise ValueError("a segment has at least one sample")
        if not (np.isfinite(self.rate_hz) and self.rate_hz > 0):
            raise ValueError("a segment has a sampling rate")

    @property
    def end_ns(self) -> int:
        """Instant one sampling interval after the last sample."""
        return self.time_ns(len(self.samples))

    def time_ns(self, index: float) -> int:
        """Instant of the sample at a (fractional) index."""
        return self.start_ns + round(index / self.rate_hz * NS_PER_S)


def segments_of(batch: PacketBatch) -> Iterator[Segment]:
    """The packets of a batch that hold samples, one by one."""
    columns = (batch.channel.tolist(), batch.start_ns.tolist(), batch.rate_hz.tolist(), batch.offset.tolist())
    for channel, start_ns, rate_hz, begin, end in zip(*columns, columns[-1][1:], strict=False):
        if begin < end:
            yield Segment(batch.channels[channel], start_ns, rate_hz, batch.samples[begin:end])


@dataclass(frozen=True, slots=True)
class Late:
    """Packets that came after later ones of their channels had been heard: worth keeping, too late to be heard."""

    batch: PacketBatch


@dataclass(frozen=True, slots=True)
class Gap:
    """Time in which a channel should have spoken and did not, from start_ns up to end_ns."""

    source: SourceId
    start_ns: int
    end_ns: int
