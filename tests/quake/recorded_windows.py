"""Recordings with analyst picks as windows with plain triggers, for the tests of pickers."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from obspy import UTCDateTime, read
from obspy.signal.trigger import recursive_sta_lta, trigger_onset
from scipy.signal import butter, sosfilt

from houfeng.quake.detect.window import Window
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

BEFORE_S, OWN_S, AFTER_S = 12, 30, 60


@dataclass(frozen=True)
class Sensor:
    """The whole record of one sensor and where a plain detector triggered on any component."""

    station_key: str
    segments: tuple[Segment, ...]
    triggers_ns: tuple[int, ...]

    def picks(self, picker):
        """What a picker says when each burst of triggers gives it one window."""
        waiting, found = list(self.triggers_ns), []
        while waiting:
            first = waiting[0]
            window = self.window(first - BEFORE_S * NS_PER_S, first + AFTER_S * NS_PER_S)
            told = picker.picks(window, [t for t in waiting if t < first + AFTER_S * NS_PER_S])
            found += [p for p in told if p.phase == "S" or p.time_ns < first + OWN_S * NS_PER_S]
            waiting = [t for t in waiting if t >= first + OWN_S * NS_PER_S]
        return found

    def window(self, begin_ns, end_ns):
        cut = []
        for s in self.segments:
            a = max(0, round((begin_ns - s.start_ns) * s.rate_hz / NS_PER_S))
            b = min(len(s.samples), round((end_ns - s.start_ns) * s.rate_hz / NS_PER_S))
            if b > a:
                cut.append(Segment(s.source, s.time_ns(a), s.rate_hz, s.samples[a:b]))
        return Window(self.station_key, tuple(cut))


def instant_ns(text):
    return int(UTCDateTime(text).ns)


def rows(path: Path):
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def sensors(path: Path):
    """The sensors of one miniSEED file. Two loggers of one site are told apart by letters against numbers."""
    groups = {}
    for trace in read(str(path)):
        s = trace.stats
        kind = np.int32 if trace.data.dtype.kind == "i" else np.float64
        source = SourceId(s.network, s.station, s.location, s.channel)
        segment = Segment(source, int(s.starttime.ns), float(s.sampling_rate), trace.data.astype(kind))
        logger = s.station == "FRAN" and s.channel[-1] in "123"
        groups.setdefault((source.sensor, logger), []).append(segment)
    return [
        Sensor(parts[0].source.station_key, tuple(parts), tuple(sorted(t for p in parts for t in triggers(p))))
        for parts in groups.values()
    ]


def triggers(segment):
    """Instants at which ObsPy's recursive STA/LTA passes 3.5 in one of five octave-wide bands."""
    x = segment.samples.astype(float)
    x -= x[: max(1, int(segment.rate_hz))].mean()
    for low, high in ((1, 4), (2, 8), (4, 16), (8, 32), (16, 64)):
        top = min(high, 0.45 * segment.rate_hz)
        sta = max(1.0 / low, 0.1)
        lta = max(10 * sta, 4)
        counts = round(sta * segment.rate_hz), round(lta * segment.rate_hz)
        if top < 1.5 * low or len(x) < counts[1] + 10:
            continue
        band = sosfilt(butter(2, [low, top], "band", fs=segment.rate_hz, output="sos"), x)
        ratio = recursive_sta_lta(band, *counts)
        ratio[: int(0.8 * counts[1])] = 0
        yield from (segment.time_ns(int(on)) for on, _ in trigger_onset(ratio, 3.5, 1.5))


def single_station(folder: Path):
    """(sensor, {phase: truth_ns}) of picks_stead_a or picks_ncedc_a."""
    for row in rows(folder / "truth" / "picks.csv"):
        truth = {"P": instant_ns(row["p_time"]), "S": instant_ns(row["s_time"])}
        yield sensors(folder / "waveforms" / row["file"])[0], truth


def score(picker, cases):
    """{phase: errors in s of the nearest pick within 0.5 s (P) or 1 s (S)}, the number of cases, and of P before P."""
    errors, early, count = {"P": [], "S": []}, 0, 0
    for sensor, truth in cases:
        picks = sensor.picks(picker)
        count += 1
        for phase, tolerance in (("P", 0.5), ("S", 1.0)):
            away = [(p.time_ns - truth[phase]) / NS_PER_S for p in picks if p.phase == phase]
            best = min(away, key=abs, default=9.0)
            errors[phase] += [best] if abs(best) <= tolerance else []
        early += sum(p.phase == "P" and p.probability >= 0.5 and p.time_ns < truth["P"] - NS_PER_S // 2 for p in picks)
    return errors, count, early
