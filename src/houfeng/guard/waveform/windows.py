"""Cutting what arrives into windows of one length, channel by channel, whatever the packets were."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import Samples, Segment
from houfeng.words.source import SourceId

#: Rates that are cut up: below there is no ground noise to judge, above nobody samples the ground.
RATES_HZ: Final = (1.0, 5_000.0)
#: A packet that starts this many samples off where the last ended begins a new window.
SLIP_SAMPLES: Final = 1.5


@dataclass(frozen=True, slots=True)
class Window:
    """Samples of one channel that follow each other.

    fresh     whether something is missing between it and the window before
    pause_ns  how long the channel was silent before a fresh one; 0 for the first of all
    """

    source: SourceId
    rate_hz: float
    end_ns: int
    samples: Samples
    fresh: bool
    pause_ns: int


@dataclass(slots=True)
class _Channel:
    next_ns: int
    rate_hz: float
    pending: list[Samples] = field(default_factory=list)
    count: int = 0
    fresh: bool = True
    pause_ns: int = 0


class Windows:
    """Holds what does not fill a window yet.

    window_s  length of a window
    least     samples of a window at least, however low the rate
    """

    def __init__(self, window_s: float, *, least: int = 2) -> None:
        self._window_s = window_s
        self._least = least
        self._channels: dict[SourceId, _Channel] = {}

    def follow(self, segment: Segment) -> Iterator[Window]:
        """The windows that one packet completes."""
        if not RATES_HZ[0] <= segment.rate_hz <= RATES_HZ[1]:
            return
        channel = self._channels.get(segment.source)
        if channel is None:
            channel = self._channels[segment.source] = _Channel(segment.start_ns, segment.rate_hz)
        off_ns = segment.start_ns - channel.next_ns
        if abs(off_ns) * segment.rate_hz > SLIP_SAMPLES * NS_PER_S:
            channel.pending, channel.count, channel.fresh = [], 0, True
            channel.pause_ns = max(channel.pause_ns, abs(off_ns))
        length = max(round(self._window_s * segment.rate_hz), self._least)
        channel.rate_hz, channel.next_ns = segment.rate_hz, segment.end_ns
        done = 0
        while done < len(segment.samples):
            piece = segment.samples[done : done + max(length - channel.count, 1)]
            channel.pending.append(piece)
            channel.count += len(piece)
            done += len(piece)
            if channel.count >= length:
                samples = joined(channel.pending)
                fresh, pause_ns = channel.fresh, channel.pause_ns
                channel.pending, channel.count, channel.fresh, channel.pause_ns = [], 0, False, 0
                yield Window(segment.source, segment.rate_hz, segment.time_ns(done), samples, fresh, pause_ns)


def joined(pieces: list[Samples]) -> Samples:
    """Pieces behind each other; whole numbers stay whole unless some are not."""
    together = np.concatenate(pieces)
    return together.astype(np.int32) if together.dtype == np.int32 else together.astype(np.float64)
