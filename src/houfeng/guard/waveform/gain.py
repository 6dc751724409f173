"""The judge of levels: a channel whose power steps by one factor in every octave, or that loses the microseism alone.

Each window's power in each octave is compared with the median of the past, in units of the past's own scatter, and
less what the other stations' medians did in the same minute: weather and quakes move them all, a gain moves one.
Steps by 1.2 (1.6 dB) lie within the scatter of a minute of noise and are not claimed; see texture for the comb that
they leave in the numbers.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from houfeng.guard.judge.rules import rules_of
from houfeng.guard.waveform.once import Once
from houfeng.guard.waveform.windows import Window, Windows
from houfeng.words.instant import DAY_NS, NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.samples import PacketBatch, segments_of
from houfeng.words.source import SourceId, shown

Reals = NDArray[np.float64]

#: Octaves, Hz: the secondary microseism, then up to where a channel of 100 Hz ends.
OCTAVES_HZ: Final = ((0.1, 0.35), (0.5, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0), (8.0, 16.0), (16.0, 32.0))
#: A window: two periods of the longest microseism looked at.
WINDOW_S: Final = 20.0
#: Windows of the past that are compared with, and least of them: from two minutes on, forgetting after 40.
PAST: Final = 120
LEARN: Final = 6
#: Windows that must agree before anything is said: a minute. The coda of a small quake falls by more meanwhile.
AGREE: Final = 3
#: Share of the Nyquist frequency up to which a digitiser is flat.
FLAT: Final = 0.8
#: Share of the past's windows at either end that may have been as far out: quakes and lorries.
TAIL: Final = 0.2
#: Stations needed to know what all of them did.
NEIGHBOURS: Final = 3


@dataclass(slots=True)
class _Channel:
    """Levels of a channel's windows: those learned, and the latest, which wait to be."""

    past: deque[Reals] = field(default_factory=lambda: deque(maxlen=PAST))
    recent: deque[Reals] = field(default_factory=lambda: deque(maxlen=AGREE))


class GainJudge:
    """Says which channels' gain stepped, and which lost the microseism."""

    def __init__(self) -> None:
        self._windows = Windows(WINDOW_S)
        self._channels: dict[SourceId, _Channel] = {}
        self._moves: dict[str, deque[tuple[int, Reals]]] = {}
        self._once = Once()

    def handle(self, batch: PacketBatch) -> list[Judgement]:
        """Packets arrived."""
        windows = (window for segment in segments_of(batch) for window in self._windows.follow(segment))
        return [judgement for window in windows for judgement in self._window(window)]

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Forget what is over."""
        self._once.elapse(now_ns)
        return []

    def _window(self, window: Window) -> Iterator[Judgement]:
        source, end_ns = window.source, window.end_ns
        channel = self._channels.get(source)
        if channel is None or window.pause_ns > DAY_NS:
            channel = self._channels[source] = _Channel()
        channel.recent.append(levels_db(window.samples.astype(np.float64), window.rate_hz))
        if len(channel.past) < LEARN:
            channel.past.append(channel.recent[-1])
            return
        past = np.array(channel.past)
        middle = np.median(past, axis=0)
        scatter = np.maximum(1.4826 * np.median(np.abs(past - middle), axis=0), LEAST_DB)
        moved = np.array(channel.recent) - middle
        shared = self._shared(source.station_key, end_ns, moved[-1])
        stepped = _beyond(step_db(moved - shared, scatter), past - middle)
        lost = _lost_microseism(moved, scatter)
        said = ("waveform-gain", stepped) if stepped else ("waveform-microseism", lost) if lost else None
        if said is None:
            # What steps is not learned as the past before it is told; the oldest of three is beyond doubt by then.
            if len(channel.recent) == AGREE:
                channel.past.append(channel.recent[0])
            return
        detector, change_db = said
        if self._once.first(detector, source.nslc, end_ns):
            yield Judgement(
                detector=detector,
                time_ns=end_ns,
                until_ns=end_ns,
                subject=source.nslc,
                peer="",
                severity="medium",
                probability=rules_of("waveform")[detector].limits["probability"],
                facts=(("factor", f"{10 ** (change_db / 20):.2f}"), ("change", f"{change_db:+.1f} dB")),
                station=shown(source.station_key),
            )

    def _shared(self, station_key: str, end_ns: int, moved: Reals) -> Reals:
        """What the median of the other stations did in the same minute; nothing where too few are heard."""
        self._moves.setdefault(station_key, deque(maxlen=8)).append((end_ns, moved))
        others = [
            move
            for key, moves in self._moves.items()
            if key != station_key
            for time_ns, move in list(moves)[-1:]
            if abs(time_ns - end_ns) <= 3 * WINDOW_S * NS_PER_S
        ]
        if len(others) < NEIGHBOURS:
            return np.zeros(len(OCTAVES_HZ))
        told = np.array(others)
        heard = np.sum(np.isfinite(told), axis=0) >= NEIGHBOURS
        shared = np.zeros(len(OCTAVES_HZ))
        shared[heard] = np.nanmedian(told[:, heard], axis=0)
        return shared


#: Scatter is never taken as smaller: the spectrum of 20 s of steady noise is known to half a decibel in an octave.
LEAST_DB: Final = 0.5


def levels_db(window: Reals, rate_hz: float) -> Reals:
    """Power in each octave, dB of counts squared; nan above what the rate can carry."""
    power = np.abs(np.fft.rfft((window - window.mean()) * np.hanning(len(window)))) ** 2
    frequency = np.fft.rfftfreq(len(window), 1 / rate_hz)
    levels = np.full(len(OCTAVES_HZ), np.nan)
    for k, (low, high) in enumerate(OCTAVES_HZ):
        if high <= FLAT * rate_hz / 2:
            # One count squared over the window keeps digital silence finite.
            levels[k] = 10 * np.log10(np.sum(power[(frequency >= low) & (frequency < high)]) + len(window))
    return levels


def step_db(moved: Reals, scatter: Reals) -> float:
    """By how much every octave stepped alike, dB; 0.0 where they did not.

    moved    [AGREE, octaves] of the latest windows over the past
    scatter  [octaves] of one window in the past, dB
    """
    rule = rules_of("waveform")["waveform-gain"].limits
    use = np.isfinite(moved).all(axis=0)
    if len(moved) < AGREE or use.sum() < rule["octaves"]:
        return 0.0
    each = moved[:, use].mean(axis=1)
    mean = float(each.mean())
    octaves = moved[:, use].mean(axis=0)
    error = float(np.sqrt(np.mean(scatter[use] ** 2) / use.sum()))
    apart = np.max(np.abs(octaves - mean) / np.maximum(scatter[use], 1.0))
    steady = np.ptp(each) <= max(rule["steady_db"], 3 * error)
    far = abs(mean) >= max(rule["least_db"], rule["errors"] * error)
    return mean if far and steady and apart <= rule["apart"] else 0.0


def _beyond(stepped: float, past: Reals) -> float:
    """A step, if it leads beyond what the past did: a coda that ends is back where it was."""
    use = np.isfinite(past).all(axis=0)
    each = past[:, use].mean(axis=1) if use.any() else np.zeros(1)
    margin = rules_of("waveform")["waveform-gain"].limits["beyond_db"]
    low, high = np.quantile(each, (TAIL, 1 - TAIL))
    return stepped if stepped > high + margin or stepped < low - margin else 0.0


def _lost_microseism(moved: Reals, scatter: Reals) -> float:
    rule = rules_of("waveform")["waveform-microseism"].limits
    if len(moved) < AGREE or not np.isfinite(moved).all(axis=0)[:3].all():
        return 0.0
    lost = float(moved[:, 0].max())
    others = float(np.nanmin(moved[:, 2:].mean(axis=0)))
    return lost if lost <= -max(rule["least_db"], 4 * scatter[0]) and others >= lost / 2 else 0.0
