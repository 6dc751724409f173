"""How hard it shook at every sensor of every station."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.shake.arias import arias
from houfeng.quake.shake.csis import csis
from houfeng.quake.shake.jma import jma
from houfeng.quake.shake.mmi import mmi
from houfeng.quake.shake.motion import SHORTEST_TAPER_S, Motion, ground_motion, whole_record
from houfeng.quake.shake.oscillator import pseudo_acceleration
from houfeng.quake.size.record import LEAST_NOISE_S, NOISE_S, PICK_MARGIN_S, TAIL_S, Record, Window, cut_record
from houfeng.quake.size.sensors import horizontals, ranked_sensors
from houfeng.quake.size.station import SegmentsOf
from houfeng.words.earth import distance_m
from houfeng.words.errors import DataFault
from houfeng.words.instant import EARLIEST_NS, LATEST_NS, NS_PER_S, seconds_to_ns
from houfeng.words.quake import Origin
from houfeng.words.samples import Segment
from houfeng.words.shaking import ComponentMotion, StationShaking
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory, Response, Station

#: Where to look for a quake at a station; None for nowhere.
WindowOf = Callable[[Station], Window | None]

PERIODS_S = (0.3, 1.0, 3.0)

#: Three components must share this much of their time for an intensity.
SHARED = 0.9

#: A record that ends before its window, with its peak in this last share of it or near the taper at its end, may have
#: missed a larger one.
LAST_SHARE = 0.1

NO_RESPONSE = "no response"
NO_DATA = "no data"
CUT_SHORT = "ends while the shaking still grows"


@dataclass(frozen=True, slots=True)
class _Place:
    """One station as seen from the source; epoch_ns is when its metadata are looked up."""

    key: str
    latitude_deg: float | None
    longitude_deg: float | None
    distance_m: float
    epoch_ns: int


def station_shaking(
    origin: Origin | None,
    sources: Sequence[SourceId],
    inventory: Inventory,
    segments_of: SegmentsOf,
    window_of: WindowOf,
) -> tuple[StationShaking, ...]:
    """Say how hard it shook at every sensor: each location and instrument of each station, in order of name.

    origin       of the quake, for distances; None for records without one, as in a strong-motion file
    sources      the channels with data
    segments_of  samples in counts of a channel from one instant to another, in time order
    window_of    where to look at a station: None leaves it out, or, without an origin, takes its whole record

    A sensor that cannot be read, is clipped or lacks a horizontal comes back refused; none stops the others.
    Peaks are of each component's own; what a station says is the larger of its horizontals.
    """
    stations: dict[str, list[SourceId]] = {}
    for source in sorted(set(sources)):
        stations.setdefault(source.station_key, []).append(source)
    said: list[StationShaking] = []
    for key, channels in stations.items():
        epoch_ns = _epoch_ns(channels, segments_of) if origin is None else origin.time_ns
        station = inventory.station(key, epoch_ns) or Station(channels[0].network, channels[0].station, None, None)
        window = window_of(station)
        if window is None and origin is not None:
            continue
        place = _place(station, origin, epoch_ns)
        sensors = sorted(ranked_sensors(channels))
        said.extend(_sensor(place, sensor, inventory, segments_of, window) for sensor in sensors)
    return tuple(said)


def motion_of(
    components: Mapping[SourceId, tuple[Segment, Response]], window: Window | None = None
) -> dict[SourceId, Motion | str]:
    """Motion of the ground at each channel, or why it cannot be told.

    components  a run of samples in counts of each channel, and its response
    window      where to look; None for the whole of it
    """
    return {source: _motion([segment], response, window) for source, (segment, response) in components.items()}


def _sensor(
    place: _Place,
    sensor: Sequence[SourceId],
    inventory: Inventory,
    segments_of: SegmentsOf,
    window: Window | None,
) -> StationShaking:
    motions: dict[SourceId, Motion | str] = {}
    for source in sensor:
        channel = inventory.channel(source, place.epoch_ns)
        if channel is None or channel.response is None:
            motions[source] = NO_RESPONSE
        else:
            motions[source] = _motion(_segments(source, segments_of, window), channel.response, window)
    level = horizontals(sensor, inventory, place.epoch_ns)
    others = tuple(source for source in sensor if source not in level)
    known = [motion for source in level if isinstance(motion := motions[source], Motion)]
    pga, pgv, pgd, psa = _of_horizontals(known)
    energy, duration_s = max((arias(_shaking(motion), motion.rate_hz) for motion in known), default=(np.nan, np.nan))
    three = [motions[source] for source in (*level, *others[:1])]
    record, rate_hz = _aligned([motion for motion in three if isinstance(motion, Motion)])
    return StationShaking(
        station_key=place.key,
        location=sensor[0].location,
        latitude_deg=place.latitude_deg,
        longitude_deg=place.longitude_deg,
        distance_m=place.distance_m,
        pga_mps2=pga,
        pgv_mps=pgv,
        pgd_m=pgd,
        psa03_mps2=psa[0],
        psa10_mps2=psa[1],
        psa30_mps2=psa[2],
        arias_mps=energy,
        duration_s=duration_s,
        csis=csis(record, rate_hz),
        jma=jma(record, rate_hz),
        mmi=float(mmi(pga, pgv)),
        components=tuple(_component(source, motion) for source, motion in motions.items()),
        refused=_refused(motions, level),
    )


def _motion(segments: Sequence[Segment], response: Response, window: Window | None) -> Motion | str:
    record = _record(segments, window)
    if isinstance(record, str):
        return record
    try:
        return ground_motion(record, response)
    except DataFault as fault:
        return fault.reason


def _record(segments: Sequence[Segment], window: Window | None) -> Record | str:
    """The record of a quake; with too little noise before P to judge by, from the segment's start."""
    if not segments:
        return NO_DATA
    if window is None:
        return whole_record(max(segments, key=_hardest), first=segments[0])
    noise_ns = seconds_to_ns(LEAST_NOISE_S + PICK_MARGIN_S)
    for segment in segments:
        if segment.start_ns <= window.onset_ns < segment.start_ns + noise_ns and window.s_ns < segment.end_ns:
            return whole_record(segment, window.end_ns)
    return cut_record(segments, window)


def _hardest(segment: Segment) -> tuple[float, int]:
    """Sorts the runs of a gappy record: the one in which most happened last, among equals the longer."""
    swing = float(segment.samples.max()) - float(segment.samples.min())
    return (swing if np.isfinite(swing) else -1.0, len(segment.samples))


def _segments(source: SourceId, segments_of: SegmentsOf, window: Window | None) -> Sequence[Segment]:
    if window is None:
        return segments_of(source, EARLIEST_NS, LATEST_NS)
    from_ns = window.onset_ns - seconds_to_ns(NOISE_S + 2 * PICK_MARGIN_S)
    return segments_of(source, from_ns, window.end_ns + seconds_to_ns(2 * TAIL_S))


def _epoch_ns(sources: Iterable[SourceId], segments_of: SegmentsOf) -> int:
    """When a station's first record begins; the start of time when there is none."""
    starts = (run.start_ns for source in sources for run in segments_of(source, EARLIEST_NS, LATEST_NS)[:1])
    return min(starts, default=0)


def _place(station: Station, origin: Origin | None, epoch_ns: int) -> _Place:
    latitude_deg, longitude_deg = station.latitude_deg, station.longitude_deg
    away_m = float("nan")
    if origin is not None and latitude_deg is not None and longitude_deg is not None:
        away_m = float(distance_m(origin.latitude_deg, origin.longitude_deg, latitude_deg, longitude_deg))
    return _Place(station.key, latitude_deg, longitude_deg, away_m, epoch_ns)


def _shaking(motion: Motion) -> NDArray[np.float64]:
    return motion.passed_mps2[motion.onset : motion.end]


def _of_horizontals(motions: Sequence[Motion]) -> tuple[float, float, float, list[float]]:
    """The larger of two components in each measure; NaN without any."""
    if not motions:
        return np.nan, np.nan, np.nan, [np.nan] * len(PERIODS_S)
    pga, pgv, pgd = (
        max(motion.peak(series) for motion, series in zip(motions, each, strict=True))
        for each in (
            [motion.acceleration_mps2 for motion in motions],
            [motion.velocity_mps for motion in motions],
            [motion.displacement_m for motion in motions],
        )
    )
    psa = np.stack([pseudo_acceleration(_shaking(motion), motion.rate_hz, PERIODS_S) for motion in motions])
    return pga, pgv, pgd, psa.max(axis=0).tolist()


def _aligned(motions: Sequence[Motion]) -> tuple[NDArray[np.float64], float]:
    """Acceleration of three components over their common time, [3, n]; [3, 0] where they do not go together."""
    if len(motions) != 3:
        return np.zeros((3, 0)), 1.0
    rate_hz, longest = motions[0].rate_hz, max(motion.end for motion in motions)
    begin_ns = max(motion.start_ns for motion in motions)
    skipped = [round((begin_ns - motion.start_ns) / NS_PER_S * rate_hz) for motion in motions]
    count = min(motion.end - skip for motion, skip in zip(motions, skipped, strict=True))
    apart = max(abs(motion.rate_hz / rate_hz - 1) for motion in motions) * longest
    if apart > 0.5 or count < SHARED * longest:
        return np.zeros((3, 0)), 1.0
    cut = [motion.acceleration_mps2[skip : skip + count] for motion, skip in zip(motions, skipped, strict=True)]
    return np.stack(cut), rate_hz


def _component(source: SourceId, motion: Motion | str) -> ComponentMotion:
    if isinstance(motion, str):
        return ComponentMotion(source, np.nan, np.nan, np.nan)
    return ComponentMotion(
        source=source,
        pga_mps2=motion.peak(motion.acceleration_mps2),
        pgv_mps=motion.peak(motion.velocity_mps),
        pgd_m=motion.peak(motion.displacement_m),
        clipped=motion.clipped,
    )


def _refused(motions: Mapping[SourceId, Motion | str], level: Sequence[SourceId]) -> str:
    """Why a sensor does not count: clipped anywhere, as a mass at its stop spoils all; or a horizontal unreadable."""
    flaw = next((motion.clipped for motion in motions.values() if isinstance(motion, Motion) and motion.clipped), "")
    if flaw:
        return f"clipped, {flaw}"
    unread = {motion: None for source, motion in motions.items() if isinstance(motion, str) and source in level}
    if unread:
        return "; ".join(unread)
    if not level:
        alone = [motion for motion in motions.values() if isinstance(motion, str)]
        return alone[0] if alone else "no horizontal component"
    if any(_cut_short(motion) for motion in motions.values() if isinstance(motion, Motion)):
        return CUT_SHORT
    return ""


def _cut_short(motion: Motion) -> bool:
    if motion.whole:
        return False
    peak = motion.onset + int(np.argmax(np.abs(motion.velocity_mps[motion.onset : motion.end])))
    last = max(LAST_SHARE * (motion.end - motion.onset), 2 * SHORTEST_TAPER_S * motion.rate_hz)
    return peak >= motion.end - last
