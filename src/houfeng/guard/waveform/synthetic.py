"""The judge of numbers: records that no digitiser on live ground writes, window by window, each beside its own past."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from houfeng.guard.judge.rules import rules_of
from houfeng.guard.waveform.once import Once
from houfeng.guard.waveform.texture import ANCHOR, Texture, empty_levels, find_loop, look
from houfeng.guard.waveform.windows import Window, Windows, joined
from houfeng.words.instant import DAY_NS
from houfeng.words.judgement import Judgement, Severity
from houfeng.words.samples import PacketBatch, Samples, segments_of
from houfeng.words.source import SourceId, shown

#: A window: long enough for its correlations to be known to a tenth at 20 Hz, short enough to tell within seconds.
WINDOW_S: Final = 8.0
#: Windows kept behind it, in which a loop is looked for: what repeats later than a minute the replay judge finds.
BUFFER_WINDOWS: Final = 8
#: Windows of a channel's own past before anything is compared with it: half a minute.
LEARN: Final = 4
#: Weight of a new window in the running mean of the past: it forgets over some ten minutes.
FORGET: Final = 1 / 64

#: A channel's past is forgotten after silence of a month: as long as replays are remembered.
REMEMBER_NS: Final = 31 * DAY_NS
#: Share of the last minute's range at either end that counts as a rail; a sample of noise is there once in 500.
RAIL: Final = 0.05
#: White noise has no correlation beyond this many times what chance allows: the greatest of eight stays under it in
#: 99.6 windows of 100.
WHITE: Final = 3.5

Said = tuple[str, Severity, tuple[tuple[str, str], ...]]


@dataclass(slots=True)
class _Past:
    """What a channel's windows were like.

    same    running share of samples equal to the one before
    white   running measure of whiteness
    spread  running standard deviation, of its logarithm
    step    greatest number that divided every difference so far
    comb    running share of levels that are empty; nan before it could be said
    low, high  least and greatest sample so far
    """

    windows: int = 0
    same: float = 0.0
    white: float = 0.0
    spread: float = 0.0
    step: int = 0
    comb: float = float("nan")
    low: float = float("inf")
    high: float = float("-inf")


@dataclass(slots=True)
class _Channel:
    """What is known of a channel.

    before  its latest windows that follow each other
    white   windows in a row that were white
    """

    before: list[Samples] = field(default_factory=list)
    past: _Past = field(default_factory=_Past)
    white: int = 0


class SyntheticJudge:
    """Says which channels write numbers that are frozen, looped, held, thinned, rescaled, clipped or white."""

    def __init__(self) -> None:
        self._windows = Windows(WINDOW_S, least=2 * ANCHOR)
        self._channels: dict[SourceId, _Channel] = {}
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
        channel = self._channels.get(window.source)
        if channel is None or window.pause_ns > REMEMBER_NS:
            channel = self._channels[window.source] = _Channel()
        texture = look(window.samples)
        channel.before = [*([] if window.fresh else channel.before[-BUFFER_WINDOWS + 1 :]), window.samples]
        channel.white = channel.white + 1 if texture.white < WHITE else 0
        together = joined(channel.before)
        said = [
            *_alone(texture, together, channel.past, window.rate_hz),
            *_looped(together, texture),
            *_changed(texture, together, channel),
        ]
        if not said:
            _learn(channel.past, texture, window.samples, together)
        for detector, severity, facts in said:
            if self._once.first(detector, window.source.nslc, window.end_ns):
                yield Judgement(
                    detector=detector,
                    time_ns=window.end_ns,
                    until_ns=window.end_ns,
                    subject=window.source.nslc,
                    peer="",
                    severity=severity,
                    probability=rules_of("waveform")[detector].limits["probability"],
                    facts=facts,
                    station=shown(window.source.station_key),
                )


def _alone(texture: Texture, together: Samples, past: _Past, rate_hz: float) -> Iterator[Said]:
    """What one window shows by itself or beside how often its channel repeats a sample."""
    limits = rules_of("waveform")
    seconds = texture.longest_run / rate_hz
    # So many equal samples in a row happen by accident less than once in e^28 = 1e12 samples.
    by_accident = -28.0 / np.log(min(max(past.same, 1e-6), 1 - 1e-6))
    if seconds >= limits["waveform-frozen"].limits["run_s"] and texture.longest_run > by_accident:
        at_rail = _at_rail(texture.run_value, float(together.min()), float(together.max()))
        detector = "waveform-clipped" if at_rail else "waveform-frozen"
        yield detector, "low" if at_rail else "medium", (("seconds", f"{seconds:.1f}"),)
    elif texture.flat_tops >= limits["waveform-clipped"].limits["tops"] and _far(texture, past):
        yield "waveform-clipped", "low", (("seconds", f"{WINDOW_S:.0f}"),)
    if texture.held > 1:
        yield "waveform-held", "medium", (("held", str(texture.held)),)


def _at_rail(value: float, low: float, high: float) -> bool:
    """Whether a value lies at an end of the last minute's range: digitisers' rails are some per cent inside it."""
    return high > low and min(value - low, high - value) <= RAIL * (high - low)


def _far(texture: Texture, past: _Past) -> bool:
    """Whether a window is far louder than the past: near its floor three equal samples at a limit are an accident."""
    return past.windows > 0 and texture.spread > 10.0 * float(np.exp(past.spread))


def _looped(together: Samples, texture: Texture) -> Iterator[Said]:
    least = rules_of("waveform")["waveform-loop"].limits
    if texture.values < least["values"] or texture.held > 1:
        return
    lag, agreed = find_loop(together)
    if agreed >= least["samples"] and len(np.unique(together[-agreed:])) >= least["values"] and lag > 1:
        yield "waveform-loop", "high", (("lag", str(lag)), ("samples", str(agreed)))


def _changed(texture: Texture, together: Samples, channel: _Channel) -> Iterator[Said]:
    """What a window shows beside its channel's own past."""
    past = channel.past
    if past.windows < LEARN:
        return
    limits = rules_of("waveform")
    if past.step and texture.step > past.step and texture.values >= limits["waveform-comb"].limits["values"]:
        yield "waveform-comb", "medium", (("what", f"every value is a multiple of {texture.step}"),)
    else:
        share = _comb(together)
        if share - max(past.comb, 0.0) >= limits["waveform-comb"].limits["share"]:
            yield "waveform-comb", "medium", (("what", f"{share:.0%} of the values in use are left out"),)
    white = limits["waveform-white"].limits
    if channel.white >= white["windows"] and past.white >= white["coloured"]:
        yield "waveform-white", "medium", (("seconds", f"{channel.white * WINDOW_S:.0f}"),)


def _comb(together: Samples) -> float:
    """Share of levels left out; nan where it cannot be said."""
    if together.dtype != np.int32:
        return float("nan")
    empty, judged = empty_levels(np.asarray(together, dtype=np.int32))
    return empty / judged if judged >= rules_of("waveform")["waveform-comb"].limits["levels"] else float("nan")


def _learn(past: _Past, texture: Texture, window: Samples, together: Samples) -> None:
    weight = max(1.0 / (past.windows + 1), FORGET)
    past.windows += 1
    past.same += weight * (texture.same - past.same)
    past.white += weight * (min(texture.white, 1e3) - past.white)
    past.spread += weight * (float(np.log(max(texture.spread, 1e-3))) - past.spread)
    past.step = int(np.gcd(past.step, texture.step))
    share = _comb(together)
    past.comb = share if np.isnan(past.comb) else float(np.fmax(past.comb, share))
    past.low, past.high = min(past.low, float(window.min())), max(past.high, float(window.max()))
