"""The judges of clocks: record time against itself, against arrival at the centre, and against the network's quakes.

A clock that steps while samples go on leaves a tear: a gap or overlap that no lost packet fits. Packets take about as
long to arrive after the step as before, so arrival minus record time steps by the same; a lost packet leaves it alone.
Neither needs a quake. A clock pulled slowly shows in arrivals too, once it exceeds their scatter. What is told to the
centre with consistent times by somebody who delays the packets as well shows only in the residuals of quakes.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from houfeng.guard.judge.rules import rules_of
from houfeng.guard.waveform.once import Once
from houfeng.words.instant import DAY_NS, NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.quake import Quake
from houfeng.words.samples import PacketBatch, Segment, segments_of
from houfeng.words.source import SourceId, shown

#: Packets whose least length is remembered, and least of them before a tear can be told from a lost packet.
PACKETS: Final = 32
LEARN_PACKETS: Final = 4
#: Windows of arrivals: of each the least latency counts, which queues on the way cannot lower.
WINDOW_NS: Final = 30 * NS_PER_S
WINDOWS: Final = 60
LEARN_WINDOWS: Final = 5
AGREE_WINDOWS: Final = 2
#: Residuals of quakes: the latest against those before.
LATEST: Final = 4
RESIDUALS: Final = 40
LEARN_RESIDUALS: Final = 6
#: Beyond this a tear is a pause, after which any clock may be set anew.
LONGEST_TEAR_NS: Final = 60 * NS_PER_S
#: One standard deviation is so many median absolute deviations of a normal law.
MAD: Final = 1.4826


@dataclass(slots=True)
class _Lane:
    next_ns: int
    lengths_ns: deque[int] = field(default_factory=lambda: deque(maxlen=PACKETS))


@dataclass(slots=True)
class _Arrivals:
    """Least latencies, window by window. now_ns is the arrival that began the present window."""

    now_ns: int
    least_s: float
    past: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOWS))
    off: list[float] = field(default_factory=list)


class ClockJudge:
    """Says which stations' clocks stepped or went off, by their packets and by when these arrived."""

    def __init__(self) -> None:
        self._lanes: dict[SourceId, _Lane] = {}
        self._arrivals: dict[SourceId, _Arrivals] = {}
        self._once = Once()

    def handle(self, batch: PacketBatch, arrived_ns: int | None = None) -> list[Judgement]:
        """Packets arrived.

        arrived_ns  when, by the centre's clock; None for recordings without arrivals
        """
        said: list[Judgement] = []
        for segment in segments_of(batch):
            said += self._tear(segment)
            if arrived_ns is not None:
                said += self._latency(segment, arrived_ns)
        return said

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Forget what is over."""
        self._once.elapse(now_ns)
        return []

    def _tear(self, segment: Segment) -> Iterator[Judgement]:
        lane = self._lanes.setdefault(segment.source, _Lane(segment.start_ns))
        off_ns, lane.next_ns = segment.start_ns - lane.next_ns, segment.end_ns
        least = rules_of("waveform")["waveform-clock-tear"].limits
        least_ns = max(least["least_s"], least["samples"] / segment.rate_hz) * NS_PER_S
        torn = len(lane.lengths_ns) >= LEARN_PACKETS and least_ns <= abs(off_ns) <= LONGEST_TEAR_NS
        torn = torn and _no_packet(abs(off_ns), lane.lengths_ns, least_ns, least["of_packet"])
        if abs(off_ns) < DAY_NS:
            lane.lengths_ns.append(segment.end_ns - segment.start_ns)
        else:
            lane.lengths_ns.clear()
        if torn and self._once.first("waveform-clock-tear", segment.source.station_key, segment.start_ns):
            yield _judgement("waveform-clock-tear", segment.source, segment.start_ns, off_ns / NS_PER_S)

    def _latency(self, segment: Segment, arrived_ns: int) -> Iterator[Judgement]:
        late_s = (arrived_ns - segment.end_ns) / NS_PER_S
        kept = self._arrivals.get(segment.source)
        if kept is None:
            self._arrivals[segment.source] = _Arrivals(arrived_ns, late_s)
            return
        if arrived_ns - kept.now_ns < WINDOW_NS:
            kept.least_s = min(kept.least_s, late_s)
            return
        off_s = self._window(kept)
        kept.now_ns, kept.least_s = arrived_ns, late_s
        if off_s and self._once.first("waveform-clock-arrival", segment.source.station_key, arrived_ns):
            # Records that seem to come sooner bear times that are too late, so the clock is ahead.
            yield _judgement("waveform-clock-arrival", segment.source, arrived_ns, -off_s)

    def _window(self, kept: _Arrivals) -> float:
        """Close a window: by how much arrivals are off, s, 0.0 when they are not or not surely."""
        rule = rules_of("waveform")["waveform-clock-arrival"].limits
        if len(kept.past) < LEARN_WINDOWS:
            kept.past.append(kept.least_s)
            return 0.0
        usual = median(kept.past)
        scatter = MAD * median(abs(value - usual) for value in kept.past)
        off_s = kept.least_s - usual
        if abs(off_s) < max(rule["least_s"], rule["scatters"] * scatter):
            kept.past.append(kept.least_s)
            kept.off = []
            return 0.0
        kept.off.append(off_s)
        alike = max(kept.off) - min(kept.off) <= max(rule["least_s"], 2 * scatter)
        if len(kept.off) < AGREE_WINDOWS:
            return 0.0
        told = median(kept.off) if alike else 0.0
        # A longer way brings records later, never sooner: what comes later must go on for longer to be a clock.
        if told > 0 and len(kept.off) < rule["later_windows"]:
            return 0.0
        return told


def _no_packet(off_ns: int, lengths_ns: deque[int], least_ns: float, share: float) -> bool:
    """Whether no packets lost or sent again are as long as a tear."""
    shortest, longest = min(lengths_ns), max(lengths_ns)
    if off_ns < share * shortest:
        return True
    # Packets of one length are lost and repeated in multiples of it.
    alike = longest - shortest < least_ns / 8
    return alike and least_ns <= off_ns % shortest <= shortest - least_ns


class ResidualJudge:
    """Says which stations' clocks are off by the residuals of located quakes."""

    def __init__(self) -> None:
        self._residuals: dict[str, deque[float]] = {}

    def handle(self, quake: Quake) -> list[Judgement]:
        """A quake was located, for the first time or for good; its first version counts."""
        origin = quake.origin
        if (
            quake.version != 1
            or len(origin.arrivals) < rules_of("waveform")["waveform-clock-residual"].limits["arrivals"]
        ):
            return []
        middle = median(arrival.residual_s for arrival in origin.arrivals)
        firsts: Mapping[str, tuple[float, SourceId]] = {
            arrival.pick.source.station_key: (arrival.residual_s - middle, arrival.pick.source)
            for arrival in sorted(origin.arrivals, key=lambda arrival: arrival.pick.key, reverse=True)
            if arrival.pick.phase == "P"
        }
        return [
            said
            for key, (residual_s, source) in sorted(firsts.items())
            for said in self._add(key, residual_s, source, origin.time_ns)
        ]

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed; residuals do not age."""
        del now_ns
        return []

    def _add(self, key: str, residual_s: float, source: SourceId, time_ns: int) -> Iterator[Judgement]:
        kept = self._residuals.setdefault(key, deque(maxlen=RESIDUALS))
        kept.append(residual_s)
        before, latest = list(kept)[:-LATEST], list(kept)[-LATEST:]
        if len(before) < LEARN_RESIDUALS:
            return
        rule = rules_of("waveform")["waveform-clock-residual"].limits
        usual = median(before)
        scatter = MAD * median(abs(value - usual) for value in before)
        least = max(rule["least_s"], rule["scatters"] * scatter)
        off = [value - usual for value in latest]
        if all(value >= least for value in off) or all(value <= -least for value in off):
            kept.clear()
            yield _judgement("waveform-clock-residual", source, time_ns, median(off))


def _judgement(detector: str, source: SourceId, time_ns: int, off_s: float) -> Judgement:
    return Judgement(
        detector=detector,
        time_ns=time_ns,
        until_ns=time_ns,
        subject=source.station_key,
        peer="",
        severity="medium",
        probability=rules_of("waveform")[detector].limits["probability"],
        facts=(("off", f"{off_s:+.2f} s"), ("channel", source.nslc)),
        station=shown(source.station_key),
    )
