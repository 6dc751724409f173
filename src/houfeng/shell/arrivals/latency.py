"""When records would have arrived of which only the samples' times are known."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from houfeng.words.errors import WorldFault
from houfeng.words.instant import NS_PER_S
from houfeng.words.source import SourceId

Wholes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a record takes from its last sample to the centre.

    constant_s  every record takes as long, s, >= 0
    jitter_s    and up to this much more, evenly spread, s, >= 0
    seed        decides how much more each record takes, together with its channel and start: the same for every
                choice of files

    Raises WorldFault for a negative or endless time.
    """

    constant_s: float
    jitter_s: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for seconds in (self.constant_s, self.jitter_s):
            if not (math.isfinite(seconds) and seconds >= 0):
                raise WorldFault("latency", f"{seconds} s is no time a record can take", "give seconds, 0 or more")

    def taken_ns(self, source: SourceId, start_ns: Wholes) -> Wholes:
        """How long the records of a channel take, by the instants at which they start."""
        key = int.from_bytes(sha256(f"{self.seed} {source.nslc}".encode()).digest()[:8], "little")
        share = _scattered(start_ns.astype(np.uint64) ^ np.uint64(key))
        taken_ns: Wholes = np.rint((self.constant_s + self.jitter_s * share) * NS_PER_S).astype(np.int64)
        return taken_ns


def synthetic_arrivals(
    sources: Sequence[SourceId], channel: NDArray[np.int32], start_ns: Wholes, end_ns: Wholes, latency: Latency
) -> Wholes:
    """When records arrive: as long after the end of their last sample as they take, but never overtaking their channel.

    sources  names; channel[i] points into it
    end_ns   when the last sample of a record had been taken; it may differ from what the record's start says
    """
    arrival_ns = np.empty(len(start_ns), dtype=np.int64)
    order = np.lexsort((end_ns, channel))
    edges = np.searchsorted(channel[order], np.arange(len(sources) + 1))
    for source, begin, end in zip(sources, edges, edges[1:], strict=False):
        rows = order[begin:end]
        arrival_ns[rows] = np.maximum.accumulate(end_ns[rows] + latency.taken_ns(source, start_ns[rows]))
    return arrival_ns


def _scattered(key: NDArray[np.uint64]) -> NDArray[np.float64]:
    """A number from 0 up to 1 for every key, as good as drawn by chance.

    Source: the finaliser of SplitMix64, Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195.
    """
    x = key + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return (x >> np.uint64(11)).astype(np.float64) / 2.0**53
