"""The record section: one trace a station, nearest below, with picks and expected arrivals."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy import signal

from houfeng.serve.figures.labels import Language, expected_label, label, pick_label
from houfeng.serve.figures.style import (
    FAINT_INK,
    HEAD_IN,
    INK,
    PHASE_COLOUR,
    SMALL_PT,
    TEXT_PT,
    dress,
    headline,
    legend,
    new_figure,
    plain,
    png,
    say_nothing_there,
)
from houfeng.words.earth import distance_m
from houfeng.words.instant import NS_PER_S
from houfeng.words.quake import Arrival, Origin, Phase, Quake
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId, shown
from houfeng.words.station import Station

#: More lines than this cannot be told apart on a page.
MOST_TRACES = 40

WIDTH_IN = 10.0
ROW_IN = 0.3
FOOT_IN = 0.95

#: Local quakes speak at 1 to 20 Hz; beyond this distance the Earth has taken the upper half.
FAR_M = 150_000.0
NEAR_BAND_HZ = (1.0, 20.0)
FAR_BAND_HZ = (0.5, 8.0)

#: A filter cannot reach the Nyquist frequency, half the sampling rate.
TOP_OF_RATE = 0.4

#: Drawn columns per trace: more than pixels across, so nothing is lost by keeping extremes only.
COLUMNS = 2500

#: A trace may reach this far into its neighbours' rows.
HEIGHT = 0.62

OUTLIER_WEIGHT = 0.1

#: Predicted arrival, ns, of a phase at NET.STA.
Predicted = Mapping[tuple[str, Phase], int]


@dataclass(frozen=True, slots=True)
class _Row:
    """One station's line."""

    key: str
    distance_m: float
    source: SourceId
    segments: Sequence[Segment]
    arrivals: list[Arrival] = field(default_factory=list)


def record_section(
    quake: Quake,
    segments: Mapping[SourceId, Sequence[Segment]],
    predicted: Predicted,
    *,
    stations: Mapping[str, Station] = MappingProxyType({}),
    language: Language = "en",
) -> bytes:
    """Draw what the stations recorded of a quake, as PNG.

    segments   samples in counts by channel, around the quake; other channels may be among them
    predicted  when each phase should have come to each station, by the location
    stations   places of stations that have no arrival; without it only those with arrivals are drawn

    One trace a station: the vertical of the sensor that was picked, band-passed without looking ahead so that
    nothing moves before its onset, each to its own largest swing. Of more than 40 stations, 40 spread over distance.
    """
    rows, hidden = _rows(quake.origin, segments, stations)
    band_hz = FAR_BAND_HZ if max((row.distance_m for row in rows), default=0.0) > FAR_M else NEAR_BAND_HZ
    height_in = HEAD_IN + FOOT_IN + ROW_IN * max(len(rows), 8) + 0.3
    figure = new_figure(WIDTH_IN, height_in)
    axes = figure.add_axes((0.05, FOOT_IN / height_in, 0.78, 1 - (HEAD_IN + FOOT_IN) / height_in))
    dress(axes)
    axes.grid(visible=False, axis="y")
    more = f"  ·  {hidden} {label('more', language)}" if hidden else ""
    filtered = f"{label('band', language)} {band_hz[0]:g}-{band_hz[1]:g} Hz"
    headline(figure, quake, language, filtered + more)
    first_s, last_s = _span_s(quake.origin, rows, predicted)
    axes.set_xlim(first_s, last_s)
    axes.set_ylim(-0.9, max(len(rows), 1) - 0.1)
    axes.set_yticks([])
    axes.set_xlabel(label("time", language), fontsize=TEXT_PT, color=INK)
    decimals = 1 if rows and rows[-1].distance_m < 100_000.0 else 0
    for height, row in enumerate(rows):
        _draw_trace(axes, height, row, quake.origin.time_ns, (first_s, last_s), band_hz)
        text = f"{shown(row.key)}  {row.source.channel}"
        axes.text(
            1.008, height, plain(text, 28), transform=axes.get_yaxis_transform(), fontsize=SMALL_PT, color=INK,
            va="center",
        )  # fmt: skip
        axes.text(
            1.21, height, f"{row.distance_m / 1000:.{decimals}f} km",
            transform=axes.get_yaxis_transform(), fontsize=SMALL_PT, color=FAINT_INK, va="center", ha="right",
        )  # fmt: skip
    _draw_expected(axes, rows, predicted, quake.origin.time_ns, language)
    _draw_picks(axes, rows, quake.origin.time_ns, language)
    if first_s < 0:
        axes.axvline(0.0, color=FAINT_INK, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
    if not rows:
        say_nothing_there(axes, label("no waveforms", language))
    legend(axes, loc="lower left", ncols=6, bbox_to_anchor=(0.05, 0.12 / height_in), bbox_transform=figure.transFigure)
    return png(figure)


def _rows(
    origin: Origin, segments: Mapping[SourceId, Sequence[Segment]], stations: Mapping[str, Station]
) -> tuple[list[_Row], int]:
    arrivals: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in origin.arrivals:
        arrivals[arrival.pick.source.station_key].append(arrival)
    channels: dict[str, list[SourceId]] = defaultdict(list)
    for source, runs in segments.items():
        if runs:
            channels[source.station_key].append(source)
    rows = []
    for key, sources in channels.items():
        distance = _distance_m(origin, arrivals.get(key, []), stations.get(key))
        if distance is not None:
            source = _shown(sources, segments, arrivals.get(key, []))
            rows.append(_Row(key, distance, source, segments[source], arrivals.get(key, [])))
    rows.sort(key=lambda row: (row.distance_m, row.key))
    return _spread(rows)


def _spread(rows: list[_Row]) -> tuple[list[_Row], int]:
    """At most MOST_TRACES rows: those with arrivals first, evenly over distance, then the nearest others."""
    picked = [row for row in rows if row.arrivals]
    if len(picked) >= MOST_TRACES:
        steps = np.unique(np.round(np.linspace(0, len(picked) - 1, MOST_TRACES)).astype(int))
        kept = [picked[step] for step in steps]
    else:
        others = [row for row in rows if not row.arrivals][: MOST_TRACES - len(picked)]
        kept = sorted([*picked, *others], key=lambda row: (row.distance_m, row.key))
    return kept, len(rows) - len(kept)


def _distance_m(origin: Origin, arrivals: Sequence[Arrival], station: Station | None) -> float | None:
    if arrivals:
        return arrivals[0].distance_m
    if station is None or station.latitude_deg is None or station.longitude_deg is None:
        return None
    return float(distance_m(origin.latitude_deg, origin.longitude_deg, station.latitude_deg, station.longitude_deg))


def _shown(
    sources: Sequence[SourceId], segments: Mapping[SourceId, Sequence[Segment]], arrivals: Sequence[Arrival]
) -> SourceId:
    """The vertical of the sensor on which P was picked; what comes closest to it otherwise, the finest in time."""
    picked = {arrival.pick.source.sensor for arrival in arrivals if arrival.pick.phase == "P"}
    return min(
        sources,
        key=lambda source: (
            source.sensor not in picked,
            source.component not in {"Z", "U"},
            -segments[source][0].rate_hz,
            source,
        ),
    )


def _span_s(origin: Origin, rows: Sequence[_Row], predicted: Predicted) -> tuple[float, float]:
    """From a little before the first P to well after the last S; from the origin where that is not far."""
    shown = {row.key for row in rows}
    times = [time_ns for (key, _), time_ns in predicted.items() if key in shown]
    times += [arrival.pick.time_ns for row in rows for arrival in row.arrivals]
    seconds = [(time_ns - origin.time_ns) / NS_PER_S for time_ns in times] or [0.0, 30.0]
    first, last = min(seconds), max(seconds)
    end = last + max(5.0, 0.5 * last)
    recorded = [(row.segments[-1].end_ns - origin.time_ns) / NS_PER_S for row in rows]
    end = max(last + 1.0, min(end, max(recorded, default=end)))
    start = -0.04 * end if first < 0.35 * end else first - 0.1 * (end - first)
    return start, end


def _draw_trace(
    axes: Axes, height: int, row: _Row, origin_ns: int, span_s: tuple[float, float], band_hz: tuple[float, float]
) -> None:
    curves = []
    for segment in row.segments:
        seconds = (segment.start_ns - origin_ns) / NS_PER_S + np.arange(len(segment.samples)) / segment.rate_hz
        swing = _filtered(segment, band_hz)
        inside = (seconds >= span_s[0]) & (seconds <= span_s[1]) & np.isfinite(swing)
        if inside.any():
            curves.append(_extremes(seconds[inside], swing[inside]))
    largest = max((float(np.abs(swing).max()) for _, swing in curves), default=0.0)
    colour, width = (INK, 0.55) if row.arrivals else (FAINT_INK, 0.5)
    for seconds, swing in curves:
        scaled = swing * (HEIGHT / largest) if largest > 0 else swing
        axes.plot(seconds, height + scaled, color=colour, linewidth=width, zorder=2, solid_joinstyle="bevel")


def _filtered(segment: Segment, band_hz: tuple[float, float]) -> NDArray[np.float64]:
    samples = np.asarray(segment.samples, dtype=np.float64)
    rest = samples - np.median(samples)
    top = min(band_hz[1], TOP_OF_RATE * segment.rate_hz)
    if top <= band_hz[0] or not np.all(np.isfinite(rest)):
        return rest
    filtered = signal.sosfilt(signal.butter(2, (band_hz[0], top), "bandpass", fs=segment.rate_hz, output="sos"), rest)
    return np.asarray(filtered, dtype=np.float64)


def _extremes(
    seconds: NDArray[np.float64], swing: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same curve with no more points than can be seen: smallest and largest of each column."""
    step = len(swing) // COLUMNS
    if step < 2:
        return seconds, swing
    whole = len(swing) // step * step
    columns = swing[:whole].reshape(-1, step)
    pairs = np.stack([columns.min(axis=1), columns.max(axis=1)], axis=1).ravel()
    return np.repeat(seconds[:whole:step], 2), pairs


def _draw_expected(axes: Axes, rows: Sequence[_Row], predicted: Predicted, origin_ns: int, language: Language) -> None:
    for phase, colour in PHASE_COLOUR.items():
        at = [(height, predicted[row.key, phase]) for height, row in enumerate(rows) if (row.key, phase) in predicted]
        if at:
            seconds = [(time_ns - origin_ns) / NS_PER_S for _, time_ns in at]
            axes.plot(
                seconds, [height for height, _ in at], color=colour, linewidth=0.8, alpha=0.8, zorder=1.5,
                linestyle=(0, (1, 2)), marker="|", markersize=7, markeredgewidth=0.9,
                label=expected_label(phase, language),
            )  # fmt: skip


def _draw_picks(axes: Axes, rows: Sequence[_Row], origin_ns: int, language: Language) -> None:
    for phase, colour in PHASE_COLOUR.items():
        for used in (True, False):
            marks = [
                (height, (arrival.pick.time_ns - origin_ns) / NS_PER_S)
                for height, row in enumerate(rows)
                for arrival in row.arrivals
                if arrival.pick.phase == phase and (arrival.weight >= OUTLIER_WEIGHT) == used
            ]
            if marks:
                name = pick_label(phase, language) + ("" if used else f" {label('not used', language)}")
                axes.vlines(
                    [seconds for _, seconds in marks], [height - 0.42 for height, _ in marks],
                    [height + 0.42 for height, _ in marks], color=colour, linewidth=1.6 if used else 1.0,
                    linestyle="solid" if used else (0, (1.5, 1)), zorder=5, label=name,
                )  # fmt: skip
