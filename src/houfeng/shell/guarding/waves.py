"""Recordings judged in their waveforms: what was sent before, what no ground makes, clocks and gains that step."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from houfeng.guard.waveform.clock import ClockJudge
from houfeng.guard.waveform.gain import GainJudge
from houfeng.guard.waveform.index import ReplayIndex
from houfeng.guard.waveform.replay import ReplayJudge
from houfeng.guard.waveform.synthetic import SyntheticJudge
from houfeng.quake.acquire.batches import picked
from houfeng.shell.recordings import find_files, open_recordings
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.samples import PacketBatch, Segment, segments_of
from houfeng.words.source import SourceId

#: Samples kept at hand to compare a copy with: a day of 100 verticals at 100 Hz. Of older ones the landmarks remain.
MOST_SAMPLES: Final = 100 * 100 * 86_400


class Kept:
    """Samples of channels, the latest so many of all together.

    most  samples kept; the oldest packets go first
    """

    def __init__(self, most: int = MOST_SAMPLES) -> None:
        self._most = most
        self._count = 0
        self._order: deque[SourceId] = deque()
        self._packets: dict[SourceId, deque[Segment]] = defaultdict(deque)

    def add(self, segment: Segment) -> None:
        """One packet more."""
        self._packets[segment.source].append(segment)
        self._order.append(segment.source)
        self._count += len(segment.samples)
        while self._count > self._most:
            self._count -= len(self._packets[self._order.popleft()].popleft().samples)

    def fetch(self, source: SourceId, start_ns: int, end_ns: int) -> Segment | None:
        """The longest stretch without a gap within a span, None where nothing is at hand."""
        within = [
            packet
            for packet in self._packets.get(source, ())
            if packet.start_ns < end_ns and packet.time_ns(len(packet.samples)) > start_ns
        ]
        runs: list[list[Segment]] = []
        for packet in sorted(within, key=lambda one: one.start_ns):
            due_ns = runs[-1][-1].time_ns(len(runs[-1][-1].samples)) if runs else 0
            goes_on = runs and abs(packet.start_ns - due_ns) * packet.rate_hz < 1.5 * NS_PER_S
            (runs[-1].append if goes_on else lambda one: runs.append([one]))(packet)
        if not runs:
            return None
        best = max(runs, key=lambda run: sum(len(one.samples) for one in run))
        samples, first = np.concatenate([one.samples for one in best]), best[0]
        begin = max(0, int(np.ceil((start_ns - first.start_ns) / NS_PER_S * first.rate_hz)))
        end = max(begin, int((end_ns - first.start_ns) / NS_PER_S * first.rate_hz) + 1)
        cut = samples[begin:end]
        return Segment(source, first.time_ns(begin), first.rate_hz, cut) if len(cut) else None


def waves(patterns: Sequence[str], *, now_ns: int, tell: Callable[[Finding], None]) -> Iterator[Judgement]:
    """Judge recordings in their waveforms, in order of time.

    patterns  files, folders and globs
    now_ns    the present: what is dated later does not move the clock
    tell      called with what is odd about the files

    Copies are looked for among vertical channels, since whoever sends old data sends all of a station's. Raises
    WorldFault or DataFault where nothing can be read.
    """
    recordings = open_recordings(find_files(list(patterns)), now_ns=now_ns)
    for finding in recordings.findings:
        tell(finding)
    kept = Kept()
    replays = ReplayJudge(kept.fetch, ReplayIndex())
    judges = SyntheticJudge(), GainJudge(), ClockJudge()
    for at_ns, batches, findings in recordings.play():
        for finding in findings:
            tell(finding)
        for batch in batches:
            for segment in segments_of(batch):
                kept.add(segment)
            yield from (found for judge in judges for found in judge.handle(batch))
            verticals = _verticals(batch)
            if len(verticals):
                yield from replays.handle(verticals)
        yield from (found for judge in (replays, *judges) for found in judge.elapse(at_ns))


def _verticals(batch: PacketBatch) -> PacketBatch:
    rows = [row for row, source in enumerate(batch.channels) if source.component in {"Z", "3", ""}]
    return picked(batch, np.flatnonzero(np.isin(batch.channel, rows)))
